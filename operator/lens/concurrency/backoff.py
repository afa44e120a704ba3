"""Exponential backoff: growing pauses before further attempts."""


class Backoff:
    """Pauses in seconds: ``first``, then each twice as long as the one before, up to ``longest``."""

    def __init__(self, first: float, longest: float) -> None:
        """Start with the first pause."""
        self._first = first
        self._longest = longest
        self._next = first

    def next(self) -> float:
        """Return the next pause."""
        pause, self._next = self._next, min(self._longest, 2 * self._next)
        return pause

    def reset(self) -> None:
        """Start with the first pause again."""
        self._next = self._first
