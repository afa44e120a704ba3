"""Whatever others put into their objects, the watch takes them in within bounded memory and time."""

import json
from collections.abc import Iterator

import pytest

from lens.kube.client.paging import MAX_OBJECTS, MAX_PAGE_BYTES
from tests.integration.watch.faults import CHUNKED, STREAM
from tests.integration.watch.front import Exchange, Fault
from tests.integration.watch.objects import Object, pod
from tests.integration.watch.scene import Scene
from tests.memory import Peak

LARGE = b"x" * 1_300_000


def lists(objects: list[Object], *, has_length: bool = False) -> Fault:
    """Answer lists with these objects, page by page as they are asked for, each made when it is sent."""

    async def fault(exchange: Exchange) -> None:
        start = int(exchange.request.query.get("continue", "0"))
        end = min(len(objects), start + int(exchange.request.query["limit"]))
        token = str(end) if end < len(objects) else ""
        metadata = {"resourceVersion": "9", "continue": token}

        def parts() -> Iterator[bytes]:
            yield f'{{"metadata":{json.dumps(metadata)},"items":['.encode()
            for number in range(start, end):
                yield b"," * (number > start) + written(objects[number], number + 1)
            yield b"]}"

        if has_length:
            length = sum(map(len, parts()))
            await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
        else:
            await exchange.send(CHUNKED)
        for part in parts():
            await exchange.send(part if has_length else b"%x\r\n%b\r\n" % (len(part), part))
        await exchange.send(b"" if has_length else b"0\r\n\r\n")

    return fault


def written(obj: Object, version: int) -> bytes:
    metadata = obj["metadata"] | {"resourceVersion": str(version)}
    return json.dumps(obj | {"metadata": metadata}).encode().replace(b"LARGE", LARGE)


def large_pods(number: int) -> list[Object]:
    """Return pods without GPUs that anybody may create."""
    return [
        pod(f"large-{each}", gpus=0, metadata={"name": f"large-{each}", "annotations": {"a": "LARGE"}})
        for each in range(number)
    ]


@pytest.mark.parametrize("has_length", [True, False])
async def test_pods_of_etcds_maximum_size_do_not_prevent_the_start(scene: Scene, has_length: bool) -> None:
    """200 of them were a page of 260 MB, and a crash loop in 384 MiB."""
    objects = [*large_pods(40), pod("small", on="node-1"), *large_pods(20), pod("last", on="node-1")]
    for kind in ("list pods", "page pods"):
        scene.front.always(kind, lists(objects, has_length=has_length))
    peak = Peak()
    scene.watch()
    await scene.until(lambda: scene.state.current.synced, "both lists")
    assert {each.name for each in scene.state.current.snapshot.nodes["node-1"].pods} == {"small", "last"}
    assert peak.growth < 6 * MAX_PAGE_BYTES
    assert scene.metric("lens_over_bound_total", what="page") >= 1
    assert scene.restarts == 0
    # No list was started over for it.
    assert scene.metric("lens_lists_total", resource="pods") == 1


async def test_pages_grow_again_after_one_that_was_too_large(scene: Scene) -> None:
    small = [pod(f"small-{each}", on="node-1") for each in range(5000)]
    for kind in ("list pods", "page pods"):
        scene.front.always(kind, lists([*large_pods(20), *small]))
    scene.watch()
    await scene.until(lambda: scene.state.current.synced, "both lists")
    asked = [int(each.query["limit"]) for each in scene.front.requests if each.kind.endswith("e pods")]
    assert asked[-1] == MAX_OBJECTS
    assert len(asked) < 30


@pytest.mark.slow
async def test_many_short_lived_pods_fill_no_queue_of_kopf(scene: Scene) -> None:
    """A million lines in a minute were 525 MiB, in kopf's queues."""
    pods = 6_000

    async def storm(exchange: Exchange) -> None:
        await exchange.send(STREAM)
        version = 10**6
        for number in range(pods):
            for type_ in (b"ADDED", b"MODIFIED", b"DELETED"):
                version += 1
                obj = pod(f"new-{number}", gpus=1 + (type_ == b"MODIFIED"), phase="Pending")
                obj["metadata"]["uid"] = f"uid-{number}"
                await exchange.send(b'{"type":"%b","object":%b}\n' % (type_, written(obj, version)))
        await exchange.hold()

    scene.front.script("watch pods", storm)
    peak = Peak()
    scene.watch()
    lines = 3 * pods
    await scene.until(
        lambda: scene.metric("lens_watch_lines_total", resource="pods", outcome="changed") == lines, "all", 60
    )
    assert peak.growth < 32 * 2**20
    assert not scene.state.current.snapshot.pending.get("team/new-0")
    assert scene.restarts == 0
