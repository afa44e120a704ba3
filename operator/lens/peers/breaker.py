"""A circuit breaker: who has failed several times in a row is left alone for a while."""

from lens.model.peer import Failure

FAILURES = 3
FIRST_SECONDS = 2.0
LONGEST_SECONDS = 30.0


class Breaker:
    """Open after 3 failures in a row; then one request goes ahead after 2 s, 4 s and so on up to 30 s.

    The first good answer closes it, whenever that was asked for.
    """

    def __init__(self) -> None:
        """Start closed."""
        self._failures = 0
        self._pause = FIRST_SECONDS
        self._retry_at = 0.0
        self.last: Failure = "unreachable"

    def admits(self, now: float) -> bool:
        """Tell whether to ask now, in seconds of a clock that only goes forward."""
        if self._failures < FAILURES:
            return True
        if now < self._retry_at:
            return False
        # The next one counts from here: one that is never heard of again keeps nobody from trying.
        self._pause = min(LONGEST_SECONDS, 2 * self._pause)
        self._retry_at = now + self._pause
        return True

    def succeeded(self) -> None:
        """Take note of an answer."""
        self._failures = 0

    def failed(self, failure: Failure, now: float) -> None:
        """Take note that there was none."""
        self.last = failure
        self._failures += 1
        if self._failures == FAILURES:
            self._pause = FIRST_SECONDS
            self._retry_at = now + FIRST_SECONDS
