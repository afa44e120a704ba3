"""What ``/api/v1/realtime/status`` tells."""

import pytest

from tests.contract.conftest import NOW, Api, Clock, Serve
from tests.contract.kubernetes import Cluster, node, pod


def a_mixed_cluster(cluster: Cluster) -> None:
    """72 GPUs on nine nodes; 34 are held, and 2 more on a node that is gone; 3 are ill; 15 out of reach."""
    cluster.add(*(node(f"gpu-{number}", product="NVIDIA-H100-80GB-HBM3") for number in range(6)))
    cluster.add(node("gpu-6", healthy=5), node("gpu-7", cordoned=True))
    cluster.add(
        node("gpu-8", ready=False, taints=[{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}])
    )
    cluster.add(*(pod(f"full-{number}", f"gpu-{number}", gpus=8) for number in range(4)))
    cluster.add(pod("on-cordoned", "gpu-7", gpus=1), pod("starting", "gpu-4", gpus=1, phase="Pending"))
    cluster.add(pod("orphan", "gone", gpus=2))


async def test_every_figure_of_the_quickstart_is_there_and_right(api: Api, cluster: Cluster) -> None:
    a_mixed_cluster(cluster)
    cluster.publish(NOW)
    data = (await api.status()).data
    assert list(data)[:5] == [
        "cluster",
        "timestamp",
        "current_gpu_usage",
        "running_tasks",
        "available_resources",
    ]
    assert data["cluster"] == "prod-cluster"
    assert data["timestamp"] == "2025-12-19T15:30:00Z"
    assert data["current_gpu_usage"] == {
        "total_gpus": 72,
        "allocated_gpus": 34,
        "utilized_gpus": 0,
        "allocation_rate": 47.2,
        "utilization_rate": 0.0,
    }
    assert data["running_tasks"] == 6
    assert data["available_resources"] == {
        "available_gpus": 20,
        "available_nodes": 3,
        "max_contiguous_gpu": 8,
        "max_contiguous_gpu_product": "NVIDIA-H100-80GB-HBM3",
        "max_contiguous_gpu_reason": None,
    }
    assert data["gpu_states"] == {
        "allocated": 34,
        "unhealthy": 3,
        "unavailable": 15,
        "available": 20,
        "overcommitted": 2,
        "missing_nodes": 1,
        "held_without_pod": 0,
        "unknown": 0,
        "unknown_reason": None,
    }


@pytest.mark.parametrize("where", ["no-such-node", "gpu-0"])
async def test_one_pod_of_a_tenants_distorts_no_figure_and_fails_no_answer(
    api: Api, cluster: Cluster, where: str
) -> None:
    """Who may create pods may bind one to any node, and ask for any number of GPUs."""
    cluster.add(node("gpu-0"), pod("sound", "gpu-0", gpus=2), pod("hostile", where, gpus=2**31 - 1))
    cluster.publish(NOW)
    data = (await api.status("&include=nodes")).data
    beyond = 2**31 - 1 - (6 if where == "gpu-0" else 0)
    assert data["current_gpu_usage"]["total_gpus"] == 8
    assert data["current_gpu_usage"]["allocation_rate"] == (100 if where == "gpu-0" else 25)
    assert data["gpu_states"]["overcommitted"] == beyond
    assert data["gpu_states"]["missing_nodes"] == (where != "gpu-0")
    row = next(each for each in data["nodes"] if each["node_name"] == where)
    assert (row["total_gpus"], row["overcommitted_gpus"]) == (8 if where == "gpu-0" else 0, beyond)
    (entry,) = (await api.ask("/api/v1/clusters")).data["clusters"]
    assert entry["status"] == "ok"
    total = (await api.ask("/api/v1/realtime/summary")).data
    assert total["current_gpu_usage"]["total_gpus"] == 8
    assert total["unreachable"] == []


async def test_our_own_figures_are_never_held_against_a_strangers_bounds(api: Api, cluster: Cluster) -> None:
    cluster.add(*(node(f"gpu-{number}", gpus=2**31 - 1) for number in range(8)))
    cluster.publish(NOW)
    assert (await api.ask("/api/v1/clusters")).data["clusters"][0]["status"] == "ok"
    usage = (await api.ask("/api/v1/realtime/summary")).data["current_gpu_usage"]
    assert usage["total_gpus"] == 8 * (2**31 - 1)


async def test_rates_stay_decimal_numbers_for_programs_that_format_them(api: Api, cluster: Cluster) -> None:
    cluster.add(node("gpu-0", gpus=10), pod("a", "gpu-0", gpus=8))
    cluster.publish(NOW)
    body = (await api.status()).body
    assert b'"allocation_rate":80.0,' in body
    assert b'"utilization_rate":0.0}' in body


async def test_a_cluster_without_gpus_is_answered_and_not_divided_by(api: Api) -> None:
    data = (await api.status()).data
    assert data["current_gpu_usage"]["total_gpus"] == 0
    assert data["current_gpu_usage"]["allocation_rate"] == 0.0
    assert data["available_resources"] == {
        "available_gpus": 0,
        "available_nodes": 0,
        "max_contiguous_gpu": 0,
        "max_contiguous_gpu_product": None,
        "max_contiguous_gpu_reason": "NONE_AVAILABLE",
    }


