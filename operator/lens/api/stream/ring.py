"""A ring buffer of numbered entries; a reader is one number and nothing else."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

MAX_BYTES = 16 * 2**20
"""The size of all entries, with those that have left the ring and are still being sent."""


class Sized(Protocol):
    """An entry of a ring."""

    readers: set[asyncio.Transport]
    """The connections to which it is being sent."""

    @property
    def size(self) -> int:
        """Return its approximate size in bytes."""
        ...


T = TypeVar("T", bound=Sized)


class Ring(Generic[T]):
    """Keep the last entries and drop the oldest first. The first entry ever added has number 1."""

    def __init__(
        self, max_entries: int, max_bytes: int = MAX_BYTES, evicted: Callable[[], object] = lambda: None
    ) -> None:
        """Take the bounds; ``evicted`` is called for each entry dropped because of its size."""
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._evicted = evicted
        self._entries: deque[T] = deque()
        self._leaving: deque[T] = deque()
        self.last = 0

    def add(self, entry: T) -> None:
        """Add an entry, whose number is ``last`` from then on."""
        self._entries.append(entry)
        self.last += 1
        if len(self._entries) > self._max_entries:
            self._leaving.append(self._entries.popleft())
        self.trim()

    def trim(self) -> None:
        """Drop entries beyond the bounds; call this when an entry has grown.

        Connections that are still being sent dropped entries are aborted first.
        """
        self._leaving = deque(entry for entry in self._leaving if entry.readers)
        size = sum(entry.size for entry in (*self._leaving, *self._entries))
        while size > self._max_bytes and self._leaving:
            size -= self._abort_readers(self._leaving.popleft())
        while size > self._max_bytes and self._entries:
            self._evicted()
            size -= self._abort_readers(self._entries.popleft())

    def skip(self) -> None:
        """Drop all entries and leave a gap: no reader can continue from before it."""
        self._leaving.extend(self._entries)
        self._entries.clear()
        self.last += 1

    def has_all_after(self, number: int) -> bool:
        """Return whether all entries after ``number`` are there, so that a reader can continue from it."""
        return 0 <= self.last - number <= len(self._entries)

    def after(self, number: int) -> T | None:
        """Return the entry after a ``number`` from which a reader can continue; None if that is the last."""
        missing = self.last - number
        return self._entries[-missing] if missing else None

    def _abort_readers(self, entry: T) -> int:
        for reader in entry.readers:
            reader.abort()
        return entry.size
