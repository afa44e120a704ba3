"""The apiserver's Events of GPU pods and nodes come, whatever else there is and whatever goes wrong."""

import asyncio
import logging
import time
import tracemalloc

import pytest

from tests.integration.events.conftest import PATH, Scene
from tests.integration.watch import faults
from tests.integration.watch.front import Exchange
from tests.unit.model.manifests import Object
from tests.unit.model.reported import of_node, of_pod, of_scheduler

NOW = time.time()
AGO = NOW - 300


def warning(reason: str = "BackOff", name: str = "train-0") -> Object:
    return of_pod(reason, "a text", at=AGO, name=name, kind="Warning")


async def test_existing_events_are_listed_and_new_warnings_are_watched(scene: Scene) -> None:
    scene.record(warning(), warning(name="without-gpus"), of_node("NodeNotReady", at=AGO))
    scene.record(of_scheduler("Preempted", "Preempted by pod 1 on node node-1", at=AGO, name="gone"))
    scene.read()
    await scene.until_watching()
    assert sorted(map(str, scene.reasons())) == ["BackOff", "NodeNotReady", "Preempted"]
    scene.record(warning("Unhealthy"), warning(name="without-gpus"), of_pod("Pulled", at=AGO))
    await scene.until(lambda: scene.reasons()[3:] == ["Unhealthy"], "a warning by the watch")
    # The apiserver leaves out most: nothing else is listed, and of what comes the warnings.
    (listed,) = scene.requests(watches=False)
    (watched,) = scene.requests(watches=True)
    assert "reason!=Pulled" in listed.query["fieldSelector"]
    assert watched.query["fieldSelector"] == "type=Warning"


async def test_events_are_not_listed_before_the_pods(scene: Scene) -> None:
    scene.synced = False
    scene.read()
    await asyncio.sleep(0.3)
    assert scene.front.requests == []
    scene.synced = True
    scene.changes.notify()
    await scene.until_watching()


async def test_an_event_that_precedes_its_pod_is_shown_once_the_pod_is_known(scene: Scene) -> None:
    scene.read()
    await scene.until_watching()
    scene.record(warning(name="later"), warning())
    await scene.until(lambda: scene.reasons() == ["BackOff"], "what is known")
    scene.run_pod("later")
    await scene.until(lambda: len(scene.told) == 2, "what was not known yet")
    assert scene.told[1].object == "Pod/team/later"


@pytest.mark.slow
async def test_20000_events_of_other_pods_take_bounded_time_and_memory(scene: Scene) -> None:
    for number in range(20_000):
        other = warning("BackOff" if number % 4 else "Pulled", f"other-{number}")
        scene.record(other | {"message": "x" * 200})
    scene.record(warning())
    tracemalloc.start()
    began = time.monotonic()
    scene.read()
    longest = 0.0
    while not scene.requests(watches=True):
        turn = time.monotonic()
        await asyncio.sleep(0)
        longest = max(longest, time.monotonic() - turn)
        assert time.monotonic() - began < 60
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"{time.monotonic() - began:.1f} s, {peak / 2**20:.1f} MiB at most, a turn took {longest:.3f} s")
    assert scene.reasons() == ["BackOff"]
    # A page has what the first ones fitted into.
    assert 5 <= len(scene.requests(watches=False)) <= 31
    # The servers and a page of theirs are in it; all Events together would be over 15 MB.
    assert peak < 12 * 2**20


