"""However much is told of a large cluster, others are answered in between."""

import pytest

from lens.api.stream.changes import changes
from lens.api.stream.pictures import Picture
from lens.api.stream.telling import View
from tests.contract.conftest import NOW, Api
from tests.contract.kubernetes import Cluster, node, pod
from tests.held import held

NODES = 400
PODS = 10
MOST_HELD = 0.02
"""Seconds; ten slices. What isn't made in slices takes 200 ms and more."""


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
async def test_a_long_answer_is_made_in_slices(api: Api, large: Cluster, path: str, accept: str) -> None:
    assert large.state.current.synced
    async with held() as loop:
        # A body would be read in the same loop.
        answer = await api.ask(
            f"/api/v1/realtime/{path}", method="HEAD", Accept=accept, Accept_Encoding="identity"
        )
    assert answer.status == 200
    assert int(answer.headers["Content-Length"]) > 100_000
    assert loop.longest < MOST_HELD


async def test_a_first_picture_is_made_in_slices(large: Cluster) -> None:
    shown = Picture(large.state.current, 1, "e-1", "prod-cluster", NOW)
    for view in (View(frozenset({"nodes", "tasks"}), None), View(frozenset({"tasks"}), "ml-team")):
        async with held() as loop:
            pieces = await shown.event(view)
        assert sum(map(len, pieces)) > 100_000
        assert loop.longest < MOST_HELD


async def test_what_a_change_of_all_nodes_means_for_streams_is_found_in_slices(large: Cluster) -> None:
    before = large.state.current
    for number in range(NODES):
        large.add(pod(f"new-{number}", f"node-{number}"))
    large.publish(NOW)
    async with held() as loop:
        changed = await changes(before, large.state.current, "prod-cluster", NOW)
    assert len(changed.nodes) == len(changed.tasks) == NODES
    assert loop.longest < MOST_HELD
