"""What others were asked, kept for a while, and asked once however many want to know."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

from lens.model.access import ReviewFailedError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

GOOD_SECONDS = 30.0
BAD_SECONDS = 5.0
LOOK_SECONDS = 0.25
"""While nobody answers, whoever has a yes waits so long for another one, and no more is asked for so long."""

_MOST_KEPT = 4096
_MOST_ASKING = 256


@dataclass(slots=True)
class _Kept(Generic[V]):
    """An answer, when it was given, and when none was given after it, by a clock that only goes forward."""

    value: V
    at: float
    failed_at: float = -inf


class Verdicts(Generic[K, V]):
    """Keep answers by key: true ones for 30 s, false ones for 5 s. That nobody answered is not kept.

    While nobody answers, a true one stands on for ``stale_seconds``; a false one is never more than that.
    The two are bounded each for itself, so that no amount of wrong tokens makes room of the right ones'.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        most: int = _MOST_KEPT,
        *,
        most_asking: float = _MOST_ASKING,
        stale_seconds: float = 0.0,
        stood: Callable[[], None] = lambda: None,
    ) -> None:
        """Start empty. ``stood`` is called for each answer past its time that stands on.

        Of keys whose last answer was a true one any number is asked about at once, of others ``most_asking``.
        """
        self._clock = clock
        self._stale_seconds = stale_seconds
        self._stood = stood
        self._failing = False
        self._most = most
        self._most_asking = most_asking
        self._good: dict[K, _Kept[V]] = {}
        self._bad: dict[K, _Kept[V]] = {}
        self._asking: dict[K, asyncio.Task[V]] = {}

    async def of(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        """Return what is kept, or else ``ask``. Raise ReviewFailedError."""
        now = self._clock()
        for kept, seconds in ((self._good.get(key), GOOD_SECONDS), (self._bad.get(key), BAD_SECONDS)):
            if kept is not None and 0 <= now - kept.at < seconds:
                return kept.value
        standing = self._good.get(key)
        if standing is None or not 0 <= now - standing.at < self._stale_seconds:
            # Whoever goes away takes nothing from those who wait for the same.
            return await asyncio.shield(self._asked(key, ask))
        try:
            if not self._failing:
                return await asyncio.shield(self._asked(key, ask))
            if key not in self._asking and time.monotonic() > standing.failed_at + LOOK_SECONDS:
                async with asyncio.timeout(LOOK_SECONDS):
                    return await asyncio.shield(self._asked(key, ask))
        except (ReviewFailedError, TimeoutError):
            pass
        self._stood()
        return standing.value

    def knows(self, key: K) -> bool:
        """Tell whether the last answer was a true one, though it may be past its time."""
        return key in self._good

    def _asked(self, key: K, ask: Callable[[], Awaitable[V]]) -> "asyncio.Task[V]":
        asking = self._asking.get(key)
        if asking is None:
            # A yes must neither stand nor fall with how much others ask.
            if len(self._asking) >= self._most_asking and key not in self._good:
                raise ReviewFailedError("too many reviews are under way")
            asking = self._asking[key] = asyncio.create_task(self._ask(key, ask))
            asking.add_done_callback(_heed)
        return asking

    async def _ask(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        try:
            value = await ask()
        except ReviewFailedError:
            self._failing = True
            if key in self._good:
                self._good[key].failed_at = time.monotonic()
            raise
        finally:
            del self._asking[key]
        self._failing = False
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
