"""An index of pods in order, advanced from snapshot to snapshot: a page is a bisection and a slice."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from lens.model.inventory.pod import Pod
from lens.model.inventory.snapshot import EMPTY, Snapshot

Key = tuple[str | int, ...]
"""A pod's sort key. It ends with namespace and name, so each pod has another."""

KeyOf = Callable[[Snapshot, Pod], Key | None]
"""Returns a pod's key in a snapshot; None for a pod that isn't listed."""

Source = Callable[[Snapshot, Snapshot], Iterator[tuple[Iterable[Pod], Iterable[Pod]]]]
"""Yields groups of pods that differ: those of the first snapshot, and those of the second."""

_SORT_FRACTION = 8
"""If more than one pod in so many has changed, all are sorted again."""

_PIECE = 2000


class Page(NamedTuple):
    """A page of a list. ``after`` is the key to continue from, None at the end; ``total`` counts all pods."""

    pods: Sequence[Pod]
    after: Key | None
    total: int


class PodIndex:
    """The pods of a source, sorted by their keys. For use by one thread at a time."""

    def __init__(self, source: Source, key: KeyOf) -> None:
        """Start without pods."""
        self._source = source
        self._key = key
        self._snapshot = EMPTY
        self._keys: list[Key] = []
        self._pods: list[Pod] = []

    @property
    def snapshot(self) -> Snapshot:
        """Return the snapshot that was last advanced to."""
        return self._snapshot

    def advance(self, snapshot: Snapshot) -> None:
        """Advance to ``snapshot``, which may also be an earlier one. The cost depends on the difference."""
        removed: dict[Key, Pod] = {}
        added: dict[Key, Pod] = {}
        for before, after in self._source(self._snapshot, snapshot):
            removed.update(self._with_keys(self._snapshot, before))
            added.update(self._with_keys(snapshot, after))
        self._snapshot = snapshot
        changed = {key: pod for key, pod in added.items() if removed.pop(key, None) is not pod}
        if _SORT_FRACTION * (len(removed) + len(changed)) > len(self._keys):
            pods = dict(zip(self._keys, self._pods, strict=True))
            for key in removed:
                del pods[key]
            pods |= changed
            self._keys = _sorted(list(pods))
            self._pods = [pods[key] for key in self._keys]
            return
        for key in removed:
            at = bisect_left(self._keys, key)
            del self._keys[at], self._pods[at]
        for key, pod in changed.items():
            at = bisect_left(self._keys, key)
            if at < len(self._keys) and self._keys[at] == key:
                self._pods[at] = pod
            else:
                self._keys.insert(at, key)
                self._pods.insert(at, pod)

    def page(
        self,
        *,
        after: Key | None = None,
        limit: int | None = None,
        backwards: bool = False,
        only: Callable[[Pod], bool] | None = None,
    ) -> Page:
        """Return up to ``limit`` pods after the key ``after``, of those for which ``only`` is true."""
        keys, pods = self._keys, self._pods
        if only is not None:
            indices = [at for at, pod in enumerate(pods) if only(pod)]
            keys, pods = [keys[at] for at in indices], [pods[at] for at in indices]
        start, end = 0, len(keys)
        if backwards:
            if after is not None:
                end = bisect_left(keys, after)
            if limit is not None:
                start = max(0, end - limit)
            last = keys[start] if start > 0 else None
            return Page(pods[start:end][::-1], last, len(keys))
        if after is not None:
            start = bisect_right(keys, after)
        if limit is not None:
            end = min(end, start + limit)
        last = keys[end - 1] if end < len(keys) else None
        return Page(pods[start:end], last, len(keys))

    def _with_keys(self, snapshot: Snapshot, pods: Iterable[Pod]) -> Iterator[tuple[Key, Pod]]:
        for pod in pods:
            key = self._key(snapshot, pod)
            if key is not None:
                yield key, pod


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
