"""What is kept for callers, so many entries in all, of which nobody takes others' places."""

from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

SHARES = 4
"""Of the places a caller has one share for certain."""


class _Entry(NamedTuple, Generic[V]):
    value: V
    owner: str


class Shares(Generic[K, V]):
    """Entries by key, each somebody's.

    When there are too many, who has over a share makes room by the oldest of their own, else the oldest goes.
    """

    def __init__(self, most: int, dropped: Callable[[], object] = lambda: None) -> None:
        """Start empty. ``dropped`` is called for each that had to make room."""
        self._most = most
        self._dropped = dropped
        self._entries: dict[K, _Entry[V]] = {}
        self._owned: dict[str, dict[K, None]] = {}
        self._over: dict[str, None] = {}

    def get(self, key: K) -> V | None:
        """Return what is kept under a key."""
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    def put(self, key: K, value: V, owner: str) -> None:
        """Keep a value of ``owner``'s in place of an older one, as the newest."""
        self.pop(key)
        self._entries[key] = _Entry(value, owner)
        own = self._owned.setdefault(owner, {})
        own[key] = None
        if len(own) > self._most // SHARES:
            self._over[owner] = None
        if len(self._entries) > self._most:
            over = next(iter(self._over), None)
            if owner in self._over:
                over = owner
            self.pop(next(iter(self._entries if over is None else self._owned[over])))
            self._dropped()

    def pop(self, key: K) -> None:
        """Keep nothing under a key."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        own = self._owned[entry.owner]
        del own[key]
        if not own:
            del self._owned[entry.owner]
        if len(own) <= self._most // SHARES:
            self._over.pop(entry.owner, None)
