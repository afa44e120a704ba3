"""Watches without lines: quiet ones, silent ones, and those that end before they have brought any."""

import asyncio
import threading
import time
from functools import partial

import pytest

from lens.kube.watch.kopf_settings import Timeouts
from lens.kube.watch.liveness import Liveness
from lens.kube.watch.trust import EMPTY_SECONDS, SETTLED_SECONDS, Trust
from tests.integration.watch import faults
from tests.integration.watch.front import Exchange, Fault
from tests.integration.watch.objects import pod
from tests.integration.watch.reflecting import pods_reflector
from tests.integration.watch.scene import Scene

SHORT = Timeouts(watch=1, silence=3.0)
PROMPT = Timeouts(silence=1.0)
PATIENT = Timeouts(watch=1, silence=20.0)
LENGTH = 8.0


async def stands_still(scene: Scene) -> None:
    """See figures grow older than any watch lasts."""
    await scene.until(lambda: scene.state.current.age(time.time()) > 4, "age")
    last = scene.state.current
    await scene.until(lambda: scene.state.current.age(time.time()) > 6, "more age")
    assert scene.state.current.current_at == last.current_at


async def recovers(scene: Scene) -> None:
    """See the figures be exact and current again, without a new start of kopf."""
    await scene.until_exact()
    await scene.until(lambda: scene.state.current.age(time.time()) < 3, "current figures")
    assert scene.restarts == 0


class Watched:
    """The watches of one resource, at a time of the test's own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.trust = Trust(lambda: self.now)

    def watch(self, lasts: float, *, line: bool = False) -> str | None:
        """Let a watch begin that ends after so many seconds; return why it isn't relied upon."""
        why = self.trust.opened(LENGTH)
        if why is not None:
            self.trust.listed()
        if line:
            self.trust.received()
        self.now += lasts
        return why

    def end(self, lasts: float = LENGTH) -> str | None:
        why = self.watch(lasts)
        self.trust.ended()
        return why

    def silence(self) -> str | None:
        why = self.watch(1.5 * LENGTH)
        self.trust.silent()
        return why


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_watches_that_end_in_time_without_lines_are_good_for_a_while(watched: Watched) -> None:
    ends = [watched.end() for _ in range(int(EMPTY_SECONDS / LENGTH) + 2)]
    assert ends == [None] * (len(ends) - 1) + ["watches have no lines"]


def test_watches_that_end_early_without_lines_soon_are_not(watched: Watched) -> None:
    assert [watched.end(0.1) for _ in range(4)] == [None, None, None, "watches have no lines"]
    watched.watch(0.1, line=True)
    assert [watched.end(0.1) for _ in range(4)] == [None, None, None, "watches have no lines"]


def test_a_watch_is_settled_after_half_a_second(watched: Watched) -> None:
    settled = []
    for _ in range(3):
        watched.watch(SETTLED_SECONDS / 2)
        settled.append(watched.trust.is_settled)
        watched.now += SETTLED_SECONDS / 2
        settled.append(watched.trust.is_settled)
    assert settled == [False, True] * 3


def test_after_a_silent_watch_the_next_one_has_to_bring_a_line_or_end_in_time(watched: Watched) -> None:
    settled = []
    for after in (
        partial(watched.end, LENGTH / 2),
        watched.end,
        watched.silence,
        partial(watched.watch, LENGTH / 2),
        partial(watched.watch, LENGTH / 2, line=True),
    ):
        watched.silence()
        after()
        settled.append(watched.trust.is_settled)
    assert settled == [False, True, False, False, True]


def test_from_the_second_silent_watch_on_each_is_followed_by_a_list(watched: Watched) -> None:
    silence = "watches neither bring lines nor end"
    assert [watched.silence() for _ in range(4)] == [None, None, silence, silence]
    assert watched.end() == silence
    assert [watched.end(), watched.silence(), watched.silence(), watched.end()] == [None, None, None, silence]


def test_an_end_that_is_read_late_covers_the_time_until_it_was_due(watched: Watched) -> None:
    ends = []
    for lasts in (LENGTH / 2, LENGTH - 0.5, LENGTH, LENGTH + 5):
        watched.watch(lasts)
        ends.append(watched.trust.ended())
    assert ends == [None, 0.0, 0.0, 5.0]


def test_a_clock_that_was_set_back_leaves_no_time_in_the_future() -> None:
    now = [1000.0]
    reflector = pods_reflector(clock=lambda: now[0])
    liveness = Liveness([reflector], lambda: now[0])
    known = [liveness.confirmed_at()[reflector.resource]]
    reflector.request_sent()
    reflector.apply_page(b'{"metadata":{"resourceVersion":"1"},"items":[]}', first=True)
    for now[0] in (1005.0, 400.0, 1005.0):
        known.append(liveness.confirmed_at()[reflector.resource])
    assert known == [None, 1000.0, 0.0, 1000.0]


