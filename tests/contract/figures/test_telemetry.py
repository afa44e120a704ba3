"""What the GPUs do, joined with who holds them."""

import pytest
from msgspec.structs import replace

from lens.model.gpu.node_report import Health, Holder
from lens.model.gpu.telemetry import GpuTelemetry, NodeTelemetry
from lens.model.gpu.telemetry_cache import TelemetryCache
from tests.contract.conftest import NOW, Api, Clock
from tests.contract.kubernetes import Cluster, node, pod


def gpu(index: int, utilization: float | None, health: str = "ok") -> GpuTelemetry:
    """Return a GPU; one whose utilization is unknown says why."""
    return GpuTelemetry(
        index=index,
        uuid=f"GPU-{index}",
        sampled_at=NOW,
        health=Health(state=health),  # type: ignore[arg-type]
        product="NVIDIA H100 80GB HBM3",
        utilization_percent=utilization,
        memory_used_bytes=1000 * index,
        memory_total_bytes=80_000,
        reasons={} if utilization is not None else {"utilization_percent": "NOT_SUPPORTED"},
    )


def holder(pod: str, index: int) -> Holder:
    """Return that a pod's container has a GPU."""
    return Holder(
        namespace="ml-team",
        pod=pod,
        container="main",
        resource="nvidia.com/gpu",
        device_id=f"GPU-{index}",
        gpu_uuid=f"GPU-{index}",
    )


@pytest.fixture
def told(cluster: Cluster) -> TelemetryCache:
    """Return the telemetry of a node with 4 GPUs, of which two pods hold three."""

    cluster.add(
        node("n1", gpus=4),
        pod("busy", "n1", gpus=2),
        pod("idle", "n1", gpus=1),
    )
    cluster.publish(NOW)
    ledger = TelemetryCache(stale_after=30, unknown_after=60)
    telemetry = NodeTelemetry(
        node="n1",
        source="agent",
        sampled_at=NOW,
        gpus=(gpu(0, 90.0), gpu(1, 70.0), gpu(2, 2.0), gpu(3, None, health="critical")),
        holders=(holder("busy", 0), holder("busy", 1), holder("idle", 2)),
    )
    ledger.put("n1", telemetry, NOW)
    cluster.state.telemetry = ledger.snapshot()
    return ledger


async def test_the_figures_speak_of_the_gpus_that_report(api: Api, told: TelemetryCache) -> None:
    data = (await api.status()).data
    assert data["current_gpu_usage"]["utilized_gpus"] == 2
    assert data["current_gpu_usage"]["utilization_rate"] == 54.0
    assert data["telemetry"] == {
        "coverage": 0.75,
        "utilized_gpus": 2,
        "utilization_rate": 54.0,
        "nodes": {"ok": 1, "stale": 0, "unknown": 0},
    }


async def test_a_node_has_the_mean_of_its_gpus(api: Api, told: TelemetryCache) -> None:
    (row,) = (await api.status("&include=nodes")).data["nodes"]
    assert row["utilization"] == 54.0


async def test_each_task_has_its_own_utilization_and_gpus(api: Api, told: TelemetryCache) -> None:
    busy, idle = (await api.tasks()).data["tasks"]
    assert (busy["utilization"], busy["gpu_uuids"], busy["memory_used_bytes"]) == (
        80.0,
        ["GPU-0", "GPU-1"],
        1000,
    )
    assert (idle["utilization"], idle["gpu_uuids"]) == (2.0, ["GPU-2"])
    assert idle["utilization_reason"] is None


