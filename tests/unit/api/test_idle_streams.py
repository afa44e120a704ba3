"""Streams keep nothing of the past once there has been none for a while."""

import asyncio
import gc

from lens.api.stream.broadcaster import Broadcaster
from lens.metrics import Metrics
from lens.model.inventory.snapshot import Snapshot
from tests.contract.conftest import NOW
from tests.contract.kubernetes import Cluster, node, pod


def number_of_snapshots() -> int:
    """Return how many states of a cluster's nodes and pods are in memory."""
    gc.collect()
    return sum(isinstance(each, Snapshot) for each in gc.get_objects())


async def _end_last_stream(cluster: Cluster) -> None:
    before, streams = number_of_snapshots(), [object()]
    broadcaster = Broadcaster(
        "cluster",
        cluster.state,
        Metrics(),
        "epoch",
        lambda: NOW,
        has_streams=lambda: bool(streams),
        heartbeat_seconds=15,
        stale_after=60,
        idle_percent=5,
        idle_seconds=0.0,
    )
    broadcaster.ensure_running()
    assert broadcaster.initial_snapshot().current.snapshot is cluster.state.current.snapshot
    streams.clear()
    async with asyncio.timeout(30):
        while any(task.get_name() == "streams" for task in asyncio.all_tasks()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    cluster.add(pod("b", "n1"))
    cluster.publish(NOW)

    assert number_of_snapshots() <= before
    broadcaster.ensure_running()
    assert broadcaster.initial_snapshot().current.snapshot is cluster.state.current.snapshot
    await broadcaster.stop()


def test_the_state_that_the_last_stream_had_is_freed_after_it() -> None:
    cluster = Cluster()
    cluster.add(node("n1"), pod("a", "n1"))
    cluster.publish(NOW)
    asyncio.run(_end_last_stream(cluster))
