"""One call for all concurrent callers with the same key."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Flight(Generic[V]):
    """A call that is running, and how many wait for it."""

    def __init__(self, task: "asyncio.Task[V]") -> None:
        self.task = task
        self.callers = 0


class SingleFlight(Generic[K, V]):
    """The calls that are running, by key. For use in one event loop.

    A caller that is cancelled leaves the call to the others. The last one cancels it, unless calls outlive
    their callers, because more depends on the outcome than these.
    """

    def __init__(self, *, outlives_callers: bool = False) -> None:
        """Start without calls."""
        self._outlives_callers = outlives_callers
        self._flights: dict[K, _Flight[V]] = {}
        self._tasks: set[asyncio.Task[V]] = set()

    def __contains__(self, key: K) -> bool:
        """Return whether a key's call is running."""
        return key in self._flights

    def __len__(self) -> int:
        """Return how many calls are running."""
        return len(self._flights)

    async def do(self, key: K, call: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """Return the result of the key's running call, or else of ``call``. Raise what it raises."""
        flight = self._flights.get(key) or self._start(key, call)
        flight.callers += 1
        try:
            # Unlike an await of the task, this doesn't cancel it.
            await asyncio.wait((flight.task,))
            return flight.task.result()
        finally:
            flight.callers -= 1
            if not (flight.callers or flight.task.done() or self._outlives_callers):
                self._remove(key, flight.task)
                flight.task.cancel()
            # The task has the exception, whose traceback has this frame: together they would stay for long.
            del flight

    async def close(self) -> None:
        """Cancel all calls, and wait until they have ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, key: K, call: Callable[[], Coroutine[Any, Any, V]]) -> _Flight[V]:
        flight = self._flights[key] = _Flight(asyncio.create_task(self._run(key, call)))
        self._tasks.add(flight.task)
        flight.task.add_done_callback(self._ended)
        return flight

    async def _run(self, key: K, call: Callable[[], Coroutine[Any, Any, V]]) -> V:
        try:
            return await call()
        finally:
            self._remove(key, asyncio.current_task())

    def _remove(self, key: K, task: "asyncio.Task[Any] | None") -> None:
        flight = self._flights.get(key)
        # Another call of the key may have replaced a cancelled one.
        if flight is not None and flight.task is task:
            del self._flights[key]

    def _ended(self, task: "asyncio.Task[V]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # or asyncio would log it if all callers have left
