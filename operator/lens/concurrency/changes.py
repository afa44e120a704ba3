"""Lets tasks wait for a change of state that threads share."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable


class Changes:
    """Wakes tasks of any event loop after a change in any thread."""

    def __init__(self) -> None:
        """Start without waiting tasks."""
        # The methods of a deque are atomic.
        self._waiting: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()

    def notify(self) -> None:
        """Wake all waiting tasks. Call this after the change, in any thread."""
        for _ in range(len(self._waiting)):
            try:
                loop, waiter = self._waiting.popleft()
            except IndexError:  # another thread was faster
                return
            # A closed loop has no tasks.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_wake, waiter)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds: it is evaluated now and after each change."""
        loop = asyncio.get_running_loop()
        while not condition():
            waiter = loop.create_future()
            self._waiting.append((loop, waiter))
            try:
                # A change before the waiter was added has not notified it.
                if not condition():
                    await waiter
            finally:
                # A waiter that was cancelled must not be woken. Another thread may be taking all waiters.
                with contextlib.suppress(ValueError, IndexError):
                    self._waiting.remove((loop, waiter))


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
