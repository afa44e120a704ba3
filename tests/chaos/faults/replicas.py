"""Faults of one of the Lenses. The other one serves all the time."""

import asyncio
import signal
from collections.abc import AsyncIterator

from tests.chaos.fault import fault
from tests.chaos.scene import Scene


@fault(hurts=(0,), seconds=1)
async def lens_killed(scene: Scene) -> AsyncIterator[None]:
    """A Lens is killed, as for its memory, and starts anew."""
    first = scene.replicas[0]
    first.send(signal.SIGKILL)
    await first.wait()
    yield
    first.start()


@fault(hurts=(0,), seconds=20)
async def lens_frozen(scene: Scene) -> AsyncIterator[None]:
    """A Lens is stopped by SIGSTOP, as on a node that swaps."""
    scene.replicas[0].send(signal.SIGSTOP)
    yield
    scene.replicas[0].send(signal.SIGCONT)


@fault(hurts=(0, 1), seconds=1, pairs=False)
async def lenses_replaced(scene: Scene) -> AsyncIterator[None]:
    """The Lenses are replaced one after the other, as in an upgrade, which waits until each is ready."""
    for replica in scene.replicas:
        replica.send(signal.SIGTERM)
        assert await replica.wait() == 0
        replica.start()
        await replica.wait_ready()
    yield


@fault(seconds=6)
async def lens_without_files(scene: Scene) -> AsyncIterator[None]:
    """A Lens has no open files left but those that it has."""
    first = scene.replicas[0]
    before = first.limit_files(first.open_files)
    scene.gateway.reset()
    await asyncio.sleep(0)
    yield
    first.limit_files(before)


@fault(hurts=(0,), seconds=8)
async def clock_forward(scene: Scene) -> AsyncIterator[None]:
    """A Lens' clock is put forward by an hour, and back to the true time."""
    scene.replicas[0].set_clock(3600)
    yield
    scene.replicas[0].set_clock(0)


@fault(hurts=(0,), seconds=8)
async def clock_back(scene: Scene) -> AsyncIterator[None]:
    """A Lens' clock is put back by an hour, and forward to the true time."""
    scene.replicas[0].set_clock(-3600)
    yield
    scene.replicas[0].set_clock(0)
