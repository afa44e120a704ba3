"""A busy watch is read in batches; none of it may be left behind, be it as plain bytes or as TLS records."""

import asyncio
import contextlib
import gc
import threading
import time
import weakref
from collections.abc import Mapping
from typing import Any, ClassVar

import aiohttp
import pytest

from lens.kube.client.kubeconfig import Connection
from lens.kube.watch import kopf_thread
from lens.kube.watch.batched_reader import LARGE_BYTES, BatchedReader
from lens.kube.watch.reflector import Reflector
from lens.kube.watch.resources import fit_resources
from lens.kube.watch.response import KubeResponse
from tests.integration.watch import tls
from tests.integration.watch.objects import pod
from tests.integration.watch.reflecting import pods_reflector
from tests.integration.watch.scene import Scene

LINES = 300
WEIGHT = {"weight": "x" * 9_000}
"""Lines of 9 KB end in the middle of a record of 16 KB as often as not."""


async def burst(scene: Scene) -> None:
    """Change a pod faster than the watch is read, for two seconds."""
    for number in range(LINES):
        metadata = {"name": "busy", "namespace": "team", "annotations": WEIGHT | {"number": str(number)}}
        scene.put_pod(pod("busy", on="node-1", gpus=1 + number % 4, metadata=metadata))
        await asyncio.sleep(2 / LINES)


async def keeps_up(scene: Scene) -> None:
    await scene.until_exact()
    await burst(scene)
    scene.put_pod(pod("last", on="node-0"))
    # A reader that gets stuck goes on only with the next watch, up to 25 s later.
    await scene.until_exact(seconds=15)
    assert scene.metric("lens_watch_lines_total", resource="pods", outcome="changed") >= LINES


async def test_lens_keeps_up_with_a_busy_watch(scene: Scene) -> None:
    scene.watch()
    await keeps_up(scene)


async def watch_over_tls(scene: Scene) -> None:
    authority = await tls.authority(scene.folder, "ca")
    await scene.front.stop()
    await scene.front.start(await tls.server(scene.folder, "server", authority))
    cluster = {"certificate-authority": str(authority.certificate)}
    scene.watch(Connection(scene.kubeconfig(None, cluster)))


async def test_lens_keeps_up_with_a_busy_watch_over_tls(scene: Scene) -> None:
    await watch_over_tls(scene)
    await keeps_up(scene)


def _watches_are_open(scene: Scene) -> bool:
    """Return whether all is watched: no connection is being made any more."""
    watches = {each.path.rpartition("/")[2] for each in scene.front.open_requests if "watch" in each.query}
    return watches == {"pods", "nodes", *(each.name for each in fit_resources.ALL)}


@pytest.mark.parametrize("stop_seconds", [0.0, kopf_thread.STOP_SECONDS])
async def test_watches_over_tls_end_with_kopf_although_the_apiserver_stands_still(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, stop_seconds: float
) -> None:
    """TLS waits for its close_notify. What is open at the end of kopf's loop stays open."""
    monkeypatch.setattr(kopf_thread, "STOP_SECONDS", stop_seconds)
    await watch_over_tls(scene)
    await scene.until_exact()
    await scene.until(lambda: _watches_are_open(scene), "all watches")
    assert scene.watching is not None
    scene.watching.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    deadline = time.monotonic() + 30
    while any(thread.name == "kopf" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)  # noqa: ASYNC251 - the apiserver is in this loop
    # The ResourceWarning of what is open fails this test.
    gc.collect()


@pytest.mark.parametrize("kilobytes", [1, 40, 1500])
async def test_lines_of_any_length_are_complete_after_a_batched_read(scene: Scene, kilobytes: int) -> None:
    scene.watch()
    await scene.until_exact()
    for number in range(6):
        metadata = {"name": "long", "namespace": "team", "annotations": {"weight": "x" * 1000 * kilobytes}}
        scene.put_pod(pod("long", on="node-1", gpus=1 + number, metadata=metadata))
    await scene.until_exact(seconds=15)


async def test_a_connection_whose_watch_ended_in_a_pause_serves_the_next_request() -> None:
    connections = 0
    first_read = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n")
        await first_read.wait()
        last = b"x" * (LARGE_BYTES + 10_000)
        writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(last), last))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nshort")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, aiohttp.ClientSession(read_bufsize=2**20) as session:
        async with session.get(f"{url}/watch") as watch:
            batches = BatchedReader(watch)
            assert await batches.read() == b"begin"
            first_read.set()
            received = await batches.read()
            while not watch.content.at_eof():
                received += await batches.read()
            assert len(received) == LARGE_BYTES + 10_000
        async with asyncio.timeout(30), session.get(f"{url}/next") as following:
            assert await following.text() == "short"
        assert connections == 1


@pytest.mark.parametrize("end", ["whole", "cut", "reset"])
async def test_a_watch_that_has_ended_leaves_nothing_to_a_collection_of_garbage(end: str) -> None:
    """Those that are alive at a collection would stay for long (`lens.garbage`)."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n")
        if end == "whole":
            writer.write(b"0\r\n\r\n")
        if end == "reset":
            await writer.drain()
            writer.transport.abort()
        writer.close()

    class Response(KubeResponse):
        reflectors: ClassVar[Mapping[str, Reflector[Any, Any]]] = {"/api/v1/pods": pods_reflector()}

    async def watch() -> weakref.ref[aiohttp.ClientResponse]:
        async with session.get(f"{url}/api/v1/pods?watch=true") as response:
            with contextlib.suppress(aiohttp.ClientError):
                async for _ in response.content.iter_chunked(100):
                    pass
            return weakref.ref(response)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, aiohttp.ClientSession(response_class=Response) as session:
        gc.disable()
        try:
            watched = await watch()
            # The reflector refers to the last watch alone.
            await watch()
            async with asyncio.timeout(30):
                while watched() is not None:  # noqa: ASYNC110 - nothing tells when it is freed
                    await asyncio.sleep(0.01)
        finally:
            gc.enable()
