"""Initial snapshots are shared by streams and bounded in bytes."""

import asyncio
from unittest.mock import Mock

import pytest

from lens.api.stream.initial_snapshots import InitialSnapshot, InitialSnapshots
from lens.api.stream.sse import StreamFilter
from tests.contract.conftest import NOW
from tests.contract.kubernetes import Cluster, node, pod

ALL = StreamFilter(frozenset({"nodes", "tasks"}), None)
TASKS = StreamFilter(frozenset({"tasks"}), None)


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster()
    cluster.add(node("n1"), *(pod(f"p{number}", "n1") for number in range(100)))
    cluster.publish(NOW)
    return cluster


def initial_snapshot(cluster: Cluster, number: int = 1) -> InitialSnapshot:
    return InitialSnapshot(
        cluster.state.current, number, f"e-{number}", "prod-cluster", NOW, stale_after=300, idle_percent=1
    )


async def event(snapshot: InitialSnapshot, stream_filter: StreamFilter) -> tuple[bytes, ...]:
    return await snapshot.event(stream_filter, snapshot.current, NOW)


async def test_a_section_is_encoded_once_for_all_filters_that_select_it(cluster: Cluster) -> None:
    snapshot = initial_snapshot(cluster)
    some, more = await asyncio.gather(event(snapshot, TASKS), event(snapshot, ALL))
    (tasks,) = {id(chunk) for chunk in some if len(chunk) > 10_000}
    assert tasks in map(id, more)
    assert snapshot.size == sum(len(chunk) for chunk in more if chunk.startswith(b'{"') and len(chunk) > 200)


async def test_readers_of_old_snapshots_are_aborted_beyond_the_bound_in_bytes(cluster: Cluster) -> None:
    first = initial_snapshot(cluster)
    await event(first, ALL)
    snapshots = InitialSnapshots(max_bytes=2 * first.size)
    readers = [Mock(spec=asyncio.Transport) for _ in range(4)]
    for number, reader in enumerate(readers):
        snapshot = initial_snapshot(cluster, number)
        snapshots.add(snapshot)
        snapshot.readers.add(reader)
        await event(snapshot, ALL)
    assert [reader.abort.called for reader in readers] == [True, False, False, False]
    assert snapshots.latest is snapshot
