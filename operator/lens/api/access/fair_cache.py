"""A bounded cache in which no caller evicts another caller's share of the entries."""

from collections.abc import Callable, Hashable
from itertools import takewhile
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

SHARES = 4
"""A caller's share is one fourth of the entries."""


class _Entry(NamedTuple, Generic[V]):
    value: V
    owner: str


class FairCache(Generic[K, V]):
    """Entries by key, each with an owner.

    A full cache evicts the oldest entry of an owner above the share, or else the oldest entry of all.
    """

    def __init__(self, max_entries: int, evicted: Callable[[], object] = lambda: None) -> None:
        """Start empty. ``evicted`` is called for each evicted entry."""
        self._max_entries = max_entries
        self._evicted = evicted
        self._entries: dict[K, _Entry[V]] = {}
        self._owned: dict[str, dict[K, None]] = {}
        self._above_share: dict[str, None] = {}

    def get(self, key: K) -> V | None:
        """Return the value of a key, or None."""
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    def put(self, key: K, value: V, owner: str) -> None:
        """Store a value for ``owner`` as the newest entry, in place of an older value of the key."""
        self.pop(key)
        self._entries[key] = _Entry(value, owner)
        own = self._owned.setdefault(owner, {})
        own[key] = None
        if len(own) > self._max_entries // SHARES:
            self._above_share[owner] = None
        if len(self._entries) > self._max_entries:
            victim = next(iter(self._above_share), None)
            if owner in self._above_share:
                victim = owner
            self.pop(next(iter(self._entries if victim is None else self._owned[victim])))
            self._evicted()

    def drop_oldest(self, is_old: Callable[[V], bool]) -> None:
        """Remove the entries that were stored first, up to one whose value isn't old."""
        for key, _ in tuple(takewhile(lambda item: is_old(item[1].value), self._entries.items())):
            self.pop(key)

    def pop(self, key: K) -> None:
        """Remove a key if it is there."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        own = self._owned[entry.owner]
        del own[key]
        if not own:
            del self._owned[entry.owner]
        if len(own) <= self._max_entries // SHARES:
            self._above_share.pop(entry.owner, None)
