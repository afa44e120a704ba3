"""An index of pods or nodes in order, advanced from snapshot to snapshot.

A page is a bisection and a slice.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Generic, NamedTuple, TypeVar

from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.inventory.snapshot import EMPTY, Snapshot

V = TypeVar("V")

Key = tuple[str | int, ...]
"""The sort key of a pod or node. It ends with the names that identify it, so no other has the same."""

KeyOf = Callable[[Snapshot, V], Key | None]
"""Returns an entry's key in a snapshot; None for one that isn't listed."""

Source = Callable[[Snapshot, Snapshot], Iterator[tuple[Iterable[V], Iterable[V]]]]
"""Yields groups of entries that differ: those of the first snapshot, and those of the second."""

_SORT_FRACTION = 8
"""If more than one in this many entries has changed, all are sorted again."""

_PIECE = 2000


class Page(NamedTuple, Generic[V]):
    """A page of a list.

    ``after`` is the key to continue from, None at the end; ``total`` counts all entries.
    """

    entries: Sequence[V]
    after: Key | None
    total: int


class ListIndex(Generic[V]):
    """The entries of a source, sorted by their keys. For use by one thread at a time."""

    def __init__(self, source: Source[V], key: KeyOf[V]) -> None:
        """Start without entries."""
        self._source = source
        self._key = key
        self._snapshot = EMPTY
        self._keys: list[Key] = []
        self._entries: list[V] = []

    @property
    def snapshot(self) -> Snapshot:
        """Return the snapshot that was last advanced to."""
        return self._snapshot

    def advance(self, snapshot: Snapshot) -> None:
        """Advance to ``snapshot``, which may also be an earlier one. The cost depends on the difference."""
        removed: dict[Key, V] = {}
        added: dict[Key, V] = {}
        for before, after in self._source(self._snapshot, snapshot):
            removed.update(self._with_keys(self._snapshot, before))
            added.update(self._with_keys(snapshot, after))
        self._snapshot = snapshot
        changed = {key: entry for key, entry in added.items() if removed.pop(key, None) is not entry}
        if _SORT_FRACTION * (len(removed) + len(changed)) > len(self._keys):
            entries = dict(zip(self._keys, self._entries, strict=True))
            for key in removed:
                del entries[key]
            entries |= changed
            self._keys = _sorted(list(entries))
            self._entries = [entries[key] for key in self._keys]
            return
        for key in removed:
            at = bisect_left(self._keys, key)
            del self._keys[at], self._entries[at]
        for key, entry in changed.items():
            at = bisect_left(self._keys, key)
            if at < len(self._keys) and self._keys[at] == key:
                self._entries[at] = entry
            else:
                self._keys.insert(at, key)
                self._entries.insert(at, entry)

    def page(
        self,
        *,
        after: Key | None = None,
        limit: int | None = None,
        backwards: bool = False,
        only: Callable[[V], bool] | None = None,
        first: str | None = None,
    ) -> Page[V]:
        """Return up to ``limit`` entries after the key ``after``, of those for which ``only`` is true.

        With ``first`` only entries whose key begins with it are read.
        """
        keys, entries = self._keys, self._entries
        if first is not None:
            # No text sorts between a text and the same with a NUL appended.
            those = slice(bisect_left(keys, (first,)), bisect_left(keys, (first + "\0",)))
            keys, entries = keys[those], entries[those]
        if only is not None:
            indices = [at for at, entry in enumerate(entries) if only(entry)]
            keys, entries = [keys[at] for at in indices], [entries[at] for at in indices]
        start, end = 0, len(keys)
        if backwards:
            if after is not None:
                end = bisect_left(keys, after)
            if limit is not None:
                start = max(0, end - limit)
            last = keys[start] if start > 0 else None
            return Page(entries[start:end][::-1], last, len(keys))
        if after is not None:
            start = bisect_right(keys, after)
        if limit is not None:
            end = min(end, start + limit)
        last = keys[end - 1] if end < len(keys) else None
        return Page(entries[start:end], last, len(keys))

    def _with_keys(self, snapshot: Snapshot, entries: Iterable[V]) -> Iterator[tuple[Key, V]]:
        for entry in entries:
            key = self._key(snapshot, entry)
            if key is not None:
                yield key, entry


def _sorted(keys: list[Key]) -> list[Key]:
    """Sort in pieces: sorting 40,000 keys at once would keep other threads from running for 50 ms."""
    pieces = (sorted(keys[start : start + _PIECE]) for start in range(0, len(keys), _PIECE))
    return sorted(chain.from_iterable(pieces))


def bound(before: Snapshot, after: Snapshot) -> Iterator[tuple[Iterable[Pod], Iterable[Pod]]]:
    """Yield the pods of the nodes that differ."""
    for name in after.nodes.differing(before.nodes):
        was, now = before.nodes.get(name), after.nodes.get(name)
        yield was.pods if was else (), now.pods if now else ()


def unbound(before: Snapshot, after: Snapshot) -> Iterator[tuple[Iterable[Pod], Iterable[Pod]]]:
    """Yield the pending pods that differ."""
    for path in after.pending.differing(before.pending):
        was, now = before.pending.get(path), after.pending.get(path)
        yield (was,) if was else (), (now,) if now else ()


def nodes(
    before: Snapshot, after: Snapshot
) -> Iterator[tuple[Iterable[NodeOccupancy], Iterable[NodeOccupancy]]]:
    """Yield the listed nodes that differ; whether a missing node is listed depends on others, too."""
    names = {*after.nodes.differing(before.nodes)}
    names |= set(before.missing_names) ^ set(after.missing_names)
    for name in names:
        yield (
            (before.nodes[name],) if before.lists(name) else (),
            (after.nodes[name],) if after.lists(name) else (),
        )
