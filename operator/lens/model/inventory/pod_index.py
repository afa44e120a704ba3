"""Pods in order, kept up from snapshot to snapshot, so that any page of them is a bisection and a slice."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from lens.model.inventory.pod import Pod
from lens.model.inventory.snapshot import EMPTY, Snapshot

Key = tuple[str | int, ...]
"""Where a pod stands. It ends with namespace and name, so no two pods have the same."""

KeyOf = Callable[[Snapshot, Pod], Key | None]
"""Returns a pod's place by what a snapshot tells of it; None for a pod that has none."""

Source = Callable[[Snapshot, Snapshot], Iterator[tuple[Iterable[Pod], Iterable[Pod]]]]
"""Goes through groups of pods that differ: those of the first snapshot, and those of the second."""

_SORTED_ANEW = 8
"""From one change in so many pods on they are sorted anew."""

_PIECE = 2000


class Page(NamedTuple):
    """A piece of a list. ``after`` is where the next one goes on, None at the end; ``total`` counts all."""

    pods: Sequence[Pod]
    after: Key | None
    total: int


class PodIndex:
    """The pods of a source by their keys. One user at a time."""

    def __init__(self, source: Source, key: KeyOf) -> None:
        """Start with none."""
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
        """Become the order of ``snapshot``, be it earlier or later, for a price that the difference sets."""
        gone: dict[Key, Pod] = {}
        come: dict[Key, Pod] = {}
        for before, after in self._source(self._snapshot, snapshot):
            gone.update(self._placed(self._snapshot, before))
            come.update(self._placed(snapshot, after))
        self._snapshot = snapshot
        changed = {key: pod for key, pod in come.items() if gone.pop(key, None) is not pod}
        if _SORTED_ANEW * (len(gone) + len(changed)) > len(self._keys):
            pods = dict(zip(self._keys, self._pods, strict=True))
            for key in gone:
                del pods[key]
            pods |= changed
            self._keys = _sorted(list(pods))
            self._pods = [pods[key] for key in self._keys]
            return
        for key in gone:
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
        """Return the pods that follow the key ``after``, at most ``limit``, of those that pass ``only``."""
        keys, pods = self._keys, self._pods
        if only is not None:
            places = [at for at, pod in enumerate(pods) if only(pod)]
            keys, pods = [keys[at] for at in places], [pods[at] for at in places]
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

    def _placed(self, snapshot: Snapshot, pods: Iterable[Pod]) -> Iterator[tuple[Key, Pod]]:
        for pod in pods:
            key = self._key(snapshot, pod)
            if key is not None:
                yield key, pod


def _sorted(keys: list[Key]) -> list[Key]:
    """Sort piece by piece: in one go 40,000 keys would let no other thread run for 50 ms."""
    pieces = (sorted(keys[start : start + _PIECE]) for start in range(0, len(keys), _PIECE))
    return sorted(chain.from_iterable(pieces))


def bound(before: Snapshot, after: Snapshot) -> Iterator[tuple[Iterable[Pod], Iterable[Pod]]]:
    """Go through the pods of the nodes that differ."""
    for name in after.nodes.differing(before.nodes):
        was, now = before.nodes.get(name), after.nodes.get(name)
        yield was.pods if was else (), now.pods if now else ()


def unbound(before: Snapshot, after: Snapshot) -> Iterator[tuple[Iterable[Pod], Iterable[Pod]]]:
    """Go through the pods that wait for GPUs, as far as they differ."""
    for path in after.pending.differing(before.pending):
        was, now = before.pending.get(path), after.pending.get(path)
        yield (was,) if was else (), (now,) if now else ()
