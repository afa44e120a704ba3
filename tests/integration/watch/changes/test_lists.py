"""Lists that fail in every way end in the right figures, and have no effect until they succeed."""

import json
from itertools import count
from pathlib import Path

import pytest

from lens.kube.watch.reflector import STEP_OBJECTS, UnusableListError
from tests.integration.watch import faults
from tests.integration.watch.front import Fault
from tests.integration.watch.objects import pod
from tests.integration.watch.reflecting import pods_reflector
from tests.integration.watch.scene import Scene, on_each

ELSEWHERE = "http://127.0.0.1:1/api/v1/pods"

FAULTS: dict[str, dict[str, Fault]] = {
    "refusals": {
        **{f"{code}": faults.status(code) for code in (400, 401, 403, 404, 408, 410, 422, 429)},
        **{f"{code} without a body": faults.answer(code) for code in (400, 401, 410)},
        "429 until a date": faults.status(429, Retry_After="Wed, 01 Jan 2020 00:00:00 GMT"),
        "a Status of odd types": faults.answer(403, b'{"kind":"Status","message":null,"code":"x"}'),
    },
    "failures": {
        **{f"{code}": faults.status(code) for code in (500, 503, 504)},
        **{f"{code} in HTML": faults.html(code) for code in (200, 403, 502)},
        "500 without a body": faults.answer(500),
        "204": faults.answer(204),
        "202 with an empty list": faults.answer(202, b'{"metadata":{"resourceVersion":"9"},"items":[]}'),
        "304": faults.answer(304),
        "302 to nowhere": faults.answer(302),
        "302 elsewhere": faults.answer(302, Location=ELSEWHERE),
        "307 to itself": faults.answer(307, Location="/api/v1/pods?limit=500"),
    },
    "200 with what is no list": {
        "nothing": faults.answer(200),
        "half a list": faults.answer(200, b'{"metadata":{"resourceVersion":"9"},"items":['),
        "no version": faults.answer(200, b'{"metadata":{},"items":[]}'),
        "an odd version": faults.answer(200, b'{"metadata":{"resourceVersion":"x"},"items":[]}'),
        "no object": faults.answer(200, b"[]"),
        "null": faults.answer(200, b"null"),
        "a Status": faults.answer(200, b'{"kind":"Status","status":"Failure","code":500}'),
        "bad gzip": faults.answer(200, b"no gzip", Content_Encoding="gzip"),
    },
    "no answers": {
        "no HTTP": faults.raw(b"\x15\x03\x01\x00\x02\x02\x50 SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        "half a head": faults.raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
        "no answer": faults.end,
        "reset": faults.reset,
        "torn": faults.torn(0.6),
        "torn at the end": faults.torn(0.999),
        "ended too early": faults.torn(0.6, then=faults.end),
    },
}


@pytest.mark.parametrize("family", FAULTS)
async def test_a_failed_list_has_no_effect_and_is_repeated(tmp_path: Path, family: str) -> None:
    await on_each(tmp_path, FAULTS[family], a_list_fails)


async def a_list_fails(scene: Scene, fault: Fault) -> None:
    numbers = count()

    def cluster_goes_on() -> None:
        # What a failed list had shown is wrong by the time of the next.
        number = next(numbers)
        scene.delete_pod(f"pod-{number}")
        scene.put_pod(pod(f"next-{number}", on="node-1", gpus=2))

    scene.front.page_size = 3
    scene.front.script("list pods", faults.after(cluster_goes_on, fault))
    scene.front.script("page pods", faults.after(cluster_goes_on, fault))
    scene.watch()
    await scene.until_exact()
    assert scene.front.scripted == 0
    assert scene.restarts == 0
    assert scene.metric("lens_list_drift_total", resource="pods") == 0
    assert scene.front.seen("list pods") + scene.front.seen("page pods") <= 10


async def test_a_slow_page_is_applied(scene: Scene) -> None:
    scene.front.page_size = 3
    scene.front.script("page pods", faults.dripping(pieces=50))
    scene.watch()
    await scene.until_exact()
    assert scene.front.seen("list pods") == 1


async def test_an_expired_continue_token_shows_no_deleted_objects(scene: Scene) -> None:
    def compacted() -> None:
        scene.delete_pod("pod-1")
        scene.store.compact()

    scene.front.page_size = 2
    scene.front.script("page pods", faults.after(compacted))
    scene.watch()
    await scene.until_exact()
    assert scene.restarts == 0


async def test_a_failing_list_does_not_change_the_served_figures(scene: Scene) -> None:
    scene.front.page_size = 3
    scene.watch()
    await scene.until_exact()
    before = scene.state.current.snapshot
    scene.front.script("page pods", faults.torn(0.5), faults.status(410), faults.html())
    scene.front.script("watch pods", faults.status(410))
    scene.front.cut("watch pods")
    await scene.until(lambda: scene.front.scripted == 0, "all faults met")
    assert scene.state.current.snapshot is before
    await scene.until_listed("pods", 2)
    assert scene.state.current.snapshot is before
    assert scene.metric("lens_list_drift_total", resource="pods") == 0


ENDLESS: dict[str, Fault] = {
    "410": faults.status(410),
    "503": faults.status(503),
    "redirects": faults.answer(307, Location="/api/v1/pods?limit=500"),
}


@pytest.mark.slow
async def test_repeated_list_failures_are_paced(tmp_path: Path) -> None:
    await on_each(tmp_path, ENDLESS, a_list_fails_on_and_on)


async def a_list_fails_on_and_on(scene: Scene, fault: Fault) -> None:
    scene.front.always("list pods", fault)
    scene.watch()
    await scene.until(lambda: scene.front.seen("list pods") >= 5, "five lists")
    scene.front.always("list pods", None)
    # The two pauses of ours come on top of kopf's four, which are 0.1 s at least.
    assert scene.front.span("list pods") >= 0.1 + 0.2 + 4 * 0.1
    await scene.until_exact()
    assert scene.restarts == 0


def test_a_page_has_no_effect_if_another_watcher_takes_over_while_it_is_applied() -> None:
    reflector = pods_reflector()
    pods = [pod(f"pod-{number}", on="node-0", gpus=1) for number in range(2 * STEP_OBJECTS)]
    for each in pods:
        each["metadata"]["resourceVersion"] = "1"
    page = json.dumps({"metadata": {"resourceVersion": "1"}, "items": pods}).encode()
    steps = reflector.page_steps(page, first=True)
    next(steps)
    next(steps)
    reflector.retire()
    with pytest.raises(UnusableListError):
        list(steps)
    assert not reflector.store.synced
