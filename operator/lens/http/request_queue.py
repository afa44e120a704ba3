"""The order in which requests begin: a few in each iteration of the event loop, each address in rotation."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable

PER_ITERATION = 2
"""Hundreds that arrive together would otherwise all be worked on before the next one is read."""

Start = Callable[[], object]


class RequestQueue:
    """Starts requests of one event loop."""

    def __init__(self) -> None:
        """Start with nothing waiting."""
        self._loop = asyncio.get_running_loop()
        self._free = PER_ITERATION
        self._scheduled = False
        self._waiting: OrderedDict[str, deque[Start]] = OrderedDict()

    def add(self, address: str, start: Start) -> None:
        """Call ``start`` at once if few have begun in this iteration, or else in a later one."""
        self._schedule()
        if self._free and not self._waiting:
            self._free -= 1
            start()
        else:
            self._waiting.setdefault(address, deque()).append(start)

    def start_all(self) -> None:
        """Start all that wait, as the server is about to stop."""
        while self._waiting:
            self._next()()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._begin_iteration)

    def _begin_iteration(self) -> None:
        self._scheduled = False
        self._free = PER_ITERATION
        if self._waiting:
            # Before anything is started: a failure must not keep the others waiting.
            self._schedule()
        while self._waiting and self._free:
            self._free -= 1
            self._next()()

    def _next(self) -> Start:
        """Remove and return the first of the address whose turn it is."""
        address, queue = self._waiting.popitem(last=False)
        start = queue.popleft()
        if queue:
            self._waiting[address] = queue
        return start
