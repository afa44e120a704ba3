"""How often somebody may ask: token buckets, and the header fields that tell of them.

The fields are those of draft-ietf-httpapi-ratelimit-headers-11 (May 2026), Lists of Strings (RFC 9651) with
Integers: a policy's quota ``q`` is what its bucket holds, its window ``w`` how long an empty one takes to
fill; ``r`` requests are available, and ``t``, the effective window, is the seconds until there is one more.
"""

from collections.abc import Hashable
from math import ceil, floor
from typing import NamedTuple

# A float holds epoch seconds to a quarter of a microsecond, far less than one request takes to come back.
_EPSILON = 0.01

_MOST_BUCKETS = 16_384


class Standing(NamedTuple):
    """How somebody stands with a limit: whole requests that are left, and seconds until one more is."""

    name: str
    policy: str
    left: int
    seconds: int
    exceeded: bool

    @property
    def fields(self) -> tuple[str, str]:
        """Return the values of ``RateLimit`` and ``RateLimit-Policy``."""
        return f'"{self.name}";r={self.left};t={self.seconds}', self.policy


class Limit:
    """So many requests a minute for each key, and up to ``burst`` at once.

    A bucket is one number: the epoch second at which it will be full again. The one that was not touched
    for longest is forgotten when there are too many.
    """

    def __init__(self, name: str, per_minute: int, burst: int, most: int = _MOST_BUCKETS) -> None:
        """Take the policy's name and numbers."""
        self._name = name
        self._burst = burst
        self._seconds = 60 / per_minute
        self._window = burst * self._seconds
        self._policy = f'"{name}";q={burst};w={ceil(self._window)}'
        self._most = most
        self._full_at: dict[Hashable, float] = {}

    def take(self, key: Hashable, now: float) -> Standing:
        """Count a request, or say that there was no room for it."""
        full_at = self._bounded(self._full_at.pop(key, now), now) + self._seconds
        exceeded = full_at - now > self._window + _EPSILON * self._seconds
        if exceeded:
            full_at -= self._seconds
        self._full_at[key] = full_at
        if len(self._full_at) > self._most:
            del self._full_at[next(iter(self._full_at))]
        return self._standing(full_at, now, exceeded)

    def look(self, key: Hashable, now: float) -> Standing:
        """Say how ``key`` stands, and count nothing."""
        return self._standing(self._bounded(self._full_at.get(key, now), now), now, exceeded=False)

    def _bounded(self, full_at: float, now: float) -> float:
        """Return it within the window. Past that the clock was set back, and the bucket starts anew."""
        return full_at if now < full_at <= now + self._window + self._seconds else now

    def _standing(self, full_at: float, now: float, exceeded: bool) -> Standing:
        left = self._burst - (full_at - now) / self._seconds + _EPSILON
        whole = max(0, floor(left))
        return Standing(
            self._name, self._policy, whole, max(1, ceil((whole + 1 - left) * self._seconds)), exceeded
        )
