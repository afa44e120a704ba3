"""Faults of the resolver, by which Lenses find the apiserver. Without root there are none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.chaos.fault import fault
from tests.chaos.names import Mode
from tests.chaos.scene import Scene


@fault(breaks="names", seconds=20)
async def dns_gone(scene: Scene) -> AsyncIterator[None]:
    """The resolver answers nothing, while a proxy resets each connection after a second."""
    async with _names(scene, "silent"):
        yield


@fault(breaks="names", seconds=8)
async def dns_empty(scene: Scene) -> AsyncIterator[None]:
    """The resolver says that there is no such name, while a proxy resets each connection after a second."""
    async with _names(scene, "no such name"):
        yield


@asynccontextmanager
async def _names(scene: Scene, mode: Mode) -> AsyncIterator[None]:
    assert scene.names is not None

    async def reset() -> None:
        # Lens remembers an address for some seconds.
        while True:
            scene.gateway.reset()
            await asyncio.sleep(1)

    asked = scene.names.asked
    with scene.names.answering(mode):
        task = asyncio.create_task(reset())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert scene.names.asked > asked, "nobody asked the resolver"
