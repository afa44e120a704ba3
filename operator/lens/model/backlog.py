"""What waits to be looked at: the latest, within a number and bytes."""

import sys
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

_ENTRY_BYTES = 256
"""What an entry takes beside its texts."""


def size_of(entry: msgspec.Struct) -> int:
    """Return about how many bytes a struct of texts and numbers takes."""
    values = msgspec.structs.astuple(entry)
    return _ENTRY_BYTES + sum(sys.getsizeof(value) for value in values if isinstance(value, str))


class Backlog(Generic[T]):
    """Entries that nobody has taken yet; the oldest go when there is too much.

    One thread may add and another one take: each has counts of its own, and needs no lock.
    """

    def __init__(self, most: int, most_bytes: int, dropped: Callable[[], object] = lambda: None) -> None:
        """Take how many, and how many bytes. ``dropped`` is called for each that goes."""
        self._most = most
        self._most_bytes = most_bytes
        self._dropped = dropped
        self._entries: deque[tuple[T, int]] = deque()
        self._added = self._gone = self._taken = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._entries)

    def add(self, entry: T, size: int) -> None:
        """Add an entry of so many bytes."""
        self._entries.append((entry, size))
        self._added += size
        while len(self._entries) > self._most or self._added - self._gone - self._taken > self._most_bytes:
            try:
                _, gone = self._entries.popleft()
            except IndexError:
                # Just taken, and about to be counted so.
                return
            self._gone += gone
            self._dropped()

    def take(self) -> list[T]:
        """Return those that are there, which are so no more."""
        taken: list[T] = []
        for _ in range(len(self._entries)):
            try:
                entry, size = self._entries.popleft()
            except IndexError:
                break
            self._taken += size
            taken.append(entry)
        return taken
