"""How old the figures are is known: silence is not age, and an apiserver that has gone is."""

import asyncio
import time

import pytest

from lens.kube.client.kubeconfig import Connection
from lens.kube.watch.kopf_settings import Timeouts
from tests.integration.watch import faults
from tests.integration.watch.front import Exchange, Fault
from tests.integration.watch.objects import pod
from tests.integration.watch.scene import Scene

LONG = Timeouts(watch=25, silence=40.0)
"""No watch ends meanwhile: the next one would be a sign of life."""


async def stands_still(scene: Scene) -> None:
    """Wait until the figures are old, and see them grow older."""
    await scene.until(lambda: scene.state.current.age(time.time()) > 2.5, "age")
    last = scene.state.current
    await scene.until(lambda: scene.state.current.age(time.time()) > 4, "more age")
    assert scene.state.current.current_at == last.current_at


async def test_no_figures_are_served_before_both_lists_are_complete(scene: Scene) -> None:
    scene.front.always("list nodes", faults.status(503))
    scene.watch()
    await scene.until_listed("pods", 1)
    await scene.until(lambda: scene.front.seen("list nodes") >= 2, "lists of nodes")
    assert not scene.state.current.synced
    scene.front.always("list nodes", None)
    await scene.until_exact()


async def test_figures_stay_current_in_a_quiet_cluster(scene: Scene) -> None:
    scene.watch()
    await scene.until_exact()
    first = scene.state.current
    await scene.until(lambda: scene.state.current.current_at > first.current_at + 0.3, "signs of life")
    assert scene.state.current.snapshot is first.snapshot
    assert scene.state.current.age(time.time()) < 5.0


async def test_figures_stay_young_while_pods_change_all_the_time(quiet: Scene) -> None:
    quiet.watch(timeouts=LONG)
    await quiet.until_exact()
    first, changes = quiet.state.current, 0
    async with asyncio.timeout(30):
        while quiet.state.current.current_at < first.current_at + 0.7:
            changes += 1
            quiet.put_pod(pod("busy", on="node-0", gpus=1 + changes % 4))
            await asyncio.sleep(0.01)


async def test_figures_without_a_pod_say_at_once_that_it_cant_be_decoded(quiet: Scene) -> None:
    quiet.watch(timeouts=LONG)
    quiet.put_pod(pod("odd", on="node-0"))
    await quiet.until_exact()
    current = quiet.state.current

    def is_gone() -> bool:
        nonlocal current
        current = quiet.state.current
        return all(each.name != "odd" for each in current.snapshot.nodes["node-0"].pods)

    assert not is_gone()
    quiet.put_pod(pod("odd", on="node-0", gpus="many"))
    await quiet.until(is_gone, "figures without the pod")
    assert current.skipped["pods"] == 1


@pytest.mark.slow
async def test_figures_stay_young_while_a_quiet_watchs_apiserver_answers(quiet: Scene) -> None:
    quiet.watch(timeouts=LONG)
    await quiet.until_exact()
    first = quiet.state.current
    await quiet.until(lambda: quiet.state.current.current_at > first.current_at + 3, "answers")
    current = quiet.state.current
    assert max(current.contacts.values()) < current.current_at - 2, "nothing has come on the watches"
    assert quiet.state.current.snapshot is first.snapshot


@pytest.mark.slow
async def test_an_apiserver_that_hangs_makes_no_silent_watch_look_young(quiet: Scene) -> None:
    quiet.front.always("/version", faults.endless_silence)
    quiet.watch(timeouts=LONG)
    await quiet.until_exact()
    await quiet.until(lambda: quiet.front.seen("/version") > 0, "a question")
    await stands_still(quiet)


@pytest.mark.slow
async def test_a_refused_question_shows_that_the_apiserver_is_there(quiet: Scene) -> None:
    quiet.front.always("/version", faults.status(403))
    quiet.watch(timeouts=LONG)
    await quiet.until_exact()
    first = quiet.state.current
    await quiet.until(lambda: quiet.state.current.current_at > first.current_at + 2, "answers")
    quiet.front.always("/version", faults.status(503))
    asked = quiet.front.seen("/version")
    await quiet.until(lambda: quiet.front.seen("/version") > asked, "a question")
    await stands_still(quiet)


@pytest.mark.slow
async def test_a_watch_that_is_broken_off_is_not_as_current_as_the_others(quiet: Scene) -> None:
    quiet.watch(timeouts=LONG)
    await quiet.until_exact()
    quiet.front.always("watch nodes", faults.status(500))
    quiet.front.cut("watch nodes")
    answered = quiet.front.seen("/version")
    await quiet.until(lambda: quiet.front.seen("/version") > answered, "answers")
    await stands_still(quiet)


