"""An immutable mapping that shares all unchanged parts with its successors."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Generic, Self, TypeVar, overload

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")

_BITS = 5
_WIDTH = 2**_BITS
_MASK = _WIDTH - 1
"""The parts of each of three levels. So a shard of 100,000 entries has some 3."""

Level = tuple[Any, ...]
"""Levels below, or shards: dictionaries."""

_EMPTY: dict[Any, Any] = {}
"""Every shard without entries. Keys that come and go, such as pods that wait, get into nearly all shards."""

_NO_SHARDS: Level = (_EMPTY,) * _WIDTH
_NO_LEVELS: Level = (_NO_SHARDS,) * _WIDTH
_NO_TABLE: Level = (_NO_LEVELS,) * _WIDTH
"""Levels into which no key has got yet. A look at one tells that of 32 shards, of 1,024, or of all."""


class Shards(Mapping[K, V], Generic[K, V]):
    """A mapping in a tree of 32 by 32 by 32 shards. A successor copies those that it changes.

    So the cost depends on the change, up to some 100,000 entries. The order of iteration has no meaning.
    """

    __slots__ = ("_size", "_table")

    def __init__(self) -> None:
        """Make an empty mapping."""
        self._table: Level = _NO_TABLE
        self._size = 0

    def updated(self, changes: Mapping[K, V | None]) -> Self:
        """Return a successor with ``changes``; a value of None removes its key."""
        size = self._size
        copied: dict[int, dict[int, dict[int, dict[K, V]]]] = {}
        for key, value in changes.items():
            top, middle, low = _path(key)
            shards = copied.setdefault(top, {}).setdefault(middle, {})
            shard = shards.get(low)
            if shard is None:
                shard = shards[low] = dict(self._table[top][middle][low])
            size -= len(shard)
            if value is None:
                shard.pop(key, None)
            else:
                shard[key] = value
            size += len(shard)
        successor = type(self)()
        successor._table = _replaced(
            self._table,
            {
                top: _replaced(
                    self._table[top],
                    {
                        middle: _replaced(self._table[top][middle], shards)
                        for middle, shards in middles.items()
                    },
                )
                for top, middles in copied.items()
            },
        )
        successor._size = size
        return successor

    def differing(self, before: Self) -> Iterator[K]:
        """Yield the keys whose value is another object than in ``before``, or is missing in one of the two.

        Parts that both share cost nothing.
        """
        for older, newer in _unshared(before._table, self._table):
            for old, new in _unshared(older, newer):
                for then, now in _unshared(old, new):
                    yield from (key for key in then.keys() | now.keys() if then.get(key) is not now.get(key))

    def __getitem__(self, key: K) -> V:
        """Return the value of ``key``. Raise KeyError."""
        top, middle, low = _path(key)
        shard: dict[K, V] = self._table[top][middle][low]
        return shard[key]

    @overload
    def get(self, key: K, default: None = None, /) -> V | None: ...
    @overload
    def get(self, key: K, default: T, /) -> V | T: ...
    def get(self, key: K, default: object = None, /) -> object:
        """Return the value of ``key``, or the default."""
        top, middle, low = _path(key)
        return self._table[top][middle][low].get(key, default)

    def __iter__(self) -> Iterator[K]:
        """Iterate over the keys."""
        for middles in self._table:
            if middles is _NO_LEVELS:
                continue
            for shards in middles:
                if shards is _NO_SHARDS:
                    continue
                for shard in shards:
                    if shard:
                        yield from shard

    def __len__(self) -> int:
        """Return the number of keys."""
        return self._size


def _path(key: Hashable) -> tuple[int, int, int]:
    """Return the index of a key on each level."""
    number = hash(key)
    return number & _MASK, number >> _BITS & _MASK, number >> 2 * _BITS & _MASK


def _replaced(level: Level, parts: Mapping[int, object]) -> Level:
    """Return a level with some of its parts replaced."""
    found = list(level)
    for index, part in parts.items():
        found[index] = part or _EMPTY
    return tuple(found)


def _unshared(before: Level, after: Level) -> Iterator[tuple[Any, Any]]:
    """Yield the parts of two levels that aren't the same objects."""
    return ((then, now) for then, now in zip(before, after, strict=True) if then is not now)
