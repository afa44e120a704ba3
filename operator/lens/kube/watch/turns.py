"""Which page is applied next while several first lists are read at once: pods' pages before all others.

The list of pods is by far the longest, and its next page is asked for when the last one has been applied. If
that had to wait for a page of each other list, these would be complete early, and then nothing would be done
while a page of pods is on its way. So a page of another list is applied meanwhile, one for each of pods.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

PAUSE_SECONDS = 0.001
"""In it the loop sends the requests that are due, and notices what has begun to arrive."""

LONGEST_SECONDS = 0.1
"""The most time that others wait for a page of pods that has begun to arrive."""


class Turns:
    """The turns of one session's lists. For use in its event loop."""

    def __init__(self) -> None:
        """Start without any page."""
        self._turn = asyncio.Lock()
        self._none_arrives = asyncio.Event()
        self._none_arrives.set()

    @contextlib.contextmanager
    def first(self) -> Iterator[None]:
        """Receive a page of pods, which is applied before all others, at once when this ends."""
        self._none_arrives.clear()
        try:
            yield
        finally:
            self._none_arrives.set()

    @contextlib.asynccontextmanager
    async def other(self) -> AsyncIterator[None]:
        """Wait for the turn of a page of another list, and apply it."""
        async with self._turn:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_SECONDS):
                    await asyncio.sleep(PAUSE_SECONDS)
                    while not self._none_arrives.is_set():
                        await self._none_arrives.wait()
                        await asyncio.sleep(PAUSE_SECONDS)
            yield
