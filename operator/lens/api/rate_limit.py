"""Rate limits by token bucket, and the header fields that report them.

The fields follow draft-ietf-httpapi-ratelimit-headers-11 (May 2026), as Lists of RFC 9651.
A policy's quota ``q`` is the size of its bucket, its window ``w`` the seconds in which an empty bucket fills.
``r`` requests are available, and ``t``, the effective window, is the seconds until there is one more.
"""

from collections.abc import Hashable
from math import ceil, floor
from typing import NamedTuple

# A float holds epoch seconds to a quarter of a microsecond, far less than one request takes to come back.
_EPSILON = 0.01

_MAX_BUCKETS = 16_384


class RateLimitState(NamedTuple):
    """One key's state under a limit: whole requests that remain, and seconds until there is one more."""

    name: str
    policy: str
    remaining: int
    reset_seconds: int
    exceeded: bool

    @property
    def header_values(self) -> tuple[str, str]:
        """Return the values of ``RateLimit`` and ``RateLimit-Policy``."""
        return f'"{self.name}";r={self.remaining};t={self.reset_seconds}', self.policy


class RateLimiter:
    """Allow a number of requests a minute for each key, and up to ``burst`` at once.

    A bucket is one number: the epoch second at which it is full again. Beyond ``max_buckets`` the least
    recently used bucket is dropped.
    """

    def __init__(self, name: str, per_minute: int, burst: int, max_buckets: int = _MAX_BUCKETS) -> None:
        """Take the policy's name and numbers."""
        self._name = name
        self._burst = burst
        self._seconds = 60 / per_minute
        self._window = burst * self._seconds
        self._policy = f'"{name}";q={burst};w={ceil(self._window)}'
        self._max_buckets = max_buckets
        self._full_at: dict[Hashable, float] = {}

    def consume(self, key: Hashable, now: float) -> RateLimitState:
        """Count a request, unless it exceeds the limit, and return the state after it."""
        full_at = self._bounded(self._full_at.pop(key, now), now) + self._seconds
        exceeded = full_at - now > self._window + _EPSILON * self._seconds
        if exceeded:
            full_at -= self._seconds
        self._full_at[key] = full_at
        if len(self._full_at) > self._max_buckets:
            del self._full_at[next(iter(self._full_at))]
        return self._state(full_at, now, exceeded)

    def peek(self, key: Hashable, now: float) -> RateLimitState:
        """Return the state of ``key`` and count nothing."""
        return self._state(self._bounded(self._full_at.get(key, now), now), now, exceeded=False)

    def _bounded(self, full_at: float, now: float) -> float:
        """Return ``full_at``; ``now`` if it is beyond the window, as after the clock was set back."""
        return full_at if now < full_at <= now + self._window + self._seconds else now

    def _state(self, full_at: float, now: float, exceeded: bool) -> RateLimitState:
        remaining = self._burst - (full_at - now) / self._seconds + _EPSILON
        whole = max(0, floor(remaining))
        reset_seconds = max(1, ceil((whole + 1 - remaining) * self._seconds))
        return RateLimitState(self._name, self._policy, whole, reset_seconds, exceeded)
