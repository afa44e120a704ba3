"""The queue of long lists: one is encoded at a time, and a bounded number waits."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lens.api.errors import unavailable

MAX_WAITING = 32
"""A page of 40,000 pods takes 320 KB while it waits, and 200 ms to encode."""

MAX_WAITING_PER_CALLER = 8


class ListQueue:
    """One long list at a time, first in, first out."""

    def __init__(self, refused: Callable[[], object] = lambda: None, what: str = "long lists") -> None:
        """Start empty. ``refused`` is called for each list beyond the bound. ``what`` is for its error."""
        self._refused = refused
        self._what = what
        self._lock = asyncio.Lock()
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def slot(self, caller: str) -> AsyncIterator[None]:
        """Wait for the slot and hold it. Raise an ApiError, 503, when too many wait."""
        if self._waiting.total() >= MAX_WAITING or self._waiting[caller] >= MAX_WAITING_PER_CALLER:
            self._refused()
            raise unavailable(f"Too many {self._what} are being waited for")
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
