"""Answers that are kept for a while, and the headers that say so (RFC 9111, RFC 9110 section 13)."""

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

from lens.api.codings import CODINGS, LEAST_CODED
from lens.api.envelope import CONTENT_TYPE
from lens.api.negotiation import IDENTITY, coding

_MAX_BYTES = 48 * 2**20
# What an entry takes beside its body, so that many small answers are bounded too.
_ENTRY_BYTES = 2048
_SHARES = 4
"""Of the room a caller has one for certain."""
# More holds up the event loop.
_MOST_CODED_AT_ONCE = 32 * 1024
_MAX_AGE = re.compile(r"max-age=(\d{1,9})", re.ASCII)
_JSON = {"Content-Type": CONTENT_TYPE}
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True)
class Representation:
    """An answer's bytes, with the headers that stay the same however long it is kept.

    Compressed it is another representation, with another tag (RFC 9110, 8.8.3.3), made when first asked for.
    """

    body: bytes
    made_at: float
    headers: CIMultiDict[str]
    grown: Callable[[], None] = lambda: None
    """Is called when it takes more room than before."""
    _coded: dict[str, bytes] = field(default_factory=dict)
    _compressing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def size(self) -> int:
        """Return about how many bytes it takes to keep it, with what it has been compressed to."""
        return len(self.body) + sum(map(len, self._coded.values())) + _ENTRY_BYTES

    async def response(self, asked: MultiMapping[str], now: float) -> web.Response:
        """Return it as the response to a request with the headers ``asked``: 304 where that has it."""
        coded = coding(asked, tuple(CODINGS), worthwhile=len(self.body) >= LEAST_CODED)
        tag = self.headers["ETag"]
        if coded != IDENTITY:
            tag = f'{tag[:-1]}-{coded}"'
        if "If-None-Match" in asked and _is_one_of(tag, ",".join(asked.getall("If-None-Match"))):
            response = web.Response(status=304, headers=self.headers)
            del response.headers["Content-Type"]
        elif coded == IDENTITY:
            response = web.Response(body=self.body, headers=self.headers)
        else:
            response = web.Response(body=await self._as(coded), headers=self.headers)
            response.headers["Content-Encoding"] = coded
        response.headers["ETag"] = tag
        response.headers["Age"] = str(int(now - self.made_at))
        return response

    async def _as(self, coded: str) -> bytes:
        async with self._compressing:
            if coded not in self._coded:
                compress = CODINGS[coded]
                if len(self.body) > _MOST_CODED_AT_ONCE:
                    self._coded[coded] = await asyncio.to_thread(compress, self.body)
                else:
                    self._coded[coded] = compress(self.body)
                self.grown()
            return self._coded[coded]


def _is_one_of(tag: str, tags: str) -> bool:
    """Compare weakly, as If-None-Match does."""
    return tags.strip() == "*" or tag in _ENTITY_TAG.findall(tags)


def wanted_age(asked: MultiMapping[str]) -> float:
    """Return the age in seconds from which on a request with the headers ``asked`` takes no kept answer."""
    limit = inf
    if "Cache-Control" in asked:
        for directive in ",".join(asked.getall("Cache-Control")).lower().split(","):
            directive = directive.strip()
            if directive == "no-cache":
                return 0.0
            if match := _MAX_AGE.fullmatch(directive):
                limit = min(limit, float(match[1]))
    return limit


def key(*asked: object) -> bytes:
    """Return what stands for a question in a cache: so many bytes, however long the question is.

    Equal ones have one key. ``asked`` are texts, numbers and collections of these, and None.
    """
    return sha256(repr([_ordered(each) for each in asked]).encode("utf-8", "surrogatepass")).digest()


def _ordered(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else value


@dataclass(slots=True)
class _Entry:
    representation: Representation
    caller: str
    counted: int


class ResponseCache:
    """Keep representations for ``seconds``; the least recently used go first when they get too many bytes.

    An answer is the caller's who asked for it first. Whoever has more than a share of the room makes more
    by answers of their own, and takes none of others'.
    """

    def __init__(
        self,
        seconds: float,
        epoch: str,
        max_bytes: int = _MAX_BYTES,
        dropped: Callable[[], None] = lambda: None,
    ) -> None:
        """Start empty. ``epoch`` tells this process's entity tags from any other's.

        ``dropped`` is called for each one that had to go before its time.
        """
        self._seconds = seconds
        self._epoch = epoch
        self._max_bytes = max_bytes
        self._dropped = dropped
        self._bytes = 0
        self._bytes_of: Counter[str] = Counter()
        self._kept: OrderedDict[bytes, _Entry] = OrderedDict()
        self._callers: dict[str, OrderedDict[bytes, None]] = {}
        self._cache_control = f"private, max-age={int(seconds)}" if seconds else "no-store"

    @property
    def size(self) -> int:
        """Return about how many bytes all take."""
        return self._bytes

    def find(self, key: bytes, now: float, limit: float) -> Representation | None:
        """Return what is kept under ``key`` if it is younger than ``limit`` and still good."""
        entry = self._kept.get(key)
        # Below 0 the clock was set back, and the age can't be known.
        if entry is None or not 0 <= now - entry.representation.made_at < min(limit, self._seconds):
            return None
        self._kept.move_to_end(key)
        self._callers[entry.caller].move_to_end(key)
        return entry.representation

    def keep(
        self,
        key: bytes,
        body: bytes,
        now: float,
        *,
        caller: str = "",
        digest: str | None = None,
        described: Mapping[str, str] = _JSON,
    ) -> Representation:
        """Return the representation of ``body``, made now, and keep it in place of an older one.

        ``caller`` is who asked for it. ``digest`` is the body's SHA-256 where it is known by now,
        ``described`` the headers that say what it is.
        """
        tag = (digest or sha256(body).hexdigest())[:24]
        headers = CIMultiDict(
            {
                **described,
                "Cache-Control": self._cache_control,
                "ETag": f'"{self._epoch}-{tag}"',
                "Vary": "Authorization, Accept, Accept-Encoding",
            }
        )
        made = Representation(body, now, headers, partial(self._grew, key))
        self._drop(key)
        if self._seconds and made.size <= self._max_bytes:
            self._kept[key] = _Entry(made, caller, 0)
            self._callers.setdefault(caller, OrderedDict())[key] = None
            self._grew(key)
        return made

    def _grew(self, key: bytes) -> None:
        """Count again what takes more room, and make that."""
        entry = self._kept.get(key)
        if entry is None:
            return
        self._count(entry, entry.representation.size)
        while self._bytes > self._max_bytes:
            own = self._callers.get(entry.caller)
            is_over = self._bytes_of[entry.caller] > self._max_bytes // _SHARES
            self._drop(next(iter(own if own and is_over else self._kept)))
            self._dropped()

    def _count(self, entry: _Entry, size: int) -> None:
        self._bytes += size - entry.counted
        self._bytes_of[entry.caller] += size - entry.counted
        entry.counted = size

    def _drop(self, key: bytes) -> None:
        entry = self._kept.pop(key, None)
        if entry is None:
            return
        self._count(entry, 0)
        own = self._callers[entry.caller]
        del own[key]
        if not own:
            del self._callers[entry.caller], self._bytes_of[entry.caller]
