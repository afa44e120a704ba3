"""A watch that is open and tells nothing: there may be nothing to tell, or something swallows it."""

import asyncio

import pytest

from lens.kube.watch.kopf_settings import Timeouts
from lens.kube.watch.silence import Account, Told
from tests.integration.watch import faults
from tests.integration.watch.front import Fault
from tests.integration.watch.objects import node, pod
from tests.integration.watch.scene import Scene

SHORT = Timeouts(watch=4, silence=5.5)
LENGTH = 8.0


class Watched:
    """An account, and what decides about it."""

    def __init__(self) -> None:
        self.now, self.known = 1000.0, 10
        self.account = Account(lambda: self.known, lambda: self.now)

    def watch(self, newest: int | None, told: int = 0, lasts: float = LENGTH) -> Told:
        """Let a watch begin, the apiserver answer at its time, the watch tell some versions, and end."""
        self.account.open(LENGTH)
        self.now += LENGTH - 4
        assert self.account.is_due
        if newest is not None:
            self.account.there_is(newest)
            assert not self.account.is_due
        self.known += told
        self.now += lasts - (LENGTH - 4)
        return self.account.close()


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_watch_without_lines_has_told_all_if_there_is_nothing_newer(watched: Watched) -> None:
    assert watched.watch(newest=10) is Told.ALL


def test_a_watch_that_ends_without_what_there_was_has_not_told_all(watched: Watched) -> None:
    assert watched.watch(newest=12) is Told.NOT_ALL
    assert watched.watch(newest=12, told=1) is Told.NOT_ALL
    assert watched.watch(newest=12, told=1) is Told.ALL


def test_a_watch_that_is_broken_off_before_its_bookmark_says_nothing(watched: Watched) -> None:
    assert watched.watch(newest=12, lasts=LENGTH - 1.5) is Told.UNKNOWN
    assert watched.watch(newest=12, lasts=LENGTH - 0.5) is Told.NOT_ALL


def test_without_an_answer_nothing_is_known(watched: Watched) -> None:
    assert watched.watch(newest=None) is Told.UNKNOWN


def test_an_answer_that_comes_too_late_for_the_bookmark_is_none(watched: Watched) -> None:
    watched.account.open(LENGTH)
    watched.now += LENGTH - 2.5
    watched.account.there_is(12)
    watched.now += 2.5
    assert watched.account.close() is Told.UNKNOWN


def test_a_version_from_a_lost_future_is_no_sign_that_all_was_told(watched: Watched) -> None:
    assert watched.watch(newest=7) is Told.UNKNOWN


def test_an_apiserver_without_bookmarks_is_not_held_to_them(watched: Watched) -> None:
    assert watched.watch(newest=12) is Told.NOT_ALL
    watched.account.listed(found=False)
    assert watched.watch(newest=12) is Told.UNKNOWN
    watched.account.listed(found=False)
    assert watched.watch(newest=12) is Told.UNKNOWN
    watched.account.listed(found=True)
    assert watched.watch(newest=12) is Told.NOT_ALL


def test_an_apiserver_that_sent_a_bookmark_once_is_held_to_it_always(watched: Watched) -> None:
    assert watched.watch(newest=12, told=2) is Told.ALL
    for _ in range(3):
        assert watched.watch(newest=14) is Told.NOT_ALL
        watched.account.listed(found=False)


@pytest.mark.slow
@pytest.mark.parametrize("how", [faults.silence_of_lines, faults.endless_silence])
async def test_something_that_swallows_what_watches_tell_is_noticed(scene: Scene, how: Fault) -> None:
    scene.watch(timeouts=SHORT)
    await scene.until_exact()
    scene.front.always("watch pods", how)
    scene.front.cut("watch pods")
    seen = scene.front.seen("watch pods")
    await scene.until(lambda: scene.front.seen("watch pods") > seen, "a silent watch")
    scene.put_pod(pod("unheard", on="node-1"))
    await scene.until_exact(seconds=2 * SHORT.watch + 2)
    assert scene.front.seen("list pods") == 2
    assert scene.front.seen("list nodes") == 1
    assert scene.restarts == 0


@pytest.mark.slow
async def test_figures_are_no_younger_than_the_watch_that_kept_something_back(scene: Scene) -> None:
    scene.watch(timeouts=SHORT)
    await scene.until_exact()
    scene.front.always("list pods", faults.status(503))
    scene.front.always("watch pods", faults.silence_of_lines)
    scene.front.cut("watch pods")
    seen = scene.front.seen("watch pods")
    await scene.until(lambda: scene.front.seen("watch pods") > seen, "a silent watch")
    scene.put_pod(pod("unheard", on="node-1"))
    await scene.until(lambda: scene.front.seen("list pods") > 2, "lists in vain")
    last = scene.state.current.confirmed_at
    await asyncio.sleep(1)
    assert scene.state.current.confirmed_at == last
    scene.front.always("list pods", None)
    await scene.until_exact()


@pytest.mark.slow
async def test_in_a_quiet_cluster_no_list_is_repeated(scene: Scene) -> None:
    """Its watches have no line, and no bookmark. Meanwhile things happen to what Lens doesn't count."""
    scene.watch(timeouts=SHORT)
    await scene.until_exact()
    await scene.until(lambda: scene.front.seen("watch pods") >= 2, "two watches")
    scene.put_node(node("node-1", gpus=4))
    await scene.until(lambda: scene.front.seen("watch pods") >= 4, "four watches")
    assert scene.front.seen("newest pods") >= 3
    assert scene.front.seen("list pods") == 1
    assert scene.front.seen("list nodes") == 1


@pytest.mark.slow
async def test_an_apiserver_that_never_sends_bookmarks_is_not_listed_all_the_time(scene: Scene) -> None:
    """One without a watch cache: it answers with the newest version of all resources."""
    scene.front.always("newest pods", faults.rewritten(_far_ahead))
    scene.watch(timeouts=SHORT)
    await scene.until_exact()
    await scene.until(lambda: scene.front.seen("watch pods") >= 5, "five watches")
    assert scene.front.seen("list pods") <= 3
    scene.put_pod(pod("next", on="node-1"))
    await scene.until_exact(seconds=2.0)


async def test_a_refused_question_changes_nothing(scene: Scene) -> None:
    scene.front.always("newest pods", faults.status(403))
    scene.front.always("newest nodes", faults.html())
    scene.watch(timeouts=SHORT)
    await scene.until_exact()
    await scene.until(
        lambda: scene.front.seen("newest pods") > 1 and scene.front.seen("newest nodes") > 1, "both"
    )
    assert scene.state.outage is None
    scene.put_pod(pod("next", on="node-1"))
    await scene.until_exact()
    assert scene.front.seen("list pods") == 1


def _far_ahead(page: object) -> None:
    assert isinstance(page, dict)
    page["metadata"]["resourceVersion"] = str(10**9)
