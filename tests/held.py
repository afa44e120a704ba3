"""How long an event loop is held by what runs in it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Held:
    """The longest time between two rounds of the loop, in seconds of its thread's processor.

    What other processes take of the machine doesn't count, so that it can be bound.
    """

    longest = 0.0


@asynccontextmanager
async def held() -> AsyncIterator[Held]:
    """Measure from the beginning of the context to its end."""
    measured = Held()

    async def measure() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            measured.longest, last = max(measured.longest, now - last), now

    task = asyncio.create_task(measure())
    await asyncio.sleep(0)
    try:
        yield measured
        await asyncio.sleep(0)
    finally:
        task.cancel()
