"""Which page is applied next while several first lists are read at once: pods' pages before all others.

The list of pods is by far the longest, and its next page is asked for when the last one has been applied. If
that had to wait for a page of each other list, these would be complete early, and then nothing would be done
while a page of pods is on its way. So a page of another list is applied meanwhile. It is applied in steps,
and between two of them a page of pods that has begun to arrive goes first: else the next one would be asked
for later, and more of them would be left for the end.
"""

import asyncio
import contextlib
from collections.abc import Generator, Iterator
from typing import TypeVar

R = TypeVar("R")

PAUSE_SECONDS = 0.001
"""In it the loop asks for the next page of pods, once one has been applied."""

LONGEST_SECONDS = 0.1
"""The most time that others wait for a page of pods that has begun to arrive."""


class Turns:
    """The turns of one session's lists. For use in its event loop."""

    def __init__(self) -> None:
        """Start without any page."""
        self._turn = asyncio.Lock()
        self._none_arrives = asyncio.Event()
        self._none_arrives.set()
        self._next_is_asked_for = False

    @contextlib.contextmanager
    def first(self) -> Iterator[None]:
        """Receive a page of pods, which is applied before all others, at once when this ends."""
        self._none_arrives.clear()
        try:
            yield
        finally:
            self._none_arrives.set()
            self._next_is_asked_for = False

    async def apply(self, steps: Generator[None, None, R]) -> R:
        """Apply a page of another list in its turn, and return what the last of its ``steps`` returns."""
        async with self._turn:
            while True:
                await self._let_pods_pass()
                try:
                    next(steps)
                except StopIteration as end:
                    result: R = end.value
                    return result

    async def _let_pods_pass(self) -> None:
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                while not (self._none_arrives.is_set() and self._next_is_asked_for):
                    await self._none_arrives.wait()
                    self._next_is_asked_for = True
                    await asyncio.sleep(PAUSE_SECONDS)
        except TimeoutError:
            # The next step doesn't wait for the same page again.
            self._none_arrives.set()
