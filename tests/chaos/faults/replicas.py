"""Faults of one of the Lenses. The other one serves all the time."""

import asyncio
import signal
from collections.abc import AsyncIterator

from tests.chaos.fault import fault
from tests.chaos.scene import Scene
from tests.e2e.cluster.waiting import wait_until

OLDER = {"LENS_TELEMETRY": "none", "LENS_LOG_FORMAT": "text"}


@fault(breaks="process", hurts=(0,), seconds=1)
async def lens_killed(scene: Scene) -> AsyncIterator[None]:
    """A Lens is killed, as for its memory, and starts anew."""
    first = scene.replicas[0]
    first.send(signal.SIGKILL)
    await first.wait()
    yield
    first.start()


@fault(breaks="process", hurts=(0,), seconds=60)
async def lens_frozen(scene: Scene) -> AsyncIterator[None]:
    """A Lens is stopped by SIGSTOP for a minute, as on a node that swaps."""
    scene.replicas[0].send(signal.SIGSTOP)
    yield
    scene.replicas[0].send(signal.SIGCONT)


@fault(hurts=(0, 1), seconds=1, pairs=False)
async def lenses_replaced(scene: Scene) -> AsyncIterator[None]:
    """The Lenses are replaced one after the other, as in an upgrade, which waits until each is ready."""
    await scene.replace()
    yield


@fault(hurts=(0, 1), seconds=3, pairs=False)
async def lenses_rolled_back(scene: Scene) -> AsyncIterator[None]:
    """The Lenses are replaced by ones of an older configuration, and these by the newer ones."""
    await scene.replace(OLDER)
    try:
        yield
    finally:
        await scene.replace()


@fault(breaks="process", seconds=6)
async def lens_disk_full(scene: Scene) -> AsyncIterator[None]:
    """A Lens can't write a byte to any file, as its log, and has much to log."""
    first = scene.replicas[0]
    before = first.limit_file_size(0)
    scene.gateway.reset()
    yield
    first.limit_file_size(before)
    written = first.log.stat().st_size

    async def writes_again() -> bool:
        return first.log.stat().st_size > written

    scene.gateway.reset()
    await wait_until(writes_again, "line of its log", 20)


@fault(breaks="process", seconds=6)
async def lens_without_files(scene: Scene) -> AsyncIterator[None]:
    """A Lens has no open files left but those that it has."""
    first = scene.replicas[0]
    before = first.limit_files(first.open_files)
    scene.gateway.reset()
    await asyncio.sleep(0)
    yield
    first.limit_files(before)


@fault(breaks="clock", hurts=(0,), seconds=8)
async def clock_forward(scene: Scene) -> AsyncIterator[None]:
    """A Lens' clock is put forward by an hour, and back to the true time."""
    scene.replicas[0].set_clock(3600)
    yield
    scene.replicas[0].set_clock(0)


@fault(breaks="clock", hurts=(0,), seconds=8)
async def clock_back(scene: Scene) -> AsyncIterator[None]:
    """A Lens' clock is put back by an hour, and forward to the true time."""
    scene.replicas[0].set_clock(-3600)
    yield
    scene.replicas[0].set_clock(0)


@fault(breaks="clock", hurts=(0,), seconds=8)
async def clock_leaps(scene: Scene) -> AsyncIterator[None]:
    """A Lens' clock leaps by seconds, forward and back, again and again."""
    first = scene.replicas[0]

    async def leap() -> None:
        while True:
            for seconds in (1, -1, 5, -5):
                first.set_clock(seconds)
                await asyncio.sleep(1)

    task = asyncio.create_task(leap())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    first.set_clock(0)
