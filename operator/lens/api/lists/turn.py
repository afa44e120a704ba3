"""Long lists are made one after another, and only so many wait for it with their pages."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lens.api.errors import unavailable

MOST_WAITING = 32
"""A page of 40,000 pods takes 320 KB while it waits, and 200 ms when it's made."""

MOST_OF_CALLER = 8
"""Of these, for one caller."""


class Turn:
    """One long list at a time, in the order in which they come."""

    def __init__(self, refused: Callable[[], object] = lambda: None) -> None:
        """Start free. ``refused`` is called for each list that is one too many."""
        self._refused = refused
        self._lock = asyncio.Lock()
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def wait(self, caller: str) -> AsyncIterator[None]:
        """Wait for the turn, and have it. Raise an ApiError, 503, when too many wait."""
        if self._waiting.total() >= MOST_WAITING or self._waiting[caller] >= MOST_OF_CALLER:
            self._refused()
            raise unavailable("Too many long lists are being waited for")
        self._waiting[caller] += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting[caller] -= 1
            if not self._waiting[caller]:
                del self._waiting[caller]
        try:
            yield
        finally:
            self._lock.release()
