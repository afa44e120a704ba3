"""Wait for a condition, with a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def wait_until(
    condition: Callable[[], Awaitable[bool]], what: str, deadline_s: float, *, every_s: float = 0.2
) -> float:
    """Look `every_s` seconds until `condition` holds; return how many seconds it took.

    Raises TimeoutError that names `what`.
    """
    start = time.monotonic()
    while not await condition():
        if time.monotonic() - start > deadline_s:
            raise TimeoutError(f"no {what} within {deadline_s:g} s")
        await asyncio.sleep(every_s)
    return time.monotonic() - start