async def test_a_node_has_each_gpu_with_its_holder(api: Api, told: TelemetryCache) -> None:
    data = (await api.ask("/api/v1/realtime/nodes/n1?cluster=prod-cluster")).data
    assert data["node"]["allocated_gpus"] == 3
    assert data["telemetry"]["state"] == "ok"
    assert [(each["uuid"], each["state"]) for each in data["gpus"]] == [
        ("GPU-0", "allocated"),
        ("GPU-1", "allocated"),
        ("GPU-2", "allocated"),
        ("GPU-3", "unhealthy"),
    ]
    assert data["gpus"][0]["holders"] == [
        {"namespace": "ml-team", "pod": "busy", "container": "main", "instance_uuid": None}
    ]
    assert data["gpus"][3]["utilization"] is None
    assert data["gpus"][3]["reasons"] == {"utilization_percent": "NOT_SUPPORTED"}


async def test_samples_that_are_too_old_are_unknown_and_not_nought(
    api: Api, cluster: Cluster, told: TelemetryCache
) -> None:
    told.age(NOW + 61)
    cluster.state.telemetry = told.snapshot()
    data = (await api.status("", Cache_Control="no-cache")).data
    assert data["telemetry"] == {
        "coverage": 0.0,
        "utilized_gpus": None,
        "utilization_rate": None,
        "nodes": {"ok": 0, "stale": 0, "unknown": 1},
    }
    assert [task["utilization"] for task in (await api.tasks()).data["tasks"]] == [None, None]


async def test_a_node_without_telemetry_has_no_gpus(api: Api, cluster: Cluster) -> None:
    cluster.add(node("n2"))
    cluster.publish(NOW)
    data = (await api.ask("/api/v1/realtime/nodes/n2?cluster=prod-cluster")).data
    assert (data["telemetry"], data["gpus"]) == (None, [])


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("nobody", "Node"),
        ("n%2F1", "Node"),
        ("n%252F1", "Node"),
        ("{name}", "Node"),
        ("n/1", "Route"),
        ("", "Route"),
    ],
)
async def test_no_node_of_that_name_is_404(api: Api, told: TelemetryCache, name: str, what: str) -> None:
    answer = await api.ask(f"/api/v1/realtime/nodes/{name}?cluster=prod-cluster")
    assert answer.error == (404, 4004, f"{what} not found")


async def test_metrics_have_what_is_utilized(api: Api, told: TelemetryCache) -> None:
    lines = (await api.ask("/metrics")).body.decode().splitlines()
    assert "lens_reporting_gpus 3.0" in lines
    assert "lens_utilized_gpus 2.0" in lines
    assert "lens_utilization_ratio 0.54" in lines


async def test_until_the_first_round_is_in_the_figures_are_unknown_and_not_nought(
    api: Api, cluster: Cluster, told: TelemetryCache, clock: Clock
) -> None:
    whole = cluster.state.telemetry
    cluster.state.telemetry = replace(whole, complete=False)
    first = await api.status()
    assert first.data["telemetry"]["utilization_rate"] is None
    assert first.data["telemetry"]["utilized_gpus"] is None
    assert first.data["telemetry"]["coverage"] == first.data["freshness"]["coverage"] == 0
    assert first.headers["Cache-Control"] == "private, max-age=1"
    metrics = (await api.ask("/metrics")).body
    for name in (b"lens_utilized_gpus ", b"lens_reporting_gpus ", b"lens_utilization_ratio "):
        assert name not in metrics
    answer = await api.ask("/readyz")
    assert answer.error == (503, 5003, "Not ready: not all agents or exporters have been read yet")
    cluster.state.telemetry = whole
    clock.now = NOW + 1
    second = await api.status()
    assert second.data["telemetry"]["utilization_rate"] == 54.0
    assert second.headers["Cache-Control"] == "private, max-age=30"
    assert (await api.ask("/readyz")).status == 200


async def test_readiness_waits_for_the_first_round_within_a_bound(
    api: Api, cluster: Cluster, told: TelemetryCache, clock: Clock
) -> None:
    cluster.state.telemetry = replace(cluster.state.telemetry, complete=False)
    assert (await api.ask("/readyz")).status == 503
    clock.now = NOW + 30
    assert (await api.ask("/readyz")).status == 200
