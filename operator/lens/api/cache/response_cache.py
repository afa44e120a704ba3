"""The response cache, and its header fields (RFC 9111)."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from math import inf

from multidict import CIMultiDict

from lens.api.cache.representation import CurrentValues, Representation
from lens.api.envelope import CONTENT_TYPE

_MAX_BYTES = 48 * 2**20
_SHARES = 4
"""A caller's share is one fourth of the bytes."""
_JSON = {"Content-Type": CONTENT_TYPE}


def cache_key(*parts: object) -> bytes:
    """Return a cache key of fixed length for what a request asks for.

    ``parts`` are texts, numbers, collections of these, and None. Equal parts have equal keys.
    """
    return sha256(repr([_ordered(part) for part in parts]).encode("utf-8", "surrogatepass")).digest()


def _ordered(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else value


@dataclass(slots=True)
class _Entry:
    representation: Representation
    version: object
    caller: str
    counted: int
    expires_at: float


class ResponseCache:
    """Cache representations while their version stands; beyond ``max_bytes`` the least recently used go.

    No version is valid for longer than ``seconds``, so older ones take no room: ``put`` drops them. Its owner
    calls ``drop_expired`` from time to time, as there may be no other response for long.
    An entry belongs to the caller that requested it first. A caller above its share of the bytes evicts its
    own entries and none of others'.
    """

    def __init__(
        self,
        seconds: float,
        epoch: str,
        max_bytes: int = _MAX_BYTES,
        evicted: Callable[[], None] = lambda: None,
    ) -> None:
        """Start empty. A response may be cached for ``seconds``, by clients too; 0 for not at all.

        ``epoch`` distinguishes this process' entity tags from any other's. ``evicted`` is called for each
        entry that is evicted to make room.
        """
        self._seconds = seconds
        self._epoch = epoch
        self._max_bytes = max_bytes
        self._evicted = evicted
        self._bytes = 0
        self._bytes_by_caller: Counter[str] = Counter()
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._keys_by_caller: dict[str, OrderedDict[bytes, None]] = {}

    @property
    def size(self) -> int:
        """Return the approximate size of all entries in bytes."""
        return self._bytes

    def get(self, key: bytes, version: object) -> Representation | None:
        """Return the entry of ``key`` if it is of this version."""
        entry = self._entries.get(key)
        if entry is None or entry.version != version:
            return None
        return self._used(key, entry)

    def get_young(self, key: bytes, now: float, limit: float, seconds: float) -> Representation | None:
        """Return the entry of ``key`` if it was received within ``seconds`` and is younger than ``limit``."""
        entry = self._entries.get(key)
        if (
            entry is None
            # A negative age means that the clock was set back, and the age is unknown.
            or not 0 <= now - entry.representation.received_at < min(seconds, self._seconds)
            or now - entry.representation.made_at >= limit
        ):
            return None
        return self._used(key, entry)

    def _used(self, key: bytes, entry: _Entry) -> Representation:
        self._entries.move_to_end(key)
        self._keys_by_caller[entry.caller].move_to_end(key)
        return entry.representation

    def put(
        self,
        key: bytes,
        pieces: Sequence[bytes],
        now: float,
        *,
        tag: str,
        version: object = None,
        caller: str = "",
        headers: Mapping[str, str] = _JSON,
        received_at: float = 0.0,
        current_values: CurrentValues | None = None,
        seconds: float = inf,
    ) -> Representation:
        """Return the representation of a body, and cache it in place of an older one.

        ``pieces``, ``received_at`` and ``current_values`` are the representation's. Its age counts from
        ``now``. It is of ``version``, and has a weak entity tag with ``tag`` in it. ``caller`` has requested
        it, ``headers`` are its representation header fields. Clients may cache it for ``seconds``, if that is
        less than the cache's; for 0 they may not store it.
        """
        seconds = min(seconds, self._seconds)
        fields = CIMultiDict(
            {
                **headers,
                "Cache-Control": f"private, max-age={int(seconds)}" if seconds else "no-store",
                "ETag": f'W/"{self._epoch}-{tag}"',
                "Vary": "Authorization, Lens-Authorization, Accept, Accept-Encoding",
            }
        )
        representation = Representation(
            pieces, now, fields, received_at, current_values, size_changed=partial(self._size_changed, key)
        )
        self._remove(key)
        known_at = max(now, received_at)
        self.drop_expired(known_at)
        if self._seconds and representation.size <= self._max_bytes:
            self._entries[key] = _Entry(representation, version, caller, 0, known_at + self._seconds)
            self._keys_by_caller.setdefault(caller, OrderedDict())[key] = None
            self._size_changed(key)
        return representation

    def drop_expired(self, now: float) -> None:
        """Drop expired entries, from the least recently used one up to the first that isn't expired."""
        while self._entries and next(iter(self._entries.values())).expires_at <= now:
            self._remove(next(iter(self._entries)))

    def _size_changed(self, key: bytes) -> None:
        """Count an entry's size again, and evict entries beyond the bound."""
        entry = self._entries.get(key)
        if entry is None:
            return
        self._count(entry, entry.representation.size)
        while self._bytes > self._max_bytes:
            own = self._keys_by_caller.get(entry.caller)
            above_share = self._bytes_by_caller[entry.caller] > self._max_bytes // _SHARES
            self._remove(next(iter(own if own and above_share else self._entries)))
            self._evicted()

    def _count(self, entry: _Entry, size: int) -> None:
        self._bytes += size - entry.counted
        self._bytes_by_caller[entry.caller] += size - entry.counted
        entry.counted = size

    def _remove(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._count(entry, 0)
        own = self._keys_by_caller[entry.caller]
        del own[key]
        if not own:
            del self._keys_by_caller[entry.caller], self._bytes_by_caller[entry.caller]
