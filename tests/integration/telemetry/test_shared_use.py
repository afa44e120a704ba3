"""What nobody can know of pods on a shared GPU is unknown: not that they are idle, and not all of the GPU."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from lens_sim.objects.resources import NODES, PODS, Object
from tests.integration.telemetry import server
from tests.integration.telemetry.server import Behaviour, Connection
from tests.integration.telemetry.test_discovery import Cluster
from tests.integration.watch.objects import GPU, NOW, node, pod
from tests.unit.telemetry.reports import gpu, process, report, written

TASKS = "/api/v1/realtime/running-tasks?cluster=sim"
MIG = "nvidia.com/mig-1g.10gb"
SLICED = {"nvidia.com/gpu.replicas": "4", "nvidia.com/gpu.count": "1"}
SLICED_MIG = {"nvidia.com/mig.strategy": "mixed", f"{MIG}.replicas": "4"}
SHARED = (None, None, "SHARED")


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """Give a cluster without nodes."""
    async with AsyncExitStack() as stack:
        yield Cluster(stack, tmp_path)


def add_node(cluster: Cluster, resource: str, units: int, labels: dict[str, str]) -> None:
    quantities = {"cpu": "64", "pods": "110", resource: str(units)}
    status = {"capacity": quantities, "allocatable": quantities}
    raw: Object = node("node-1", metadata={"name": "node-1", "labels": labels})
    cluster.store.put(NODES, {**raw, "status": {**raw["status"], **status}}, NOW)


def add_pod(cluster: Cluster, name: str, resource: str = GPU) -> str:
    """Add a pod with a unit; return its uid."""
    raw = pod(name, on="node-1")
    raw["spec"]["containers"][0]["resources"] = {"limits": {resource: "1"}}
    return str(cluster.store.put(PODS, raw, NOW)["metadata"]["uid"])


async def used(cluster: Cluster, source: str) -> dict[str, tuple[float | None, int | None, str | None]]:
    """Wait until the node has been read; return each pod's utilization, memory, and why it isn't known."""
    detail = "/api/v1/realtime/nodes/node-1?cluster=sim"
    await cluster.until_status(
        lambda data: (data["telemetry"] or {}).get("state") == "ok" and data["telemetry"]["source"] == source,
        "read",
        detail,
    )
    rows: list[Any] = []

    def all_there(data: Any) -> bool:
        rows[:] = [row for row in data["tasks"] if row["namespace"] == "team"]
        return any(row["utilization_reason"] not in ("NO_TELEMETRY", "UNKNOWN_DEVICES") for row in rows)

    await cluster.until_status(all_there, "tasks", TASKS)
    return {
        row["pod_name"]: (row["utilization"], row["memory_used_bytes"], row["utilization_reason"])
        for row in rows
    }


def sharing(*processes: Object) -> Behaviour:
    """Answer as the agent of a GPU that pods a, b and c share."""

    async def behave(connection: Connection) -> None:
        holders = [
            {
                "namespace": "team",
                "pod": name,
                "container": "main",
                "resource": GPU,
                "device_id": f"GPU-1::{number}",
                "gpu_uuid": "GPU-1",
                "replica": number,
            }
            for number, name in enumerate("abc")
        ]
        shown = gpu(sampled_at=time.time(), processes=processes)
        await connection.answer(written(report(shown, holders=holders, sampled_at=time.time())))

    return behave


async def test_beside_a_process_of_nobody_known_no_pod_is_called_idle(cluster: Cluster) -> None:
    add_node(cluster, GPU, 4, SLICED)
    uids = [add_pod(cluster, name) for name in "abc"]
    agent = await cluster.pod("agent", "node-1", owner=cluster.daemon_set())
    agent.behaviour = sharing(process(7, pod_uid=uids[0]), process(2**32 - 1))
    await cluster.serve()
    assert await used(cluster, "agent") == {"a": (10.0, 1000, None), "b": SHARED, "c": SHARED}


async def test_without_such_a_process_a_pod_without_any_is_idle(cluster: Cluster) -> None:
    add_node(cluster, GPU, 4, SLICED)
    uids = [add_pod(cluster, name) for name in "abc"]
    agent = await cluster.pod("agent", "node-1", owner=cluster.daemon_set())
    agent.behaviour = sharing(process(7, pod_uid=uids[0]), process(8, pod_uid=uids[2]))
    await cluster.serve()
    assert await used(cluster, "agent") == {
        "a": (10.0, 1000, None),
        "b": (0.0, 0, None),
        "c": (10.0, 1000, None),
    }


def exported(*pods: str, more: str = "") -> Behaviour:
    """Answer as dcgm-exporter does, which names these pods as holders of one GPU."""
    lines = [
        f'DCGM_FI_DEV_{metric}{{gpu="0",UUID="GPU-1",namespace="team",pod="{name}"{more}}} {value}\n'
        for name in pods
        for metric, value in (("GPU_UTIL", 97), ("FB_USED", 12000), ("FB_FREE", 68000))
    ]
    return server.sends("".join(lines).encode())


async def test_who_an_exporter_names_on_a_time_sliced_gpu_has_not_all_of_it(cluster: Cluster) -> None:
    add_node(cluster, GPU, 4, SLICED)
    for name in "abcd":
        add_pod(cluster, name)
    exporter = await cluster.pod("exporter", "node-1", owner=cluster.daemon_set())
    exporter.behaviour = exported("a")
    await cluster.serve("dcgm")
    unknown = (None, None, "UNKNOWN_DEVICES")
    assert await used(cluster, "dcgm") == {"a": SHARED, "b": unknown, "c": unknown, "d": unknown}


async def test_who_an_exporter_names_on_a_replica_of_a_mig_device_has_not_all_of_it(cluster: Cluster) -> None:
    add_node(cluster, MIG, 4, SLICED_MIG)
    add_pod(cluster, "a", MIG)
    exporter = await cluster.pod("exporter", "node-1", owner=cluster.daemon_set())
    exporter.behaviour = exported("a", more=',GPU_I_ID="7",GPU_I_PROFILE="1g.10gb"')
    await cluster.serve("dcgm")
    assert await used(cluster, "dcgm") == {"a": SHARED}


async def test_who_an_exporter_names_on_a_whole_gpu_has_all_of_it(cluster: Cluster) -> None:
    add_node(cluster, GPU, 1, {})
    add_pod(cluster, "a")
    exporter = await cluster.pod("exporter", "node-1", owner=cluster.daemon_set())
    exporter.behaviour = exported("a")
    await cluster.serve("dcgm")
    assert await used(cluster, "dcgm") == {"a": (97.0, 12000 * 2**20, None)}
