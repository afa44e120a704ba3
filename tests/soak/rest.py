"""The rest in each hour: nobody asks, so that what Lens holds for callers is gone, and what leaks is not."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.soak.samples import NoSampleError, Sample

DEADLINE_S = 30.0
LOOK_S = 0.1
OWN_CONNECTIONS = 1
"""The one that a sample itself asks on."""


class NoRestError(Exception):
    """Lens still holds something for its callers long after they have gone."""


async def begin(
    take: Callable[[], Awaitable[Sample]], trims: Callable[[], int], deadline_s: float = DEADLINE_S
) -> None:
    """Wait until Lens has closed its callers' connections, has dropped what it cached for them, and has given
    free memory back since.

    ``take`` takes a sample; ``trims`` returns a number that is another after each time that memory was given
    back. Raise NoRestError, which says what is missing after so many seconds.
    """
    missing = "no sample"
    try:
        async with asyncio.timeout(deadline_s):
            while missing := await _left(take):  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(LOOK_S)
            missing = "no free memory given back"
            # The first of the two may have begun before.
            for _ in range(2):
                before = trims()
                while trims() == before:  # noqa: ASYNC110 - another process does it
                    await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise NoRestError(f"{missing} {deadline_s:g} s after the last caller went") from None


async def _left(take: Callable[[], Awaitable[Sample]]) -> str:
    """Say what is left of callers; nothing if nothing is."""
    try:
        sample = await take()
    except NoSampleError as error:
        return str(error)
    connections = sample.connections - OWN_CONNECTIONS
    if not (connections or sample.streams or sample.cache_mb):
        return ""
    return f"{connections} connections, {sample.streams} streams, {sample.cache_mb:g} MB of cached responses"
