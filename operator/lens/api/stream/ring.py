"""The latest of many numbered entries; readers keep a number each and nothing else."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

MOST_BYTES = 16 * 2**20
"""What all entries take, with those that are gone from the ring and that somebody is still sent."""


class Sized(Protocol):
    """What a ring keeps."""

    readers: set[asyncio.Transport]
    """The connections to which it is being sent."""

    @property
    def size(self) -> int:
        """Return about how many bytes it takes."""
        ...


T = TypeVar("T", bound=Sized)


class Ring(Generic[T]):
    """Keep the last entries, of which the oldest go first. The first that is ever added has number 1."""

    def __init__(
        self, most: int, most_bytes: int = MOST_BYTES, dropped: Callable[[], object] = lambda: None
    ) -> None:
        """Take how many to keep, and how many bytes; ``dropped`` is called for each that goes for these."""
        self._most = most
        self._most_bytes = most_bytes
        self._dropped = dropped
        self._entries: deque[T] = deque()
        self._leaving: deque[T] = deque()
        self.last = 0

    def add(self, entry: T) -> None:
        """Add an entry, whose number is ``last`` from then on."""
        self._entries.append(entry)
        self.last += 1
        if len(self._entries) > self._most:
            self._leaving.append(self._entries.popleft())
        self.trim()

    def trim(self) -> None:
        """Make room; to be called when an entry takes more than before.

        Who is still being sent what the ring has no more has to leave before there is too much of that.
        """
        self._leaving = deque(entry for entry in self._leaving if entry.readers)
        size = sum(entry.size for entry in (*self._leaving, *self._entries))
        while size > self._most_bytes and self._leaving:
            size -= self._cut_off(self._leaving.popleft())
        while size > self._most_bytes and self._entries:
            self._dropped()
            size -= self._cut_off(self._entries.popleft())

    def skip(self) -> None:
        """Forget all entries, and leave a gap after them: no reader can go on from before it."""
        self._leaving.extend(self._entries)
        self._entries.clear()
        self.last += 1

    def reaches(self, number: int) -> bool:
        """Tell whether all entries after ``number`` are kept, so that a reader can go on from there."""
        return 0 <= self.last - number <= len(self._entries)

    def following(self, number: int) -> T | None:
        """Return the entry after a ``number`` that the ring reaches; None where that is the last."""
        missing = self.last - number
        return self._entries[-missing] if missing else None

    def _cut_off(self, entry: T) -> int:
        for reader in entry.readers:
            reader.abort()
        return entry.size
