"""Watches that fail in every way lose no change and don't end the watching."""

import json
from itertools import count
from pathlib import Path

import pytest

from lens_sim.objects.resources import PODS
from tests.integration.watch import faults
from tests.integration.watch.faults import error, event, stream
from tests.integration.watch.front import Exchange, Fault
from tests.integration.watch.objects import pod
from tests.integration.watch.scene import Scene, on_each

FAULTS: dict[str, dict[str, Fault]] = {
    "refusals": {
        **{f"{code}": faults.status(code) for code in (400, 401, 403, 404, 408, 410, 429)},
        **{f"{code} without a body": faults.answer(code) for code in (400, 401, 410)},
    },
    "failures": {
        **{f"{code}": faults.status(code) for code in (500, 503)},
        **{f"{code} in HTML": faults.html(code) for code in (200, 403, 502)},
        "500 without a body": faults.answer(500),
        "204": faults.answer(204),
        "302 to nowhere": faults.answer(302),
    },
    "broken connections": {
        "no HTTP": faults.raw(b"\x00\x01\x02 garbage\r\n\r\n"),
        "half a head": faults.raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
        "no answer": faults.end,
        "reset": faults.reset,
        "an end at once": faults.silence,
        "a reset at once": stream(then=faults.reset),
        "a broken chunk": faults.raw(faults.CHUNKED + b"zz\r\nno length\r\n"),
        "half a chunk": faults.raw(faults.CHUNKED + b"400\r\n{"),
    },
    "ERROR lines": {
        **{f"{code}": stream(error(code)) for code in (410, 429, 500)},
        "without a code": stream(error(None)),
        "with no Status": stream(event("ERROR", "etcd is on holiday")),
        "with more after it": stream(
            error(410), event("BOOKMARK", {"metadata": {"resourceVersion": "9999"}})
        ),
    },
    "lines that are none": {
        "half a line": stream(b'{"type":"MODIFIED","object":{"kind":"Pod","metadata":{"name":"pod-1"'),
        "half a line, then a reset": stream(b'{"type":"DELETED","object":{', then=faults.reset),
        "no JSON": stream(b'{"type":"MODIFIED","object":{]}\n'),
        "HTML": stream(b"<html>Bad Gateway</html>\n"),
        "no object": stream(b"[1, 2]\n"),
        "no type": stream(b'{"object":{}}\n'),
        "nothing in it": stream(b'{"type":"MODIFIED"}\n'),
        "no text": stream(b'{"type":"\xff\xfe","object":{}}\n'),
        "blank": stream(b"\n\n\n"),
    },
    "lines that say nothing": {
        "a bookmark without a version": stream(event("BOOKMARK", {"metadata": {}})),
        "a bookmark with an odd version": stream(event("BOOKMARK", {"metadata": {"resourceVersion": "x"}})),
        "a bookmark that is null": stream(event("BOOKMARK", None)),
        "an object without metadata": stream(event("MODIFIED", {"kind": "Pod"})),
        "an object that is null": stream(event("DELETED", None)),
        "an object without a version": stream(event("MODIFIED", {"metadata": {"name": "pod-1"}})),
        "an unknown type": stream(event("RENAMED", {"metadata": {"name": "x", "resourceVersion": "1"}})),
    },
}

ENDLESS: dict[str, Fault] = {
    "an end at once": faults.silence,
    "a reset": faults.reset,
    "400": faults.status(400),
    "ERROR 410": stream(error(410)),
    "HTML": faults.html(),
}


@pytest.mark.parametrize("family", FAULTS)
async def test_a_watch_that_fails_loses_no_change(tmp_path: Path, family: str) -> None:
    await on_each(tmp_path, FAULTS[family], a_watch_fails_twice)


async def a_watch_fails_twice(scene: Scene, fault: Fault) -> None:
    numbers = count()

    def cluster_goes_on() -> None:
        number = next(numbers)
        scene.delete_pod(f"pod-{number}")
        scene.put_pod(pod(f"next-{number}", on="node-1", gpus=2))

    scene.front.script("watch pods", *[faults.after(cluster_goes_on, fault)] * 2)
    scene.watch()
    await scene.until(lambda: scene.front.scripted == 0, "both faults met")
    await scene.until_exact()
    scene.delete_pod("pod-5")
    await scene.until_exact()
    assert scene.restarts == 0
    assert scene.front.seen("watch pods") <= 5
    assert scene.front.seen("list pods") <= 3


