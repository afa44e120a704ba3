"""Faults of those who ask a Lens."""

import asyncio
import resource
import secrets
import socket
import struct
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any

from tests.attack.wire import ask, connected, request
from tests.chaos.fault import fault
from tests.chaos.faults.auditor import Auditor
from tests.chaos.scene import Scene
from tests.e2e.lens import CLUSTER

STATUS = f"/api/v1/realtime/status?cluster={CLUSTER}"
STREAM = request(f"/api/v1/realtime/stream?cluster={CLUSTER}")
TASKS = request(f"/api/v1/realtime/running-tasks?cluster={CLUSTER}")
SOURCES = [f"127.0.3.{number}" for number in range(1, 11)]
"""The addresses that many connections come from: of each as many."""

IDLE = 10_000
DEAF = 2000


@fault()
async def idle_connections(scene: Scene) -> AsyncIterator[None]:
    """Ten thousand connections send nothing."""
    async with AsyncExitStack() as stack:
        stack.enter_context(_open_files(2 * IDLE))
        for source in SOURCES:
            await stack.enter_async_context(_idle(scene.replicas[0].port, source, IDLE // len(SOURCES)))
        yield


@fault(seconds=8)
async def slow_heads(scene: Scene) -> AsyncIterator[None]:
    """Two hundred requests come a byte at a time (slowloris)."""
    async with connected(scene.replicas[0].port, 200) as connections:

        async def drip() -> None:
            for byte in STREAM:
                for each in connections:
                    each.writer.write(bytes([byte]))
                await asyncio.sleep(0.2)

        async with _meanwhile(drip()):
            yield


@fault(seconds=8)
async def deaf_streams(scene: Scene) -> AsyncIterator[None]:
    """Two thousand streams are opened, and nobody reads them."""
    async with connected(scene.replicas[0].port, DEAF, reads=False) as connections:
        for each in connections:
            each.writer.write(STREAM)
        yield


@fault(seconds=8)
async def deaf_callers(scene: Scene) -> AsyncIterator[None]:
    """Two hundred callers ask for lists, and take none."""
    async with connected(scene.replicas[0].port, 200, reads=False) as connections:
        for each in connections:
            each.writer.write(TASKS * 4)
        yield


@fault()
async def requests_wrong(scene: Scene) -> AsyncIterator[None]:
    """A thousand requests ask for clusters that there aren't."""
    async with connected(scene.replicas[0].port, 50) as connections:

        async def flood() -> None:
            for number in range(20):
                for index, each in enumerate(connections):
                    each.writer.write(request(f"/api/v1/realtime/status?cluster=no-{number}-{index}"))
                await asyncio.sleep(0.2)

        async with _meanwhile(flood()):
            yield


@fault(seconds=15, pairs=False)
async def tokens_wrong(scene: Scene) -> AsyncIterator[None]:
    """Wrong tokens without an end, each another one; who has a right is served, known to Lens or not."""
    assert scene.guarded is not None
    port = scene.guarded.port
    auditor = Auditor(scene.api, scene.guarded, scene.folder)

    async def guess(source: str) -> None:
        while True:
            await ask(port, request(STATUS, secrets.token_hex(20)), source)

    async with auditor.at_work(), AsyncExitStack() as stack:
        for source in SOURCES * 2:
            await stack.enter_async_context(_meanwhile(guess(source)))
        yield
    auditor.check()


@contextmanager
def _open_files(number: int) -> Iterator[None]:
    """Let this process have so many open files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], min(number, before[1])), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@asynccontextmanager
async def _idle(port: int, source: str, count: int) -> AsyncIterator[None]:
    """Open connections from an address; reset in the end those that Lens has kept."""
    opened: list[socket.socket] = []
    loop = asyncio.get_running_loop()
    try:
        with suppress(OSError):
            # Those that are let in: another fault may have ended Lens.
            for _ in range(count):
                opened.append(socket.socket())
                opened[-1].setblocking(False)
                opened[-1].bind((source, 0))
                async with asyncio.timeout(10):
                    await loop.sock_connect(opened[-1], ("127.0.0.1", port))
        yield
    finally:
        for each in opened:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            each.close()


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