async def test_an_accepted_watch_is_a_sign_of_life_without_a_line(quiet: Scene) -> None:
    quiet.watch(timeouts=Timeouts(watch=1))
    await quiet.until_exact()
    first = quiet.state.current.contacts["pods"]
    await quiet.until(lambda: quiet.state.current.contacts["pods"] > first + 0.4, "a sign of life")
    assert quiet.front.seen("list pods") == 1


@pytest.mark.slow
async def test_an_accepted_watch_after_a_silent_one_is_none(quiet: Scene) -> None:
    quiet.front.always("watch pods", faults.endless_silence)
    quiet.watch(timeouts=Timeouts(silence=2.0))
    await quiet.until_exact()
    await quiet.until(lambda: quiet.front.seen("watch pods") >= 2, "a silent watch, and another")
    second = quiet.state.current
    await quiet.until(lambda: quiet.state.current.age(time.time()) > 1, "age")
    assert quiet.state.current.contacts["pods"] == second.contacts["pods"]
    assert quiet.front.seen("list pods") == 1


async def test_without_an_apiserver_the_last_figures_are_served_with_their_age(scene: Scene) -> None:
    scene.watch()
    await scene.until_exact()
    await scene.front.stop()
    errors = scene.metric("lens_kube_requests_total", outcome="error")
    await scene.until(
        lambda: scene.metric("lens_kube_requests_total", outcome="error") > errors + 5, "refused connections"
    )
    last = scene.state.current
    await scene.until(lambda: scene.state.current.age(time.time()) > 2.5, "age")
    assert scene.state.current.synced
    assert scene.state.current.snapshot is last.snapshot
    scene.put_pod(pod("meanwhile", on="node-1"))
    await scene.front.start()
    await scene.until_exact()
    # Pods alone make it exact; the watch of nodes may come back later.
    await scene.until(lambda: scene.state.current.age(time.time()) < 5.0, "current figures")
    assert scene.restarts == 0


async def test_html_of_a_proxy_does_not_make_figures_look_current(scene: Scene) -> None:
    scene.watch()
    await scene.until_exact()
    for kind in ("list pods", "watch pods", "list nodes", "watch nodes"):
        scene.front.always(kind, faults.html())
    scene.front.cut("")
    last = scene.state.current
    await scene.until(lambda: scene.state.current.age(time.time()) > 2.5, "age")
    assert scene.state.current.snapshot is last.snapshot
    last = scene.state.current
    for kind in ("list pods", "watch pods", "list nodes", "watch nodes"):
        scene.front.always(kind, None)
    await scene.until(lambda: scene.state.current.current_at > last.current_at, "a sign of life")
    await scene.until_exact()


async def test_a_failing_resource_does_not_delay_the_other(scene: Scene) -> None:
    scene.watch()
    await scene.until_exact()
    scene.front.always("watch nodes", faults.status(500))
    scene.front.cut("watch nodes")
    for number in range(3):
        scene.put_pod(pod(f"next-{number}", on="node-1"))
        await scene.until_exact(seconds=5.0)
    nodes = scene.state.current.contacts["nodes"]
    await scene.until(lambda: scene.state.current.contacts["pods"] > nodes + 0.5, "signs of life of pods")
    assert scene.state.current.contacts["nodes"] < nodes + 0.5


async def test_an_apiserver_below_a_path_is_watched(scene: Scene) -> None:
    scene.front.prefix = "/k8s/clusters/c-1"
    scene.watch(Connection(scene.kubeconfig(None, {"server": f"{scene.front.url}/k8s/clusters/c-1/"})))
    await scene.until_exact()
    scene.put_pod(pod("after", on="node-1"))
    await scene.until_exact()


async def test_figures_are_as_old_as_the_beginning_of_a_list(scene: Scene) -> None:
    listed, watched = asyncio.Event(), asyncio.Event()
    scene.front.always("list pods", held_until(listed))
    scene.front.always("watch pods", held_until(watched))
    scene.watch()
    await scene.until(lambda: scene.front.seen("list pods") == 1, "a list")
    asked = time.time()
    await scene.until(lambda: time.time() > asked + 1, "a list that takes long")
    listed.set()
    await scene.until(lambda: scene.front.seen("watch pods") > 0, "the list's end")
    await scene.until(lambda: scene.state.current.synced, "figures")
    # The list shows what there was as it began; a watch has told nothing since.
    assert scene.state.current.current_at <= asked + 0.1
    watched.set()
    await scene.until(lambda: scene.state.current.current_at > asked + 1, "what a watch tells")


def held_until(enough: asyncio.Event) -> Fault:
    """Let the apiserver's answer wait."""

    async def late(exchange: Exchange) -> None:
        await enough.wait()
        await exchange.forward()

    return late