async def test_forbidden_events_are_logged_once_and_rarely_retried(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.front.always(PATH, faults.status(403))
    with caplog.at_level(logging.WARNING):
        scene.read()
        await scene.until(lambda: len(scene.front.requests) == 1, "the list")
        await asyncio.sleep(1)
    assert len(scene.front.requests) == 1
    assert [record.message for record in caplog.records] == [
        "Events can't be read; recent_events has what Lens sees itself"
    ]


@pytest.mark.parametrize(
    "fault",
    [
        faults.status(500),
        faults.status(410),
        faults.status(400),
        faults.html(),
        faults.answer(200, b"{}"),
        faults.answer(200, b'{"metadata":{"resourceVersion":"1"},"items":7}'),
        faults.raw(b"nonsense\r\n\r\n"),
        faults.reset,
        faults.torn(0.5),
    ],
)
async def test_a_failed_list_of_events_is_repeated(scene: Scene, fault: object) -> None:
    scene.record(warning())
    scene.front.script(PATH, fault)  # type: ignore[arg-type]
    scene.read()
    await scene.until(lambda: scene.reasons() == ["BackOff"], "the second list")


@pytest.mark.parametrize(
    "fault",
    [
        faults.status(500),
        faults.status(410),
        faults.html(),
        faults.stream(faults.error(410)),
        faults.stream(faults.error(None)),
        faults.stream(b"nonsense\n"),
        faults.stream(b'{"type":"ADDED","object":{}}\n'),
        faults.silence,
    ],
)
async def test_after_a_watch_that_fails_warnings_are_listed_and_watched_again(
    scene: Scene, fault: object
) -> None:
    scene.front.script(PATH, Exchange.forward, fault)  # type: ignore[arg-type]
    scene.read()
    await scene.until_watching()
    scene.record(warning())
    await scene.until(lambda: "BackOff" in scene.reasons(), "what a failed watch has missed")
    lists = scene.requests(watches=False)
    assert [each.query["fieldSelector"] for each in lists[1:]] == ["type=Warning"]


async def test_a_watch_with_events_resumes_at_its_last_version(scene: Scene) -> None:
    line = faults.event("ADDED", warning() | {"metadata": {**warning()["metadata"], "resourceVersion": "9"}})
    scene.front.script(PATH, Exchange.forward, faults.stream(line))
    scene.read()
    await scene.until_watching(2)
    assert scene.reasons() == ["BackOff"]
    assert scene.requests(watches=True)[1].query["resourceVersion"] == "9"
    assert len(scene.requests(watches=False)) == 1


async def test_an_undecodable_event_affects_no_other(scene: Scene) -> None:
    odd: list[object] = [None, 7, [], {"metadata": {}}, warning() | {"message": 7}, warning() | {"type": []}]
    lines = [faults.event("ADDED", each) for each in (*odd, warning())]
    scene.front.script(PATH, Exchange.forward, faults.stream(*lines))
    scene.read()
    await scene.until(lambda: scene.reasons() == ["BackOff"], "the one that can be read")


async def test_a_page_that_is_too_large_is_read_in_smaller_ones(scene: Scene) -> None:
    scene.record(*(warning(name=f"other-{number}") for number in range(30)), warning())

    def larger(page: Object) -> None:
        page["items"].append({"metadata": {"name": "x" * 17 * 2**20}})

    scene.front.script(PATH, faults.rewritten(larger))
    scene.read()
    await scene.until_watching()
    assert scene.reasons() == ["BackOff"]
    assert [each.query["limit"] for each in scene.requests(watches=False)] == ["500", "62"]


async def test_watches_that_end_at_once_are_paced(scene: Scene) -> None:
    async def no_watch(exchange: Exchange) -> None:
        if "watch" in exchange.request.query:
            await faults.stream(faults.error(410))(exchange)
        else:
            await exchange.forward()

    scene.front.always(PATH, no_watch)
    scene.read()
    await asyncio.sleep(4)
    assert 2 <= len(scene.requests(watches=False)) <= 3


async def test_watches_without_events_are_not_delayed_more_and_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lens.kube.readers.events.FIRST_SECONDS", 0.1)
    monkeypatch.setattr("lens.kube.readers.events.RESET_SECONDS", 0.05)
    monkeypatch.setattr("lens.kube.client.restarts.RESET_SECONDS", 0.05)

    async def quiet(exchange: Exchange) -> None:
        if "watch" not in exchange.request.query:
            await exchange.forward()
        else:
            await exchange.send(faults.STREAM)
            await asyncio.sleep(0.1)

    scene.front.always(PATH, quiet)
    scene.read()
    # Were each gap twice the last, the tenth watch would begin after 51 s.
    await scene.until_watching(10)
