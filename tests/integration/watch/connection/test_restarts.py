"""Whatever ends or stalls kopf, it is started anew, and what was known is served meanwhile."""

import asyncio
import threading
import time
from pathlib import Path
from typing import cast

import pytest

from lens.kube.watch.kopf_settings import Timeouts
from lens.model.cluster_state import ClusterState, StateView
from tests.integration.watch import faults
from tests.integration.watch.front import Exchange, Fault
from tests.integration.watch.objects import Object, pod
from tests.integration.watch.scene import Scene, on_each

SHORT = Timeouts(stall=2.0)

ENDINGS: dict[str, tuple[str, Fault]] = {
    "404 on /api": ("/api", faults.status(404)),
    "410 on /api": ("/api", faults.status(410)),
    "HTML for /api": ("/api", faults.html()),
    "no HTTP on /api": ("/api", faults.raw(b"garbage\r\n\r\n")),
    "no JSON on /api/v1": ("/api/v1", faults.answer(200, b"{]")),
    "a torn /api/v1": ("/api/v1", faults.torn(0.5)),
    "a resource without a kind": ("/api/v1", faults.rewritten(lambda page: page["resources"][0].pop("kind"))),
}


async def test_figures_survive_an_exit_of_kopf(tmp_path: Path) -> None:
    await on_each(tmp_path, ENDINGS, kopf_ends)


async def kopf_ends(scene: Scene, ending: tuple[str, Fault]) -> None:
    kind, fault = ending
    scene.front.script(kind, once_alone(scene, fault))
    scene.watch()
    await scene.until_exact()
    assert scene.restarts == 1


def once_alone(scene: Scene, fault: Fault) -> Fault:
    """Let a fault of discovery wait for the other half of it: kopf's end would wait for open requests."""

    async def waited(exchange: Exchange) -> None:
        starts = scene.front.seen("/api")
        await scene.until(
            lambda: scene.front.seen("/apis") == starts and not scene.front.open("/apis"),
            "an answer on /apis",
        )
        await fault(exchange)

    return waited


async def test_repeated_exits_of_kopf_are_paced(scene: Scene) -> None:
    scene.front.always("/api", once_alone(scene, faults.status(404)))
    scene.watch()
    # Each end takes kopf a moment. It was 5 s with nobody to end its waiter for the stop flag.
    await scene.until(lambda: scene.front.seen("/api") == 6, "six starts")
    scene.front.always("/api", None)
    assert scene.front.span("/api") >= 0.1 + 0.2 + 0.4
    await scene.until_exact()


@pytest.mark.parametrize("kind", ["/apis", "/api", "/api/v1"])
async def test_failed_discovery_is_retried(scene: Scene, kind: str) -> None:
    scene.front.script(kind, faults.status(500), faults.status(403), faults.reset)
    scene.watch()
    await scene.until_exact()
    assert scene.restarts == 0


def lacking(name: str) -> Fault:
    """Return a discovery that doesn't name one resource."""

    def drop(page: Object) -> None:
        page["resources"] = [each for each in page["resources"] if each["name"] != name]

    return faults.rewritten(drop)


STALLS: dict[str, tuple[str, Fault]] = {
    **{f"no {name} in /api/v1": ("/api/v1", lacking(name)) for name in ("pods", "nodes", "namespaces")},
    "no /api/v1": ("/api/v1", faults.status(404)),
    "a list that hangs": ("list pods", faults.hang),
    "a watch that hangs": ("watch pods", faults.hang),
    "a watch that says nothing": ("watch nodes", faults.endless_silence),
}


async def test_a_stalled_watch_restarts_kopf(tmp_path: Path) -> None:
    await on_each(tmp_path, STALLS, something_stalls)


async def something_stalls(scene: Scene, stall: tuple[str, Fault]) -> None:
    scene.front.script(*stall)
    scene.watch(timeouts=SHORT)
    await scene.until(lambda: scene.restarts > 0, "another try")
    scene.put_pod(pod("after", on="node-1"))
    scene.delete_node("node-2")
    await scene.until_exact()
    # With so little patience a busy machine may look stalled once more.
    assert 1 <= scene.restarts <= 3


class Saboteur:
    """A clock that, once told to, takes away kopf's watcher of pods, as kopf's own timers may."""

    def __init__(self) -> None:
        self.armed = False

    def __call__(self) -> float:
        if self.armed and threading.current_thread().name == "kopf":
            for task in asyncio.all_tasks():
                if task.get_name().startswith("watcher for pods"):
                    self.armed = False
                    task.cancel()
        return time.time()


async def test_a_watch_that_kopf_lost_restarts_kopf(scene: Scene) -> None:
    clock = Saboteur()
    scene.watch(timeouts=SHORT, clock=clock)
    await scene.until_exact()
    known = scene.state.current.snapshot
    clock.armed = True
    await scene.until(lambda: not clock.armed and not scene.front.open("watch pods"), "no watch of pods")
    scene.delete_pod("pod-0")
    assert scene.state.current.snapshot is known
    await scene.until_exact()
    assert scene.restarts == 1


async def test_a_hanging_list_times_out_without_a_restart(scene: Scene) -> None:
    scene.front.page_size = 3
    scene.front.script("list pods", faults.hang, faults.torn(0.5, then=faults.hang))
    scene.front.script("page pods", faults.hang)
    scene.watch(timeouts=Timeouts(request=0.5))
    await scene.until_exact()
    assert scene.restarts == 0


async def test_a_silent_watch_times_out_without_a_restart(scene: Scene) -> None:
    scene.front.script("watch pods", faults.endless_silence)
    scene.watch(timeouts=Timeouts(silence=1.0))
    await scene.until(lambda: scene.front.seen("watch pods") == 2, "a second watch")
    scene.put_pod(pod("after", on="node-1"))
    await scene.until_exact()
    assert scene.restarts == 0


@pytest.mark.parametrize("kind", ["list pods", "watch pods"])
async def test_a_hanging_apiserver_does_not_delay_the_shutdown(scene: Scene, kind: str) -> None:
    scene.front.always(kind, faults.hang)
    scene.watch()
    await scene.until(lambda: scene.front.open(kind) > 0, "the hang")
    assert scene.watching is not None
    scene.watching.cancel()
    async with asyncio.timeout(30):
        await asyncio.wait({scene.watching})
    assert not [thread for thread in threading.enumerate() if thread.name == "kopf"]


async def test_snapshots_continue_after_a_failure_to_publish(scene: Scene) -> None:
    class Defective(ClusterState):
        """Fails as it is written to, twice."""

        failures = 2

        @property
        def current(self) -> StateView:
            return super().current

        @current.setter
        def current(self, counted: StateView) -> None:
            if self.failures:
                self.failures -= 1
                raise ZeroDivisionError
            cast(property, ClusterState.current).__set__(self, counted)

    scene.state = Defective()
    scene.watch()
    await scene.until(lambda: scene.state.current.synced, "a snapshot")
    registry = scene.metrics.registry
    assert registry.get_sample_value("lens_job_failures_total", {"job": "publish"}) == 2
    assert registry.get_sample_value("lens_watcher_restarts_total") == 0
