"""An immutable mapping that shares all unchanged parts with its successors."""

from collections.abc import Iterator, Mapping
from typing import Generic, Self, TypeVar

V = TypeVar("V")

_WIDTH = 64
"""The groups of a mapping, and the shards of a group: a shard of 100,000 entries has some 24."""

Group = tuple[dict[str, V], ...]


class Shards(Mapping[str, V], Generic[V]):
    """A mapping in 64 groups of 64 shards. A successor copies those that it changes.

    So the cost depends on the change, up to some 100,000 entries. The order of iteration has no meaning.
    """

    __slots__ = ("_size", "_table")

    def __init__(self) -> None:
        """Make an empty mapping."""
        self._table: tuple[Group[V], ...] = (({},) * _WIDTH,) * _WIDTH
        self._size = 0

    def updated(self, changes: Mapping[str, V | None]) -> Self:
        """Return a successor with ``changes``; a value of None removes its key."""
        table = list(self._table)
        size = self._size
        copied: dict[int, dict[int, dict[str, V]]] = {}
        for key, value in changes.items():
            group, index = _place(key)
            shards = copied.setdefault(group, {})
            shard = shards.get(index)
            if shard is None:
                shard = shards[index] = dict(table[group][index])
            size -= len(shard)
            if value is None:
                shard.pop(key, None)
            else:
                shard[key] = value
            size += len(shard)
        for group, shards in copied.items():
            members = list(table[group])
            for index, shard in shards.items():
                members[index] = shard
            table[group] = tuple(members)
        successor = type(self)()
        successor._table = tuple(table)
        successor._size = size
        return successor

    def differing(self, before: Self) -> Iterator[str]:
        """Yield the keys whose value is another object than in ``before``, or is missing in one of the two.

        Groups and shards that both share cost nothing.
        """
        for older, newer in zip(before._table, self._table, strict=True):
            if older is newer:
                continue
            for then, now in zip(older, newer, strict=True):
                if then is not now:
                    yield from (key for key in then.keys() | now.keys() if then.get(key) is not now.get(key))

    def __getitem__(self, key: str) -> V:
        """Return the value of ``key``. Raise KeyError."""
        group, index = _place(key)
        return self._table[group][index][key]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys."""
        for group in self._table:
            for shard in group:
                yield from shard

    def __len__(self) -> int:
        """Return the number of keys."""
        return self._size


def _place(key: str) -> tuple[int, int]:
    """Return the group and the shard in it that has a key."""
    return divmod(hash(key) % (_WIDTH * _WIDTH), _WIDTH)