CUTS: dict[str, Fault] = {
    "an end": faults.stream(),
    "a reset": faults.stream(then=faults.reset),
    "half a line": faults.stream(b'{"type":"MODIFIED","object":{"kind":"Pod","met', then=faults.reset),
}


@pytest.mark.slow
@pytest.mark.parametrize("cut", CUTS)
async def test_watches_that_are_cut_as_they_begin_make_no_figures_look_current(
    scene: Scene, cut: str
) -> None:
    scene.watch()
    await scene.until_exact()
    scene.front.always("list pods", faults.status(503))
    scene.front.always("watch pods", CUTS[cut])
    scene.front.cut("watch pods")
    scene.put_pod(pod("unheard", on="node-1"))
    await stands_still(scene)
    scene.front.always("list pods", None)
    scene.front.always("watch pods", None)
    await recovers(scene)


@pytest.mark.slow
async def test_figures_grow_old_while_watches_are_silent_and_nothing_can_be_listed(scene: Scene) -> None:
    scene.watch(timeouts=SHORT)
    await scene.until_exact()
    scene.front.always("list pods", faults.status(503))
    scene.front.always("watch pods", faults.endless_silence)
    scene.front.cut("watch pods")
    scene.put_pod(pod("unheard", on="node-1"))
    await stands_still(scene)
    scene.front.always("watch pods", None)
    scene.front.always("list pods", None)
    await recovers(scene)


@pytest.mark.slow
async def test_while_all_watches_are_silent_lists_show_changes(scene: Scene) -> None:
    scene.front.always("watch pods", faults.endless_silence)
    scene.watch(timeouts=SHORT)
    for number in range(3):
        scene.put_pod(pod(f"unheard-{number}", on="node-1"))
        await scene.until_exact()
    assert scene.front.seen("list nodes") == 1
    scene.front.always("watch pods", None)
    scene.front.cut("watch pods")
    await scene.until(lambda: scene.front.open("watch pods") == 1, "a sound watch")
    lists = scene.front.seen("list pods")
    scene.put_pod(pod("heard", on="node-1"))
    await scene.until_exact()
    watches = scene.front.seen("watch pods")
    await scene.until(lambda: scene.front.seen("watch pods") > watches + 1, "more watches")
    assert scene.front.seen("list pods") <= lists + 1
    assert scene.restarts == 0


@pytest.mark.slow
async def test_a_watch_that_gets_no_response_is_requested_again(scene: Scene) -> None:
    scene.front.script("watch pods", faults.hang)
    scene.watch(timeouts=Timeouts(head=2.0))
    await scene.until(lambda: scene.front.seen("watch pods") >= 2, "another watch")
    scene.put_pod(pod("after", on="node-1"))
    await scene.until_exact()
    assert scene.restarts == 0


async def test_a_watch_may_wait_for_its_response(scene: Scene) -> None:
    """An apiserver with more requests than it serves at once lets some wait."""

    async def late(exchange: Exchange) -> None:
        await asyncio.sleep(2 * PROMPT.silence)
        await exchange.forward()

    scene.front.script("watch pods", late)
    scene.watch(timeouts=PROMPT)
    await scene.until_exact()
    scene.put_pod(pod("heard", on="node-1"))
    await scene.until_exact()
    assert scene.front.seen("watch pods") == 1
    assert scene.front.seen("list pods") == 1


class Freeze:
    """A clock that on request stops kopf's thread for a while, as a node without CPU does."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.armed = False

    def __call__(self) -> float:
        if self.armed and threading.current_thread().name == "kopf":
            self.armed = False
            time.sleep(self.seconds)
        return time.time()


@pytest.mark.slow
async def test_after_being_frozen_lens_takes_no_watch_for_silent(
    quiet: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Freeze(3 * SHORT.silence)
    quiet.watch(timeouts=SHORT, clock=clock)
    await quiet.until_exact()
    clock.armed = True
    await quiet.until(lambda: not clock.armed, "the freeze")
    seen = quiet.front.seen("watch pods")
    await quiet.until(lambda: quiet.front.seen("watch pods") > seen + 1, "more watches")
    assert "a watch is silent" not in caplog.text
    assert quiet.front.seen("list pods") == 1


@pytest.mark.slow
async def test_in_a_quiet_cluster_nothing_is_listed_again(quiet: Scene) -> None:
    quiet.watch(timeouts=PATIENT)
    await quiet.until_exact()
    began = time.time()
    await quiet.until(lambda: quiet.front.seen("watch pods") >= 7, "seven watches")
    assert time.time() - began > 5 * SHORT.watch, "without pauses, they end in time"
    assert quiet.front.seen("list pods") == 1
    assert quiet.front.seen("list nodes") == 1
    assert quiet.state.current.age(time.time()) < 5
