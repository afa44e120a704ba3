"""GPUs that are shared: totals are in GPUs, units are told beside them, and what is uncertain says so."""

from typing import Any

import pytest

from lens.model.gpu.node_report import Health, Holder
from lens.model.gpu.telemetry import GpuTelemetry, InstanceTelemetry, NodeTelemetry
from lens.model.inventory.occupancy.placement import placement
from tests.contract.conftest import NOW, Api
from tests.contract.kubernetes import Cluster, Manifest, node, pod

GPU = "nvidia.com/gpu"
SMALL = "nvidia.com/mig-1g.10gb"


def sliced(name: str, units: int = 8) -> Manifest:
    """Return a node of which each GPU is four units."""
    raw = node(name, units)
    raw["metadata"]["labels"] |= {"nvidia.com/gpu.replicas": "4", "nvidia.com/gpu.count": str(units // 4)}
    return raw


def given(raw: Manifest, *devices: str, health: str = "Healthy") -> Manifest:
    """Return a pod whose status names its devices."""
    resources = [{"resourceID": device, "health": health} for device in devices]
    status = {"name": "main", "allocatedResourcesStatus": [{"name": GPU, "resources": resources}]}
    raw["status"]["containerStatuses"] = [status]
    return raw


async def detail(api: Api, name: str) -> Any:
    return (await api.ask(f"/api/v1/realtime/nodes/{name}?cluster=prod-cluster")).data


@pytest.fixture
def shared(cluster: Cluster) -> None:
    """Have a node of two GPUs in four units each, with three pods, beside one with eight whole GPUs."""
    cluster.add(
        sliced("n1"),
        given(pod("a", "n1"), "GPU-a::0"),
        given(pod("b", "n1"), "GPU-a::1"),
        pod("c", "n1"),
        node("n2"),
        pod("whole", "n2", gpus=3),
    )
    cluster.publish(NOW)


@pytest.mark.usefixtures("shared")
async def test_totals_are_gpus_and_units_are_beside_them(api: Api) -> None:
    data = (await api.status("&include=nodes")).data
    assert data["current_gpu_usage"]["total_gpus"] == 2 + 8
    assert data["current_gpu_usage"]["allocated_gpus"] == 1 + 3
    assert data["available_resources"] == {
        "available_gpus": 1 + 5,
        "available_nodes": 2,
        "max_contiguous_gpu": 5,
        "max_contiguous_gpu_product": None,
        "max_contiguous_gpu_reason": "UNKNOWN_PRODUCT",
    }
    units = {
        "resource": GPU,
        "capacity": 8,
        "allocatable": 8,
        "allocated": 3,
        "available": 5,
        "unhealthy": 0,
        "unavailable": 0,
        "overcommitted": 0,
    }
    assert (data["units"], data["approximate"]) == ([units], True)
    first, second = data["nodes"]
    assert (first["total_gpus"], first["units"], first["approximate"]) == (2, [units], True)
    assert first["approximate_reason"] == "UNKNOWN_DEVICES"
    assert (second["total_gpus"], "units" in second, "approximate" in second) == (8, False, False)


@pytest.mark.usefixtures("shared")
async def test_a_task_has_the_gpus_that_it_is_on_and_its_units(api: Api) -> None:
    a, _, c, whole = (await api.tasks()).data["tasks"]
    assert (a["allocated_gpus"], a["units"], a["approximate"]) == (1, {GPU: 1}, False)
    assert (c["allocated_gpus"], c["units"], c["gpu_uuids"]) == (1, {GPU: 1}, None)
    assert (whole["allocated_gpus"], "units" in whole, "approximate" in whole) == (3, False, False)
    assert a["gpu_uuids"] == ["GPU-a"]


@pytest.mark.usefixtures("shared")
async def test_without_an_agent_a_node_has_the_gpus_that_pods_name(api: Api) -> None:
    data = await detail(api, "n1")
    assert data["telemetry"] is None
    (gpu,) = data["gpus"]
    assert (gpu["source"], gpu["uuid"], gpu["index"], gpu["state"], gpu["health"]) == (
        "pods",
        "GPU-a",
        None,
        "allocated",
        "ok",
    )
    assert [(holder["pod"], holder["container"]) for holder in gpu["holders"]] == [
        ("a", "main"),
        ("b", "main"),
    ]
    assert gpu["utilization"] is None
    assert gpu["reasons"]["utilization"] == "NO_TELEMETRY"


@pytest.mark.parametrize(
    ("healths", "shown"),
    [
        (("Healthy", "Unhealthy"), ("critical", ["UNHEALTHY"])),
        (("Unknown", "Healthy"), ("ok", [])),
        (("Unknown", "Unknown"), ("unknown", [])),
    ],
)
async def test_the_worst_that_pods_say_of_a_gpu_is_its_health(
    api: Api, cluster: Cluster, healths: tuple[str, str], shown: tuple[str, list[str]]
) -> None:
    cluster.add(sliced("n1"))
    for number, health in enumerate(healths):
        cluster.add(given(pod(f"p{number}", "n1"), f"GPU-a::{number}", health=health))
    cluster.publish(NOW)
    (gpu,) = (await detail(api, "n1"))["gpus"]
    assert (gpu["health"], gpu["health_because"]) == shown


MIXED = {"nvidia.com/mig.strategy": "mixed", "nvidia.com/gpu.count": "8"}


@pytest.mark.parametrize(
    ("resource", "units", "labels", "reason"),
    [
        ("nvidia.com/mig-2g.10gb", 24, MIXED, None),
        ("nvidia.com/mig-4g.20gb", 8, {}, None),
        ("nvidia.com/mig-2g.10gb", 24, {}, "UNKNOWN_DEVICES"),
        ("amd.com/gpu", 64, {"amd.com/compute-memory-partition": "cpx_nps4"}, None),
        ("amd.com/cpx_nps4", 64, {}, None),
        ("amd.com/gpu", 64, {}, "UNKNOWN_RATIO"),
        ("gpu.intel.com/i915", 80, {"gpu.intel.com/device-id.0380-56c0.count": "8"}, None),
    ],
)
async def test_totals_are_gpus_for_every_vendor_and_say_why_they_may_be_wrong(
    api: Api, cluster: Cluster, resource: str, units: int, labels: dict[str, str], reason: str | None
) -> None:
    cluster.add(node("n1", units, resource=resource, labels=labels))
    cluster.publish(NOW)
    data = (await api.status("&include=nodes")).data
    assert data["current_gpu_usage"]["total_gpus"] == data["available_resources"]["available_gpus"] == 8
    assert [(each["resource"], each["capacity"]) for each in data["units"]] == [(resource, units)]
    (shown,) = data["nodes"]
    assert (shown["total_gpus"], shown["approximate_reason"]) == (8, reason)
    assert shown["approximate"] is data["approximate"] is (reason is not None)


async def test_an_agents_report_makes_the_figures_exact(api: Api, cluster: Cluster) -> None:
    mig = node("n1", 4, resource=SMALL)
    cluster.add(mig, pod("a", "n1", resource=SMALL), pod("b", "n1", resource=SMALL))
    cluster.publish(NOW)
    data = (await api.status()).data
    assert (data["current_gpu_usage"]["allocated_gpus"], data["approximate"]) == (1, True)

    cluster.place("n1", placement(agent("n1", a="MIG-0", b="MIG-2")))
    cluster.publish(NOW)
    data = (await api.status("", Cache_Control="no-cache")).data
    assert (data["current_gpu_usage"]["allocated_gpus"], data["approximate"]) == (2, False)
    assert data["gpu_states"]["allocated"] == 2
    assert data["current_gpu_usage"]["total_gpus"] == 2


def agent(name: str, **held: str) -> NodeTelemetry:
    """Return an agent's report of two GPUs with two MIG devices each, with the pods that have them."""
    instances = [
        InstanceTelemetry(
            uuid=f"MIG-{number}",
            gpu_instance_id=number,
            compute_instance_id=0,
            profile="1g.10gb",
            utilization_percent=None,
            memory_used_bytes=None,
            memory_total_bytes=None,
        )
        for number in range(4)
    ]
    gpus = tuple(
        GpuTelemetry(
            index=index,
            uuid=f"GPU-{index}",
            sampled_at=NOW,
            health=Health(state="ok"),
            instances=tuple(instances[2 * index : 2 * index + 2]),
        )
        for index in range(2)
    )
    holders = tuple(
        Holder(
            namespace="ml-team",
            pod=of,
            container="main",
            resource=SMALL,
            device_id=device,
            gpu_uuid=f"GPU-{int(device[-1]) // 2}",
            instance_uuid=device,
        )
        for of, device in held.items()
    )
    return NodeTelemetry(node=name, source="agent", sampled_at=NOW, gpus=gpus, holders=holders)