async def test_without_telemetry_nothing_is_claimed_of_utilization(api: Api) -> None:
    data = (await api.status()).data
    assert data["telemetry"] == {
        "coverage": 0.0,
        "utilized_gpus": None,
        "utilization_rate": None,
        "nodes": {"ok": 0, "stale": 0, "unknown": 0},
    }


async def test_old_data_says_its_age_and_keeps_its_timestamp(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    cluster.publish(NOW)
    clock.now = NOW + 90.5
    data = (await api.status()).data
    assert data["timestamp"] == "2025-12-19T15:30:00Z"
    assert data["freshness"] == {
        "synced": True,
        "age_seconds": 90.5,
        "watch_age_seconds": {"nodes": 90.5, "pods": 90.5},
        "unseen": {},
        "coverage": 0.0,
        "sequence": 0,
    }


async def test_resources_that_no_figure_has_are_named_with_the_reason(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    clock.now = NOW
    cluster.publish(NOW, unseen={"resourceslices": "HTTP 403"})
    assert (await api.status()).data["freshness"]["unseen"] == {"resourceslices": "HTTP 403"}
    cluster.publish(NOW)
    clock.now = NOW + 2
    assert (await api.status()).data["freshness"]["unseen"] == {}


async def test_a_clock_set_back_makes_no_negative_ages(api: Api, clock: Clock) -> None:
    clock.now = NOW - 3600
    freshness = (await api.status()).data["freshness"]
    assert freshness["age_seconds"] == 0
    assert freshness["watch_age_seconds"] == {"nodes": 0, "pods": 0}


async def test_nodes_are_listed_by_name_with_all_their_gpus_when_asked_for(
    api: Api, cluster: Cluster
) -> None:
    cluster.add(
        node(
            "gpu-b",
            healthy=7,
            cordoned=True,
            product="NVIDIA-H100-80GB-HBM3",
            taints=[
                {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"},
                {"key": "maintenance", "effect": "NoExecute"},
            ],
        ),
        node("gpu-a", gpus=4, resource="amd.com/gpu", labels={"amd.com/gpu.product-name": "MI210"}),
        pod("one", "gpu-b", gpus=2),
        pod("lost", "gpu-c", gpus=3),
    )
    cluster.publish(NOW)
    assert "nodes" not in (await api.status()).data
    first, second, third = (await api.status("&include=nodes")).data["nodes"]
    assert first == {
        "node_name": "gpu-a",
        "status": "Ready",
        "total_gpus": 4,
        "allocated_gpus": 0,
        "available_gpus": 4,
        "utilization": None,
        "unhealthy_gpus": 0,
        "unavailable_gpus": 0,
        "overcommitted_gpus": 0,
        "schedulable": True,
        "unschedulable": False,
        "taints": [],
        "product": "MI210",
        "running_tasks": 0,
        "resources": [
            {
                "resource": "amd.com/gpu",
                "capacity": 4,
                "allocatable": 4,
                "allocated": 0,
                "available": 4,
                "unhealthy": 0,
                "unavailable": 0,
                "overcommitted": 0,
            }
        ],
    }
    assert second == {
        "node_name": "gpu-b",
        "status": "Ready",
        "total_gpus": 8,
        "allocated_gpus": 2,
        "available_gpus": 0,
        "utilization": None,
        "unhealthy_gpus": 1,
        "unavailable_gpus": 5,
        "overcommitted_gpus": 0,
        "schedulable": False,
        "unschedulable": True,
        "taints": ["nvidia.com/gpu=present:NoSchedule", "maintenance:NoExecute"],
        "product": "NVIDIA-H100-80GB-HBM3",
        "running_tasks": 1,
        "resources": [
            {
                "resource": "nvidia.com/gpu",
                "capacity": 8,
                "allocatable": 7,
                "allocated": 2,
                "available": 0,
                "unhealthy": 1,
                "unavailable": 5,
                "overcommitted": 0,
            }
        ],
    }
    assert (third["node_name"], third["status"], third["overcommitted_gpus"]) == ("gpu-c", "Missing", 3)


async def test_a_node_that_is_not_ready_says_so(api: Api, cluster: Cluster) -> None:
    cluster.add(node("gpu-0", ready=False))
    cluster.publish(NOW)
    (shown,) = (await api.status("&include=nodes")).data["nodes"]
    assert shown["status"] == "NotReady"


async def test_no_figures_before_everything_was_listed(serve: Serve, cluster: Cluster) -> None:
    cluster.add(node("gpu-0"))
    cluster.publish(NOW, synced=False)
    api = await serve()
    for answer in (await api.status(), await api.tasks()):
        assert answer.error == (503, 5003, "Not synced yet")
        assert int(answer.headers["Retry-After"]) > 0
    cluster.publish(NOW)
    assert (await api.status()).data["current_gpu_usage"]["total_gpus"] == 8
