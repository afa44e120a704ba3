"""What ``/api/v1/clusters`` tells."""

from tests.contract.conftest import NOW, Api, Clock, Serve
from tests.contract.kubernetes import Cluster, node, pod


async def test_the_cluster_to_ask_for_can_be_found(api: Api, cluster: Cluster, clock: Clock) -> None:
    cluster.add(node("gpu-0"), pod("a", "gpu-0", gpus=3))
    cluster.publish(NOW)
    clock.now = NOW + 1.5
    assert (await api.ask("/api/v1/clusters")).data == {
        "clusters": [
            {
                "name": "prod-cluster",
                "local": True,
                "status": "ok",
                "age_seconds": 1.5,
                "totals": {"total_gpus": 8, "allocated_gpus": 3, "available_gpus": 5, "running_tasks": 1},
            }
        ]
    }


async def test_a_cluster_that_is_not_listed_yet_is_named_without_figures(
    serve: Serve, cluster: Cluster
) -> None:
    cluster.add(node("gpu-0"))
    cluster.publish(NOW, synced=False)
    api = await serve()
    assert (await api.ask("/api/v1/clusters")).data == {
        "clusters": [
            {"name": "prod-cluster", "local": True, "status": "syncing", "age_seconds": None, "totals": None}
        ]
    }


async def test_a_cluster_whose_apiserver_is_gone_is_shown_as_stale(api: Api, clock: Clock) -> None:
    clock.now = NOW + 301
    (entry,) = (await api.ask("/api/v1/clusters")).data["clusters"]
    assert (entry["status"], entry["age_seconds"]) == ("stale", 301)
