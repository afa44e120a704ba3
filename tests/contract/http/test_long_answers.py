"""Long responses never block the event loop for long."""

import pytest

from lens.api.stream.diff import diff_states
from lens.api.stream.initial_snapshots import InitialSnapshot
from lens.api.stream.nodes_by_controller import NodesByController
from lens.api.stream.sse import StreamFilter
from tests.contract.conftest import NOW, Api
from tests.contract.kubernetes import Cluster, node, pod
from tests.held import held

NODES = 400
PODS = 10
MAX_HELD = 0.02
"""Seconds; ten slices. Without slices it takes 200 ms and more."""


@pytest.fixture
def large(cluster: Cluster) -> Cluster:
    """Return a cluster of 4,000 pods."""
    for number in range(NODES):
        name = f"node-{number}"
        cluster.add(node(name), *(pod(f"p-{number}-{each}", name) for each in range(PODS)))
    cluster.publish(NOW)
    return cluster


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("running-tasks?cluster=prod-cluster", "*/*"),
        ("running-tasks?cluster=prod-cluster", "text/csv"),
        ("status?cluster=prod-cluster&include=nodes,alerts,events", "*/*"),
    ],
)
async def test_a_long_response_is_made_in_slices(api: Api, large: Cluster, path: str, accept: str) -> None:
    assert large.state.current.synced
    async with held() as loop:
        # A body would be read in the same loop.
        answer = await api.ask(
            f"/api/v1/realtime/{path}", method="HEAD", Accept=accept, Accept_Encoding="identity"
        )
    assert answer.status == 200
    assert int(answer.headers["Content-Length"]) > 100_000
    assert loop.longest < MAX_HELD


async def test_an_initial_snapshot_is_made_in_slices(large: Cluster) -> None:
    snapshot = InitialSnapshot(
        large.state.current, 1, "e-1", "prod-cluster", NOW, stale_after=300, idle_percent=1
    )
    for stream_filter in (
        StreamFilter(frozenset({"nodes", "tasks"}), None),
        StreamFilter(frozenset({"tasks"}), "ml-team"),
    ):
        async with held() as loop:
            chunks = await snapshot.event(stream_filter, snapshot.current, NOW)
        assert sum(map(len, chunks)) > 100_000
        assert loop.longest < MAX_HELD


async def test_a_diff_of_all_nodes_is_made_in_slices(large: Cluster) -> None:
    before = large.state.current
    for number in range(NODES):
        large.add(pod(f"new-{number}", f"node-{number}"))
    large.publish(NOW)
    async with held() as loop:
        diff = await diff_states(before, large.state.current, NodesByController(), "prod-cluster", NOW)
    assert len(diff.nodes) == len(diff.tasks) == NODES
    assert loop.longest < MAX_HELD
