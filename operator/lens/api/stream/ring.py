"""The latest of many numbered entries; readers keep a number each and nothing else."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


class Ring(Generic[T]):
    """Keep the last entries. The first that is ever added has number 1."""

    def __init__(self, size: int) -> None:
        """Take how many to keep."""
        self._entries: deque[T] = deque(maxlen=size)
        self.last = 0

    def add(self, entry: T) -> None:
        """Add an entry, whose number is ``last`` from then on."""
        self._entries.append(entry)
        self.last += 1

    def skip(self) -> None:
        """Forget all entries, and leave a gap after them: no reader can go on from before it."""
        self._entries.clear()
        self.last += 1

    def after(self, number: int) -> Iterator[T] | None:
        """Return the entries after ``number``, oldest first; None if any of them is not kept any more."""
        missing = self.last - number
        if not 0 <= missing <= len(self._entries):
            return None
        return islice(self._entries, len(self._entries) - missing, None)
