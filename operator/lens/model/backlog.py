"""A queue between two threads, bounded in number and bytes; the latest entries are kept."""

import sys
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

_ENTRY_BYTES = 256
"""The size of an entry without its texts."""


def size_of(entry: msgspec.Struct) -> int:
    """Return the approximate size in bytes of a struct of texts and numbers."""
    values = msgspec.structs.astuple(entry)
    return _ENTRY_BYTES + sum(sys.getsizeof(value) for value in values if isinstance(value, str))


class Backlog(Generic[T]):
    """The entries that haven't been removed yet; beyond a bound the oldest are dropped.

    One thread may add entries while another one takes them: each has counters of its own, and needs no lock.
    """

    def __init__(
        self, max_entries: int, max_bytes: int, dropped: Callable[[], object] = lambda: None
    ) -> None:
        """Take the bounds. ``dropped`` is called for each dropped entry."""
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._on_drop = dropped
        self._entries: deque[tuple[T, int]] = deque()
        self._added = self._dropped = self._taken = 0

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._entries)

    def add(self, entry: T, size: int) -> None:
        """Add an entry of ``size`` bytes."""
        self._entries.append((entry, size))
        self._added += size
        while (
            len(self._entries) > self._max_entries
            or self._added - self._dropped - self._taken > self._max_bytes
        ):
            try:
                _, dropped = self._entries.popleft()
            except IndexError:
                # The other thread has just removed it, and is about to count it.
                return
            self._dropped += dropped
            self._on_drop()

    def take(self) -> list[T]:
        """Remove and return all entries."""
        entries: list[T] = []
        for _ in range(len(self._entries)):
            try:
                entry, size = self._entries.popleft()
            except IndexError:
                break
            self._taken += size
            entries.append(entry)
        return entries
