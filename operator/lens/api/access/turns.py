"""Who is asked about next, of more than can be asked about at once."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager

AT_ONCE = 8
"""Half of the connections for reviews: the rest is for callers who are known."""

HELD_SECONDS = 0.08
"""So long a turn takes at least, which makes it 100 a second."""

MOST_WAITING = 256
PATIENCE_SECONDS = 5.0


class NoTurnError(Exception):
    """There was none in time."""


class Turns:
    """So many turns at once and a second, one source after the other.

    Of one source the newest is next, and the oldest of the longest line has to leave when too many wait:
    whoever sends more than there are turns for shall not keep waiting those who come after.
    """

    def __init__(self, refused: Callable[[], None] = lambda: None) -> None:
        """Start free. ``refused`` is called for each one that gets no turn."""
        self._free = AT_ONCE
        self._lines: OrderedDict[Hashable, list[asyncio.Future[None]]] = OrderedDict()
        self._waiting = 0
        self._refused = refused

    @asynccontextmanager
    async def turn(self, source: Hashable) -> AsyncIterator[None]:
        """Wait for a turn, and have it for 5 s at most, the wait included. Raise NoTurnError."""
        loop = asyncio.get_running_loop()
        began = 0.0
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._wait(source)
                began = loop.time()
                yield
        except TimeoutError:
            self._refused()
            raise NoTurnError from None
        finally:
            if began:
                loop.call_at(max(loop.time(), began + HELD_SECONDS), self._pass_on)

    async def _wait(self, source: Hashable) -> None:
        if self._free:
            self._free -= 1
            return
        if self._waiting >= MOST_WAITING:
            _, longest = max(self._lines.items(), key=lambda line: len(line[1]))
            longest[0].set_exception(TimeoutError())
            self._leave(longest[0])
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(source, []).append(waiter)
        self._waiting += 1
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # The turn came, and whose it was had gone.
                self._pass_on()
            else:
                self._leave(waiter)
            raise

    def _leave(self, waiter: "asyncio.Future[None]") -> None:
        for source, line in self._lines.items():
            if waiter in line:
                line.remove(waiter)
                self._waiting -= 1
                if not line:
                    del self._lines[source]
                return

    def _pass_on(self) -> None:
        if not self._lines:
            self._free += 1
            return
        source, line = next(iter(self._lines.items()))
        waiter = line.pop()
        self._waiting -= 1
        self._lines.move_to_end(source)
        if not line:
            del self._lines[source]
        if waiter.done():
            self._pass_on()
        else:
            waiter.set_result(None)