async def test_repeated_watch_failures_are_paced(tmp_path: Path) -> None:
    await on_each(tmp_path, ENDLESS, a_watch_fails_on_and_on)


async def a_watch_fails_on_and_on(scene: Scene, fault: Fault) -> None:
    scene.front.always("watch pods", fault)
    scene.watch()
    await scene.until(lambda: scene.front.seen("watch pods") == 6, "six watches")
    scene.front.always("watch pods", None)
    assert scene.front.span("watch pods") >= 0.1 + 0.2 + 0.4
    assert scene.front.seen("list pods") <= 7
    scene.put_pod(pod("after", on="node-1"))
    await scene.until_exact()
    assert scene.restarts == 0


async def test_a_failing_watch_of_nodes_loses_no_node(scene: Scene) -> None:
    scene.front.script(
        "watch nodes",
        faults.after(lambda: scene.delete_node("node-1"), faults.reset),
        faults.after(lambda: scene.delete_node("node-2"), faults.status(400)),
        stream(error(500)),
    )
    scene.watch()
    await scene.until(lambda: scene.front.scripted == 0, "all faults met")
    await scene.until_exact()
    assert scene.restarts == 0


async def test_a_401_on_one_watch_loses_no_change_of_the_other(scene: Scene) -> None:
    scene.watch()
    await scene.until_exact()
    for number in range(3):
        await scene.until(lambda: scene.front.open("watch nodes") > 0, "an open watch of nodes")
        scene.front.script("watch pods", faults.status(401), faults.status(401))
        scene.front.cut("watch pods")
        scene.put_pod(pod(f"more-{number}", on="node-2"))
        await scene.until_exact()
    assert scene.restarts == 0


async def test_a_line_that_stays_undecodable_is_skipped_by_a_list(scene: Scene) -> None:
    """It would hold up all that comes after it, while each new watch made the figures look current."""
    unreadable = stream(b'{"type":"MODIFIED","object":{]}\n')
    scene.front.always("watch pods", unreadable)
    scene.watch()
    await scene.until_exact()
    scene.put_pod(pod("after", on="node-1"))
    await scene.until_exact()
    assert scene.restarts == 0
    assert scene.front.seen("watch pods") <= 8


async def test_a_change_before_an_undecodable_line_counts_and_is_not_read_again(scene: Scene) -> None:
    def change() -> None:
        scene.put_pod(pod("good", on="node-1"))

    async def good_then_bad(exchange: Exchange) -> None:
        change()
        revision = scene.store.revision(PODS, "team/good")
        assert revision is not None
        good = event("ADDED", json.loads(revision.body))
        await stream(good + b"bad\n", then=faults.hang)(exchange)

    scene.front.script("watch pods", good_then_bad)
    scene.watch()
    await scene.until(lambda: scene.front.seen("watch pods") == 2, "a second watch")
    await scene.until_exact()
    asked = [int(r.query["resourceVersion"]) for r in scene.front.requests if r.kind == "watch pods"]
    assert asked[1] == scene.store.version


@pytest.mark.slow
async def test_a_401_on_one_resource_loses_nothing_of_the_others_list(scene: Scene) -> None:
    scene.front.script("list pods", *[faults.dripping(pieces=40)] * 3)
    scene.front.script("list nodes", *[faults.status(401)] * 4)
    scene.watch()
    # A list whose session was closed must not wait for its timeout of 30 s.
    await scene.until_exact(seconds=20.0)
    assert scene.restarts == 0


async def test_lines_that_kopf_is_not_shown_are_not_read_again(scene: Scene) -> None:
    """A watch from long ago would be answered with all of it anew, or with 410 and a list."""
    scene.watch()
    await scene.until_exact()
    for number in range(5):
        scene.put_pod(pod(f"no-gpu-{number}", on="node-1", gpus=0))
    version = scene.store.version

    def bookmarks() -> float:
        return scene.metric("lens_watch_lines_total", resource="pods", outcome="bookmark")

    before = bookmarks()
    await scene.until(lambda: bookmarks() >= before + 4, "four bookmarks")
    scene.front.cut("watch pods")
    await scene.until(lambda: scene.front.seen("watch pods") == 2, "another watch")
    asked = [request for request in scene.front.requests if request.kind == "watch pods"]
    assert int(asked[-1].query["resourceVersion"]) >= version
