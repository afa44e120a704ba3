"""Waiting for a change of what threads share."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable


class Changes:
    """Wakes the tasks of any loop when something has changed, whichever thread has changed it."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        # Its methods are atomic.
        self._waiting: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()

    def notify(self) -> None:
        """Wake all that wait. To be called after the change, in any thread."""
        for _ in range(len(self._waiting)):
            try:
                loop, waiter = self._waiting.popleft()
            except IndexError:  # another thread was faster
                return
            # A loop that has ended has no tasks.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_wake, waiter)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds: it is evaluated now and after each change."""
        loop = asyncio.get_running_loop()
        while not condition():
            waiter = loop.create_future()
            self._waiting.append((loop, waiter))
            # What changed before the waiter was there woke nobody.
            if not condition():
                await waiter


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
