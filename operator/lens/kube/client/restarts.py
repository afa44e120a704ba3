"""Pauses before repeated starts, such as of a watch that ends at once or a list that always fails."""

from collections.abc import Hashable

from lens.concurrency.backoff import Backoff

RESET_SECONDS = 10.0
FIRST_SECONDS = 0.1
MAX_SECONDS = 2.0
FREE_STARTS = 2


class _Streak:
    """Starts soon after each other."""

    def __init__(self, longest: float) -> None:
        self.starts = 0
        self.last = 0.0
        self.backoff = Backoff(FIRST_SECONDS, longest)


class Restarts:
    """The pauses before repeated starts, by key.

    Starts within 10 s of each other make a streak. The first two of a streak have no pause, since a watch
    that was cut should be resumed at once. Each further pause is twice as long as the one before, up to
    ``longest`` seconds: after a failure of any length the figures have to be right within 5 s.
    """

    def __init__(self, longest: float = MAX_SECONDS) -> None:
        """Start without earlier starts."""
        self._longest = longest
        self._starts: dict[Hashable, _Streak] = {}

    def delay(self, key: Hashable, now: float, reset_seconds: float = RESET_SECONDS) -> float:
        """Return the seconds to wait before ``key`` is started again, and count the start.

        What lasted ``reset_seconds`` begins another streak.
        """
        streak = self._starts.get(key)
        if streak is None or now - streak.last >= reset_seconds:
            streak = self._starts[key] = _Streak(self._longest)
        streak.starts += 1
        pause = streak.backoff.next() if streak.starts > FREE_STARTS + 1 else 0.0
        streak.last = now + pause
        return pause
