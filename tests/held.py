"""How long an event loop is held by what runs in it."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Held:
    """The time between two rounds of the loop, in seconds of its thread's processor.

    Neither other processes count nor collections of garbage, which other tests may have left.
    """

    longest = 0.0
    total = 0.0


@asynccontextmanager
async def held() -> AsyncIterator[Held]:
    """Measure from the beginning of the context to its end."""
    measured = Held()

    async def measure() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            measured.longest = max(measured.longest, now - last)
            measured.total, last = measured.total + now - last, now

    task = asyncio.create_task(measure())
    await asyncio.sleep(0)
    collects = gc.isenabled()
    gc.disable()
    try:
        yield measured
        await asyncio.sleep(0)
    finally:
        if collects:
            gc.enable()
        task.cancel()
