"""A queue that shares a limited number of token reviews fairly among client addresses."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager

MAX_CONCURRENT = 8
"""Half of the connections for reviews; the other half is for known callers."""

MIN_HOLD_SECONDS = 0.08
"""A slot is held for at least this long, which limits reviews to 100 a second."""

MAX_WAITING = 256
TIMEOUT_SECONDS = 5.0


class QueueTimeoutError(Exception):
    """No slot was free in time, or the queue was full."""


class FairQueue:
    """A limited number of slots, which sources get in rotation.

    Within a source the newest waiter is next. When too many wait, the oldest waiter of the longest queue is
    removed: a source that sends more than it gets slots for must not delay clients that come later.
    """

    def __init__(self, refused: Callable[[], None] = lambda: None) -> None:
        """Start with all slots free. ``refused`` is called for each waiter that gets no slot."""
        self._free = MAX_CONCURRENT
        self._queues: OrderedDict[Hashable, list[asyncio.Future[None]]] = OrderedDict()
        self._waiting = 0
        self._refused = refused

    @asynccontextmanager
    async def slot(self, source: Hashable) -> AsyncIterator[None]:
        """Wait for a slot and hold it, for 5 s in all. Raise QueueTimeoutError."""
        loop = asyncio.get_running_loop()
        started = 0.0
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._acquire(source)
                started = loop.time()
                yield
        except TimeoutError:
            self._refused()
            raise QueueTimeoutError from None
        finally:
            if started:
                loop.call_at(max(loop.time(), started + MIN_HOLD_SECONDS), self._release)

    async def _acquire(self, source: Hashable) -> None:
        if self._free:
            self._free -= 1
            return
        if self._waiting >= MAX_WAITING:
            _, longest = max(self._queues.items(), key=lambda queue: len(queue[1]))
            longest[0].set_exception(TimeoutError())
            self._remove(longest[0])
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(source, []).append(waiter)
        self._waiting += 1
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # The slot was assigned after its waiter had gone.
                self._release()
            else:
                self._remove(waiter)
            raise

    def _remove(self, waiter: "asyncio.Future[None]") -> None:
        for source, queue in self._queues.items():
            if waiter in queue:
                queue.remove(waiter)
                self._waiting -= 1
                if not queue:
                    del self._queues[source]
                return

    def _release(self) -> None:
        """Assign the slot to the next source's newest waiter, or free it."""
        if not self._queues:
            self._free += 1
            return
        source, queue = next(iter(self._queues.items()))
        waiter = queue.pop()
        self._waiting -= 1
        self._queues.move_to_end(source)
        if not queue:
            del self._queues[source]
        if waiter.done():
            self._release()
        else:
            waiter.set_result(None)
