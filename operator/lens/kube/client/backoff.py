"""Pauses before repeated starts, such as of a watch that ends at once or a list that always fails."""

from collections.abc import Hashable

RESET_SECONDS = 10.0
FIRST_SECONDS = 0.1
MAX_SECONDS = 5.0
FREE_STARTS = 2


class Backoff:
    """The pauses before repeated starts, by key.

    Starts within 10 s of each other make a streak. The first two of a streak have no pause, since a watch
    that was cut should be resumed at once. Each further pause is twice as long as the one before, up to 5 s.
    """

    def __init__(self) -> None:
        """Start without earlier starts."""
        self._starts: dict[Hashable, tuple[float, int]] = {}

    def delay(self, key: Hashable, now: float) -> float:
        """Return the seconds to wait before ``key`` is started again, and count the start."""
        last, streak = self._starts.get(key, (float("-inf"), 0))
        streak = streak + 1 if now - last < RESET_SECONDS else 0
        pause = 0.0
        if streak > FREE_STARTS:
            pause = float(min(MAX_SECONDS, FIRST_SECONDS * 2 ** min(streak - FREE_STARTS - 1, 16)))
        self._starts[key] = (now + pause, streak)
        return pause
