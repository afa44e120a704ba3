"""An immutable mapping that shares all unchanged parts with its successors."""

from collections.abc import Iterator, Mapping
from typing import Generic, Self, TypeVar

V = TypeVar("V")

_SHARDS = 256


class Shards(Mapping[str, V], Generic[V]):
    """A mapping in 256 shards. A successor copies those that it changes: the cost depends on the change.

    The order of iteration has no meaning.
    """

    __slots__ = ("_size", "_table")

    def __init__(self) -> None:
        """Make an empty mapping."""
        self._table: tuple[dict[str, V], ...] = ({},) * _SHARDS
        self._size = 0

    def updated(self, changes: Mapping[str, V | None]) -> Self:
        """Return a successor with ``changes``; a value of None removes its key."""
        table = list(self._table)
        size = self._size
        copied: set[int] = set()
        for key, value in changes.items():
            index = hash(key) % _SHARDS
            if index not in copied:
                copied.add(index)
                table[index] = dict(table[index])
            shard = table[index]
            size -= len(shard)
            if value is None:
                shard.pop(key, None)
            else:
                shard[key] = value
            size += len(shard)
        successor = type(self)()
        successor._table = tuple(table)
        successor._size = size
        return successor

    def differing(self, before: Self) -> Iterator[str]:
        """Yield the keys whose value is another object than in ``before``, or is missing in one of the two.

        Shards that both share cost nothing.
        """
        for then, now in zip(before._table, self._table, strict=True):
            if then is not now:
                yield from (key for key in then.keys() | now.keys() if then.get(key) is not now.get(key))

    def __getitem__(self, key: str) -> V:
        """Return the value of ``key``. Raise KeyError."""
        return self._table[hash(key) % _SHARDS][key]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys."""
        for shard in self._table:
            yield from shard

    def __len__(self) -> int:
        """Return the number of keys."""
        return self._size
