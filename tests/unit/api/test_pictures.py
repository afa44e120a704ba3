"""First pictures are shared, and take only so much however slowly they are read."""

import asyncio
from unittest.mock import Mock

import pytest

from lens.api.stream.pictures import Picture, Pictures
from lens.api.stream.telling import View
from tests.contract.conftest import NOW
from tests.contract.kubernetes import Cluster, node, pod

ALL = View(frozenset({"nodes", "tasks"}), None)
TASKS = View(frozenset({"tasks"}), None)


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster()
    cluster.add(node("n1"), *(pod(f"p{number}", "n1") for number in range(100)))
    cluster.publish(NOW)
    return cluster


def picture(cluster: Cluster, number: int = 1) -> Picture:
    return Picture(cluster.state.current, number, f"e-{number}", "prod-cluster", NOW)


async def test_a_section_is_made_once_for_all_views_that_have_it(cluster: Cluster) -> None:
    shown = picture(cluster)
    some, more = await asyncio.gather(shown.event(TASKS), shown.event(ALL))
    (tasks,) = {id(piece) for piece in some if len(piece) > 10_000}
    assert tasks in map(id, more)
    assert shown.size == sum(len(piece) for piece in more if piece.startswith(b'{"') and len(piece) > 200)


async def test_the_readers_of_old_pictures_leave_before_these_take_too_much(cluster: Cluster) -> None:
    first = picture(cluster)
    await first.event(ALL)
    pictures = Pictures(most_bytes=2 * first.size)
    readers = [Mock(spec=asyncio.Transport) for _ in range(4)]
    for number, reader in enumerate(readers):
        shown = picture(cluster, number)
        pictures.add(shown)
        shown.readers.add(reader)
        await shown.event(ALL)
    assert [reader.abort.called for reader in readers] == [True, False, False, False]
    assert pictures.latest is shown
