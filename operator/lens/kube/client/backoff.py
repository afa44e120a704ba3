"""Pauses for what would be repeated at once: a watch that ends as it starts, a list that never holds."""

from collections.abc import Hashable

EASY_SECONDS = 10.0
FIRST_SECONDS = 0.1
LONGEST_SECONDS = 5.0
FREE = 2


class Backoff:
    """Tell how long to wait before the next start of something.

    A start within 10 s of the one before makes a streak. Its first two are free, since a cut watch
    should be resumed at once; then each waits twice as long as the last, up to 5 s.
    """

    def __init__(self) -> None:
        """Start without a past."""
        self._past: dict[Hashable, tuple[float, int]] = {}

    def delay(self, what: Hashable, now: float) -> float:
        """Return the seconds to wait before ``what`` is started again, and count the start."""
        last, streak = self._past.get(what, (float("-inf"), 0))
        streak = streak + 1 if now - last < EASY_SECONDS else 0
        pause = 0.0
        if streak > FREE:
            pause = float(min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(streak - FREE - 1, 16)))
        self._past[what] = (now + pause, streak)
        return pause
