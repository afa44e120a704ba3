"""Pods on nodes that nobody has: whoever may create pods may name any, and any MIG profile."""

import pytest

from lens.model.alerts.alert import Thresholds
from lens.model.monitor import Monitor
from tests.contract.access.test_hostile_callers import MIB, resident
from tests.contract.conftest import NOW, Api
from tests.contract.figures.test_metrics import scrape
from tests.contract.kubernetes import Cluster, Manifest, node, pod
from tests.contract.listening import listen

MANY = 5000


def made_up(number: int, resources: int = 4, node_name: str | None = None) -> Manifest:
    """Return a pod on a node of its own that doesn't exist, with MIG devices that nobody makes."""
    made = pod(f"p{number}", node_name or f"no-{number:05}", phase="Pending", started=None)
    limits = {f"nvidia.com/mig-1g.{number}gb.made-up-{each}": "1" for each in range(resources)}
    made["spec"]["containers"][0]["resources"]["limits"] = limits
    return made


def look(cluster: Cluster) -> None:
    """Let what is wrong be found."""
    monitor = Monitor(Thresholds(for_seconds=0), 100)
    cluster.state.alerts_and_events = monitor.evaluate(cluster.state.current, (), NOW)


async def test_thousands_of_made_up_nodes_are_few_rows_and_one_alert(api: Api, cluster: Cluster) -> None:
    cluster.add(node("gpu-0"), pod("sound", "gpu-0"))
    before = resident()
    cluster.add(*(made_up(number) for number in range(MANY)))
    cluster.publish(NOW)
    look(cluster)
    answer = await api.status("&include=nodes,alerts")
    assert len(answer.body) < 256 * 1024
    assert resident() - before < 64 * MIB
    data = answer.data
    assert [row["node_name"] for row in data["nodes"]] == ["gpu-0", *(f"no-{each:05}" for each in range(100))]
    assert data["gpu_states"]["missing_nodes"] == MANY
    assert data["gpu_states"]["overcommitted"] >= MANY
    assert data["current_gpu_usage"]["total_gpus"] == 8
    assert len(data["units"]) <= 64
    (alert,) = data["alerts"]
    assert (alert["type"], alert["source"]) == ("Overcommitted", "Node/no-00000")
    assert "no-00003 and 4996 more nodes, which don't exist or have no GPUs" in alert["message"]
    assert (await scrape(api))["lens_missing_nodes"] == MANY
    assert (await api.ask("/api/v1/realtime/nodes/no-04999?cluster=prod-cluster")).data["node"]["status"] == (
        "Missing"
    )


async def test_a_node_that_does_not_exist_is_named_in_the_alert(api: Api, cluster: Cluster) -> None:
    cluster.add(node("gpu-0"), pod("stray", "gone", gpus=3))
    cluster.publish(NOW)
    look(cluster)
    (alert,) = (await api.status("&include=alerts")).data["alerts"]
    assert alert["message"] == "Pods hold 3 GPUs on gone, which doesn't exist or has no GPUs"


@pytest.mark.parametrize("where", ["gpu-0", "gone"])
async def test_made_up_resources_of_one_node_are_few_and_all_counted(
    api: Api, cluster: Cluster, where: str
) -> None:
    cluster.add(node("gpu-0"), *(made_up(number, 16, where) for number in range(500)))
    cluster.publish(NOW)
    answer = await api.status("&include=nodes")
    assert len(answer.body) < 64 * 1024
    row = next(each for each in answer.data["nodes"] if each["node_name"] == where)
    assert len(row["resources"]) <= 9
    assert row["overcommitted_gpus"] > 500 * 16 - 8


async def test_what_nodes_have_is_among_the_clusters_units_whatever_is_made_up(
    api: Api, cluster: Cluster
) -> None:
    profile = "nvidia.com/mig-3g.40gb"
    cluster.add(node("gpu-0", 2, resource=profile), *(made_up(number) for number in range(200)))
    cluster.publish(NOW)
    units = (await api.status()).data["units"]
    assert len(units) == 64
    assert next(each for each in units if each["resource"] == profile)["available"] == 2
    for number in range(200):
        cluster.remove_pod("ml-team", f"p{number}")
    cluster.publish(NOW)
    data = (await api.status("&include=nodes", Cache_Control="no-cache")).data
    assert [each["resource"] for each in data["units"]] == [profile]
    assert (data["gpu_states"]["missing_nodes"], data["gpu_states"]["overcommitted"]) == (0, 0)


async def test_a_stream_has_the_listed_made_up_nodes(api: Api, cluster: Cluster) -> None:
    cluster.add(node("gpu-0"), *(made_up(number) for number in range(100, 201)))
    cluster.publish(NOW)
    async with listen(api, "&include=nodes") as stream:
        listed = {row["node_name"] for row in (await stream.next()).data["nodes"]}
        assert listed == {"gpu-0", *(f"no-{each:05}" for each in range(100, 200))}
        cluster.add(made_up(0), made_up(999))
        cluster.publish(NOW)
        change = (await stream.next()).data["nodes"]
        assert [row["node_name"] for row in change["changed"]] == ["no-00000"]
        assert change["gone"] == ["no-00199"]
        cluster.remove_pod("ml-team", "p150")
        cluster.publish(NOW)
        change = (await stream.next()).data["nodes"]
        assert [row["node_name"] for row in change["changed"]] == ["no-00199"]
        assert change["gone"] == ["no-00150"]
