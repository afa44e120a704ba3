"""What others were asked, kept for a while, and asked once however many want to know."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

from lens.api.access.shares import SHARES, Shares
from lens.model.k8s.access import ReviewFailedError

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
    The two are bounded each for itself, so that no amount of wrong tokens makes room of the right ones', and
    of each nobody takes others' places. Of those under way a caller who is known has at most a share.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        most: int = _MOST_KEPT,
        *,
        most_asking: float = _MOST_ASKING,
        stale_seconds: float = 0.0,
        stood: Callable[[], None] = lambda: None,
        dropped: Callable[[], None] = lambda: None,
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        """Start empty.

        ``stood`` is called for each answer past its time that stands on, ``dropped`` for each that had to
        make room, and ``refused`` for each question that is one too many. Of keys whose last answer was a
        true one any number is asked about at once, of others ``most_asking``.
        """
        self._clock = clock
        self._stale_seconds = stale_seconds
        self._stood = stood
        self._failing = False
        self._refused = refused
        self._most_asking = most_asking
        self._good: Shares[K, _Kept[V]] = Shares(most, dropped)
        self._bad: Shares[K, _Kept[V]] = Shares(most, dropped)
        self._asking: dict[K, asyncio.Task[V]] = {}
        self._asking_for: Counter[str] = Counter()

    async def of(
        self,
        key: K,
        ask: Callable[[], Awaitable[V]],
        caller: str = "",
        owner: Callable[[V], str] | None = None,
    ) -> V:
        """Return what is kept, or else ``ask`` for ``caller``. Raise ReviewFailedError.

        An answer is the caller's, unless ``owner`` tells from it whose it is.
        """
        now = self._clock()
        for kept, seconds in ((self._good.get(key), GOOD_SECONDS), (self._bad.get(key), BAD_SECONDS)):
            if kept is not None and 0 <= now - kept.at < seconds:
                return kept.value
        standing = self._good.get(key)
        if standing is None or not 0 <= now - standing.at < self._stale_seconds:
            # Whoever goes away takes nothing from those who wait for the same.
            return await asyncio.shield(self._asked(key, ask, caller, owner))
        try:
            if not self._failing:
                return await asyncio.shield(self._asked(key, ask, caller, owner))
            if key not in self._asking and time.monotonic() > standing.failed_at + LOOK_SECONDS:
                async with asyncio.timeout(LOOK_SECONDS):
                    return await asyncio.shield(self._asked(key, ask, caller, owner))
        except (ReviewFailedError, TimeoutError):
            pass
        self._stood()
        return standing.value

    def knows(self, key: K) -> bool:
        """Tell whether the last answer was a true one, though it may be past its time."""
        return self._good.get(key) is not None

    def _asked(
        self, key: K, ask: Callable[[], Awaitable[V]], caller: str, owner: Callable[[V], str] | None
    ) -> "asyncio.Task[V]":
        asking = self._asking.get(key)
        if asking is None:
            is_over = caller and self._asking_for[caller] >= _MOST_ASKING // SHARES
            # A yes must neither stand nor fall with how much others ask.
            if (is_over or len(self._asking) >= self._most_asking) and self._good.get(key) is None:
                self._refused()
                raise ReviewFailedError("too many reviews are under way")
            self._asking_for[caller] += 1
            asking = self._asking[key] = asyncio.create_task(self._ask(key, ask, caller, owner))
            asking.add_done_callback(_heed)
        return asking

    async def _ask(
        self, key: K, ask: Callable[[], Awaitable[V]], caller: str, owner: Callable[[V], str] | None
    ) -> V:
        try:
            value = await ask()
        except ReviewFailedError:
            self._failing = True
            standing = self._good.get(key)
            if standing is not None:
                standing.failed_at = time.monotonic()
            raise
        finally:
            del self._asking[key]
            self._asking_for[caller] -= 1
            if not self._asking_for[caller]:
                del self._asking_for[caller]
        self._failing = False
        self._good.pop(key)
        self._bad.pop(key)
        kept = self._good if value else self._bad
        kept.put(key, _Kept(value, self._clock()), owner(value) if owner is not None else caller)
        return value


def _heed(asked: "asyncio.Task[V]") -> None:
    """Look at the outcome: all who wanted to know may have gone, and asyncio would complain."""
    if not asked.cancelled():
        asked.exception()
