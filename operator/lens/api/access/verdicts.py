"""What others were asked, kept for a while, and asked once however many want to know."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from lens.model.access import ReviewFailedError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

GOOD_SECONDS = 30.0
BAD_SECONDS = 5.0
_MOST_KEPT = 4096
_MOST_ASKING = 256


class _Kept(NamedTuple, Generic[V]):
    value: V
    at: float


class Verdicts(Generic[K, V]):
    """Keep answers by key: true ones for 30 s, false ones for 5 s. That nobody answered is not kept.

    The two are bounded each for itself, so that no amount of wrong tokens makes room of the right ones'.
    """

    def __init__(self, clock: Callable[[], float], most: int = _MOST_KEPT) -> None:
        """Start empty."""
        self._clock = clock
        self._most = most
        self._good: dict[K, _Kept[V]] = {}
        self._bad: dict[K, _Kept[V]] = {}
        self._asking: dict[K, asyncio.Task[V]] = {}

    async def of(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        """Return what is kept, or else ``ask``. Raise ReviewFailedError."""
        now = self._clock()
        for kept, seconds in ((self._good.get(key), GOOD_SECONDS), (self._bad.get(key), BAD_SECONDS)):
            if kept is not None and 0 <= now - kept.at < seconds:
                return kept.value
        asking = self._asking.get(key)
        if asking is None:
            if len(self._asking) >= _MOST_ASKING:
                raise ReviewFailedError("too many reviews are under way")
            asking = self._asking[key] = asyncio.create_task(self._ask(key, ask))
            asking.add_done_callback(_heed)
        # Whoever goes away takes nothing from those who wait for the same.
        return await asyncio.shield(asking)

    async def _ask(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        try:
            value = await ask()
        finally:
            del self._asking[key]
        self._good.pop(key, None)
        self._bad.pop(key, None)
        kept = self._good if value else self._bad
        kept[key] = _Kept(value, self._clock())
        if len(kept) > self._most:
            del kept[next(iter(kept))]
        return value


def _heed(asked: "asyncio.Task[V]") -> None:
    """Look at the outcome: all who wanted to know may have gone, and asyncio would complain."""
    if not asked.cancelled():
        asked.exception()
