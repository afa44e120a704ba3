"""Faults of those who ask a Lens."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from tests.attack.wire import connected, request
from tests.chaos.fault import fault
from tests.chaos.scene import Scene
from tests.e2e.lens import CLUSTER

STREAM = request(f"/api/v1/realtime/stream?cluster={CLUSTER}")
TASKS = request(f"/api/v1/realtime/running-tasks?cluster={CLUSTER}")


@fault()
async def idle_connections(scene: Scene) -> AsyncIterator[None]:
    """A thousand connections send nothing."""
    async with connected(scene.replicas[0].port, 1000):
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
    """Two hundred streams are opened, and nobody reads them."""
    async with connected(scene.replicas[0].port, 200, reads=False) as connections:
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


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
