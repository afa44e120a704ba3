"""Agents say which GPUs shared units are on, and the cluster's figures follow them."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from lens_sim.objects.resources import NODES, PODS
from tests.integration.telemetry.server import Behaviour, Connection
from tests.integration.telemetry.test_discovery import Cluster
from tests.integration.watch.objects import GPU, NOW, node, pod
from tests.unit.telemetry.reports import gpu, report, written

LABELS = {"nvidia.com/gpu.replicas": "4", "nvidia.com/gpu.count": "2"}


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """Give a cluster of one node, whose two GPUs are four units each, and two pods with a unit each."""
    async with AsyncExitStack() as stack:
        cluster = Cluster(stack, tmp_path)
        cluster.store.put(NODES, node("node-1", metadata={"name": "node-1", "labels": LABELS}), NOW)
        for name in ("a", "b"):
            cluster.store.put(PODS, pod(name, on="node-1"), NOW)
        yield cluster


def telling(**held: str) -> Behaviour:
    """ScrapeResponse as the agent of two GPUs does, of which pods hold units."""

    async def behave(connection: Connection) -> None:
        holders = [
            {
                "namespace": "team",
                "pod": name,
                "container": "main",
                "resource": GPU,
                "device_id": f"{uuid}::0",
                "gpu_uuid": uuid,
            }
            for name, uuid in held.items()
        ]
        gpus = [gpu(index=number, uuid=f"GPU-{number}", sampled_at=time.time()) for number in range(2)]
        await connection.answer(written(report(*gpus, holders=holders, sampled_at=time.time())))

    return behave


async def test_gpus_are_counted_by_the_ids_that_the_agent_tells_where_no_label_tells_of_sharing(
    cluster: Cluster,
) -> None:
    agent = await cluster.pod("agent", "node-1", owner=cluster.daemon_set())
    ids = [f"GPU-{number}::{replica}" for number in range(2) for replica in range(4)]

    async def behave(connection: Connection) -> None:
        gpus = [gpu(index=number, uuid=f"GPU-{number}", sampled_at=time.time()) for number in range(2)]
        await connection.answer(written(report(*gpus, allocatable={GPU: ids}, sampled_at=time.time())))

    agent.behaviour = behave
    cluster.store.put(NODES, node("node-1", metadata={"name": "node-1", "labels": {}}), NOW)
    await cluster.serve()
    await cluster.until_status(lambda data: data["current_gpu_usage"]["total_gpus"] == 2, "two GPUs")


async def test_allocated_gpus_are_exact_once_the_agent_reports_the_units_places(
    cluster: Cluster,
) -> None:
    agent = await cluster.pod("agent", "node-1", owner=cluster.daemon_set())
    agent.behaviour = telling()

    def says(allocated: int, approximate: bool) -> Any:
        return lambda data: (
            data["current_gpu_usage"]["allocated_gpus"] == allocated and data["approximate"] is approximate
        )

    await cluster.serve()
    await cluster.until_status(says(1, approximate=True), "the least number")
    agent.behaviour = telling(a="GPU-0", b="GPU-1")
    await cluster.until_status(says(2, approximate=False), "both GPUs")
    agent.behaviour = telling(a="GPU-1", b="GPU-1")
    await cluster.until_status(says(1, approximate=False), "one GPU, for sure")
