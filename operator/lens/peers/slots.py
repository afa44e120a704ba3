"""Whose request goes to a peer next, of more than may be under way at once."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MOST = 32
"""Different requests to one peer under way at once."""

MOST_OF_CALLER = 8
"""Of these, for one caller."""

MOST_WAITING = 128
MOST_WAITING_OF_CALLER = 32
WAIT_SECONDS = 2.0


class NoSlotError(Exception):
    """There was none in time, or too many wait for one."""


class Slots:
    """So many requests at once, one caller after the other, and of one caller only some."""

    def __init__(self, wait_seconds: float = WAIT_SECONDS) -> None:
        """Start free; a request waits for a slot for so long."""
        self._wait_seconds = wait_seconds
        self._taken: Counter[str] = Counter()
        self._waiting: OrderedDict[str, list[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def slot(self, caller: str) -> AsyncIterator[None]:
        """Wait for a slot, and have it. Raise NoSlotError."""
        await self._take(caller)
        try:
            yield
        finally:
            self._give_back(caller)
            self._hand_out()

    async def _take(self, caller: str) -> None:
        line = self._waiting.get(caller, [])
        if not line and self._has_room(caller):
            self._taken[caller] += 1
            return
        waiting = sum(map(len, self._waiting.values()))
        if waiting >= MOST_WAITING or len(line) >= MOST_WAITING_OF_CALLER:
            raise NoSlotError
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, []).append(turn)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # The turn came, and whose it was had gone.
                self._give_back(caller)
                self._hand_out()
            else:
                self._leave(caller, turn)
            if isinstance(error, TimeoutError):
                raise NoSlotError from None
            raise

    def _has_room(self, caller: str) -> bool:
        return self._taken.total() < MOST and self._taken[caller] < MOST_OF_CALLER

    def _give_back(self, caller: str) -> None:
        self._taken[caller] -= 1
        if not self._taken[caller]:
            del self._taken[caller]

    def _hand_out(self) -> None:
        """Give what is free to who is next: of the lines the one that has waited for longest for a turn."""
        while (caller := next(filter(self._has_room, self._waiting), None)) is not None:
            turn = self._waiting[caller].pop(0)
            self._waiting.move_to_end(caller)
            if not self._waiting[caller]:
                del self._waiting[caller]
            if not turn.done():
                self._taken[caller] += 1
                turn.set_result(None)

    def _leave(self, caller: str, turn: asyncio.Future[None]) -> None:
        line = self._waiting.get(caller, [])
        if turn in line:
            line.remove(turn)
        if not line:
            self._waiting.pop(caller, None)
