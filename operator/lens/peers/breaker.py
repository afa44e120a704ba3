"""A circuit breaker: no requests to a peer for a while after several consecutive failures."""

from lens.concurrency.backoff import Backoff
from lens.model.peer import Failure

MAX_FAILURES = 3
FIRST_PAUSE_SECONDS = 2.0
MAX_PAUSE_SECONDS = 30.0


class Breaker:
    """Open after 3 consecutive failures; then allow one request after 2 s, 4 s and so on up to 30 s.

    The first success closes it, whenever its request was sent.
    """

    def __init__(self) -> None:
        """Start closed."""
        self._failures = 0
        self._backoff = Backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
        self._retry_at = 0.0
        self.last_failure: Failure = "unreachable"

    def allows(self, now: float) -> bool:
        """Return whether to send a request now, in seconds of a monotonic clock."""
        if self._failures < MAX_FAILURES:
            return True
        if now < self._retry_at:
            return False
        # The next pause starts here, so that a request that never ends doesn't block others.
        self._retry_at = now + self._backoff.next()
        return True

    def record_success(self) -> None:
        """Record that a request was answered."""
        self._failures = 0

    def record_failure(self, failure: Failure, now: float) -> None:
        """Record that a request failed."""
        self.last_failure = failure
        self._failures += 1
        if self._failures == MAX_FAILURES:
            self._backoff.reset()
            self._retry_at = now + self._backoff.next()
