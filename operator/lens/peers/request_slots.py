"""Limit the concurrent requests to a peer, fairly between callers."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MAX_IN_FLIGHT = 32
"""The most different requests to one peer at once."""

MAX_IN_FLIGHT_BY_CALLER = 8
"""The most of these for one caller."""

MAX_QUEUED = 128
MAX_QUEUED_BY_CALLER = 32
WAIT_SECONDS = 2.0


class NoSlotError(Exception):
    """No slot was free in time, or too many requests wait for one."""


class RequestSlots:
    """The slots for requests, granted to callers in turn, with a limit for each caller."""

    def __init__(self, wait_seconds: float = WAIT_SECONDS) -> None:
        """Let a request wait ``wait_seconds`` for a slot."""
        self._wait_seconds = wait_seconds
        self._in_flight: Counter[str] = Counter()
        self._queued: OrderedDict[str, list[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def slot(self, caller: str) -> AsyncIterator[None]:
        """Wait for a slot, and hold it. Raise NoSlotError."""
        await self._acquire(caller)
        try:
            yield
        finally:
            self._release(caller)
            self._grant_free()

    async def _acquire(self, caller: str) -> None:
        queue = self._queued.get(caller, [])
        if not queue and self._may_start(caller):
            self._in_flight[caller] += 1
            return
        queued = sum(map(len, self._queued.values()))
        if queued >= MAX_QUEUED or len(queue) >= MAX_QUEUED_BY_CALLER:
            raise NoSlotError
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queued.setdefault(caller, []).append(ticket)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await ticket
        except BaseException as error:
            if ticket.done() and not ticket.cancelled():
                # The slot was granted while the request was cancelled.
                self._release(caller)
                self._grant_free()
            else:
                self._remove(caller, ticket)
            if isinstance(error, TimeoutError):
                raise NoSlotError from None
            raise

    def _may_start(self, caller: str) -> bool:
        return self._in_flight.total() < MAX_IN_FLIGHT and self._in_flight[caller] < MAX_IN_FLIGHT_BY_CALLER

    def _release(self, caller: str) -> None:
        self._in_flight[caller] -= 1
        if not self._in_flight[caller]:
            del self._in_flight[caller]

    def _grant_free(self) -> None:
        """Grant free slots, each to the caller whose queue was granted one longest ago."""
        while (caller := next(filter(self._may_start, self._queued), None)) is not None:
            ticket = self._queued[caller].pop(0)
            self._queued.move_to_end(caller)
            if not self._queued[caller]:
                del self._queued[caller]
            if not ticket.done():
                self._in_flight[caller] += 1
                ticket.set_result(None)

    def _remove(self, caller: str, ticket: asyncio.Future[None]) -> None:
        queue = self._queued.get(caller, [])
        if ticket in queue:
            queue.remove(ticket)
        if not queue:
            self._queued.pop(caller, None)
