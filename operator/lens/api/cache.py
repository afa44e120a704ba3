"""The response cache, and its header fields (RFC 9111; RFC 9110, 13)."""

import asyncio
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from math import inf

from aiohttp import web
from multidict import CIMultiDict, MultiMapping

from lens.api.content_encoding import ENCODERS, MIN_ENCODED_BYTES
from lens.api.envelope import CONTENT_TYPE
from lens.api.negotiation import IDENTITY, content_encoding

_MAX_BYTES = 48 * 2**20
# The size of an entry without its body, so that many small responses are bounded too.
_ENTRY_BYTES = 2048
_SHARES = 4
"""A caller's share is one fourth of the bytes."""
# Compressing more in the event loop would delay other requests.
_MAX_ENCODED_IN_LOOP = 32 * 1024
_MAX_AGE = re.compile(r"max-age=(\d{1,9})", re.ASCII)
_JSON = {"Content-Type": CONTENT_TYPE}
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True)
class Representation:
    """A response's body, with the header fields that don't change while it is cached.

    Encoded it is another representation, with another tag (RFC 9110, 8.8.3.3), made on first use.
    """

    body: bytes
    made_at: float
    headers: CIMultiDict[str]
    size_changed: Callable[[], None] = lambda: None
    """Is called when an encoded body was added."""
    _encoded: dict[str, bytes] = field(default_factory=dict)
    _encoding: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def size(self) -> int:
        """Return its approximate size in bytes, encoded bodies included."""
        return len(self.body) + sum(map(len, self._encoded.values())) + _ENTRY_BYTES

    async def response(self, request_headers: MultiMapping[str], now: float) -> web.Response:
        """Return the response to a request with these headers: 304 if the client has this tag."""
        encoding = content_encoding(
            request_headers, tuple(ENCODERS), worthwhile=len(self.body) >= MIN_ENCODED_BYTES
        )
        tag = self.headers["ETag"]
        if encoding != IDENTITY:
            tag = f'{tag[:-1]}-{encoding}"'
        if "If-None-Match" in request_headers and _matches(
            tag, ",".join(request_headers.getall("If-None-Match"))
        ):
            response = web.Response(status=304, headers=self.headers)
            del response.headers["Content-Type"]
        elif encoding == IDENTITY:
            response = web.Response(body=self.body, headers=self.headers)
        else:
            response = web.Response(body=await self._encode(encoding), headers=self.headers)
            response.headers["Content-Encoding"] = encoding
        response.headers["ETag"] = tag
        response.headers["Age"] = str(int(now - self.made_at))
        return response

    async def _encode(self, encoding: str) -> bytes:
        async with self._encoding:
            if encoding not in self._encoded:
                encode = ENCODERS[encoding]
                if len(self.body) > _MAX_ENCODED_IN_LOOP:
                    self._encoded[encoding] = await asyncio.to_thread(encode, self.body)
                else:
                    self._encoded[encoding] = encode(self.body)
                self.size_changed()
            return self._encoded[encoding]


def _matches(tag: str, tags: str) -> bool:
    """Compare weakly, as If-None-Match does."""
    return tags.strip() == "*" or tag in _ENTITY_TAG.findall(tags)


def max_age(request_headers: MultiMapping[str]) -> float:
    """Return the age in seconds from which on a request with these headers accepts no cached response."""
    limit = inf
    if "Cache-Control" in request_headers:
        for directive in ",".join(request_headers.getall("Cache-Control")).lower().split(","):
            directive = directive.strip()
            if directive == "no-cache":
                return 0.0
            if match := _MAX_AGE.fullmatch(directive):
                limit = min(limit, float(match[1]))
    return limit


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
    caller: str
    counted: int


class ResponseCache:
    """Cache representations for ``seconds``; beyond ``max_bytes`` the least recently used are evicted.

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
        """Start empty. ``epoch`` distinguishes this process' entity tags from any other's.

        ``evicted`` is called for each entry that is evicted before it expires.
        """
        self._seconds = seconds
        self._epoch = epoch
        self._max_bytes = max_bytes
        self._evicted = evicted
        self._bytes = 0
        self._bytes_by_caller: Counter[str] = Counter()
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._keys_by_caller: dict[str, OrderedDict[bytes, None]] = {}
        self._cache_control = f"private, max-age={int(seconds)}" if seconds else "no-store"

    @property
    def size(self) -> int:
        """Return the approximate size of all entries in bytes."""
        return self._bytes

    def get(self, key: bytes, now: float, limit: float) -> Representation | None:
        """Return the entry of ``key`` if it is younger than ``limit`` and hasn't expired."""
        entry = self._entries.get(key)
        # A negative age means that the clock was set back, and the age is unknown.
        if entry is None or not 0 <= now - entry.representation.made_at < min(limit, self._seconds):
            return None
        self._entries.move_to_end(key)
        self._keys_by_caller[entry.caller].move_to_end(key)
        return entry.representation

    def put(
        self,
        key: bytes,
        body: bytes,
        now: float,
        *,
        caller: str = "",
        digest: str | None = None,
        headers: Mapping[str, str] = _JSON,
    ) -> Representation:
        """Return the representation of ``body``, made now, and cache it in place of an older one.

        ``caller`` has requested it. ``digest`` is the body's SHA-256 where that is known already, ``headers``
        are its representation header fields.
        """
        tag = (digest or sha256(body).hexdigest())[:24]
        fields = CIMultiDict(
            {
                **headers,
                "Cache-Control": self._cache_control,
                "ETag": f'"{self._epoch}-{tag}"',
                "Vary": "Authorization, Accept, Accept-Encoding",
            }
        )
        representation = Representation(body, now, fields, partial(self._size_changed, key))
        self._remove(key)
        if self._seconds and representation.size <= self._max_bytes:
            self._entries[key] = _Entry(representation, caller, 0)
            self._keys_by_caller.setdefault(caller, OrderedDict())[key] = None
            self._size_changed(key)
        return representation

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
