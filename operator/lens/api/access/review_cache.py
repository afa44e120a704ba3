"""A cache of access reviews that sends one review for all concurrent requests of the same key."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

from lens.api.access.fair_cache import SHARES, FairCache
from lens.concurrency.single_flight import SingleFlight
from lens.model.k8s.access import ReviewFailedError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

POSITIVE_TTL_SECONDS = 30.0
NEGATIVE_TTL_SECONDS = 5.0
RETRY_SECONDS = 0.25
"""While reviews fail, a request with an expired positive result waits this long for a new one.

After a failure, the key isn't reviewed again for as long.
"""

_KEPT_FACTOR = 6
"""A positive result is kept this many times as long as it may be served. By default that is an hour, the
lifetime of a service account's token. Meanwhile its key is exempt from the bound on pending reviews."""

_MAX_ENTRIES = 4096
_MAX_PENDING = 256


@dataclass(slots=True)
class _CachedResult(Generic[V]):
    """A review's result, when it was given by a clock that may be set back, and its last failed renewal.

    The renewal's time is by the monotonic clock.
    """

    value: V
    at: float
    failed_at: float = -inf


class ReviewCache(Generic[K, V]):
    """Cache results by key: positive ones for 30 s, negative ones for 5 s, and failures not at all.

    While reviews fail, an expired positive result is served for ``stale_seconds``; a negative one never is.
    Results are dropped once they have been of no use for long, such as those of tokens that were rotated.
    Positive and negative ones have a bound each, so that wrong tokens can't evict right ones, and no
    caller evicts others' share. Of the pending reviews a known caller has at most a share.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        max_entries: int = _MAX_ENTRIES,
        *,
        max_pending: float = _MAX_PENDING,
        stale_seconds: float = 0.0,
        served_stale: Callable[[], None] = lambda: None,
        evicted: Callable[[], None] = lambda: None,
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        """Start empty.

        ``served_stale`` is called for each expired result that is served, ``evicted`` for each evicted one,
        and ``refused`` for each review beyond the bound on pending ones. That bound is ``max_pending``; keys
        whose last result was positive are exempt.
        """
        self._clock = clock
        self._stale_seconds = stale_seconds
        self._kept_seconds = _KEPT_FACTOR * max(POSITIVE_TTL_SECONDS, stale_seconds)
        self._served_stale = served_stale
        self._failing = False
        self._refused = refused
        self._max_pending = max_pending
        self._positive: FairCache[K, _CachedResult[V]] = FairCache(max_entries, evicted)
        self._negative: FairCache[K, _CachedResult[V]] = FairCache(max_entries, evicted)
        # A result is for later requests too.
        self._pending = SingleFlight[K, V](outlives_callers=True)
        self._pending_by_caller: Counter[str] = Counter()

    async def get(
        self,
        key: K,
        review: Callable[[], Awaitable[V]],
        caller: str = "",
        owner: Callable[[V], str] | None = None,
    ) -> V:
        """Return the cached result, or else that of ``review`` for ``caller``. Raise ReviewFailedError.

        The caller owns the cache entry, unless ``owner`` finds its owner in the result.
        """
        now = self._clock()
        for cached, ttl in (
            (self._positive.get(key), POSITIVE_TTL_SECONDS),
            (self._negative.get(key), NEGATIVE_TTL_SECONDS),
        ):
            if cached is not None and 0 <= now - cached.at < ttl:
                return cached.value
        stale = self._positive.get(key)
        if stale is None or not 0 <= now - stale.at < self._stale_seconds:
            return await self._share(key, review, caller, owner)
        try:
            if not self._failing:
                return await self._share(key, review, caller, owner)
            if key not in self._pending and time.monotonic() > stale.failed_at + RETRY_SECONDS:
                async with asyncio.timeout(RETRY_SECONDS):
                    return await self._share(key, review, caller, owner)
        except (ReviewFailedError, TimeoutError):
            pass
        self._served_stale()
        return stale.value

    def has_positive(self, key: K) -> bool:
        """Return whether the last result was positive, even if it has expired, unless it did long ago."""
        return self._positive.get(key) is not None

    async def _share(
        self, key: K, review: Callable[[], Awaitable[V]], caller: str, owner: Callable[[V], str] | None
    ) -> V:
        """Return the result of the key's pending review, or of a new one. Raise ReviewFailedError."""
        if key not in self._pending:
            above_share = caller and self._pending_by_caller[caller] >= _MAX_PENDING // SHARES
            # The renewal of a positive result must not depend on how many reviews others start.
            if (above_share or len(self._pending) >= self._max_pending) and self._positive.get(key) is None:
                self._refused()
                raise ReviewFailedError("too many reviews are under way")
            self._pending_by_caller[caller] += 1
        return await self._pending.do(key, lambda: self._review(key, review, caller, owner))

    async def _review(
        self, key: K, review: Callable[[], Awaitable[V]], caller: str, owner: Callable[[V], str] | None
    ) -> V:
        try:
            value = await review()
        except ReviewFailedError:
            self._failing = True
            stale = self._positive.get(key)
            if stale is not None:
                stale.failed_at = time.monotonic()
            raise
        finally:
            self._pending_by_caller[caller] -= 1
            if not self._pending_by_caller[caller]:
                del self._pending_by_caller[caller]
        self._failing = False
        self._positive.pop(key)
        self._negative.pop(key)
        now = self._clock()
        self._positive.drop_oldest(lambda result: now - result.at >= self._kept_seconds)
        self._negative.drop_oldest(lambda result: now - result.at >= NEGATIVE_TTL_SECONDS)
        results = self._positive if value else self._negative
        results.put(key, _CachedResult(value, now), owner(value) if owner is not None else caller)
        return value
