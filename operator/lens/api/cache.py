"""Answers that are kept for a while, and the headers that say so (RFC 9111, RFC 9110 section 13)."""

import re
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from hashlib import sha256
from math import inf

from aiohttp import web
from multidict import CIMultiDict, MultiMapping

from lens.api.envelope import CONTENT_TYPE

_MAX_BYTES = 32 * 2**20
# What an entry takes beside its body, so that many small answers are bounded too.
_ENTRY_BYTES = 2048
_MAX_AGE = re.compile(r"max-age=(\d{1,9})", re.ASCII)
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True)
class Representation:
    """An answer's bytes, with the headers that stay the same however long it is kept."""

    body: bytes
    made_at: float
    headers: CIMultiDict[str]

    @property
    def size(self) -> int:
        """Return about how many bytes it takes to keep it."""
        return len(self.body) + _ENTRY_BYTES

    def response(self, asked: MultiMapping[str], now: float) -> web.Response:
        """Return it as the response to a request with the headers ``asked``: 304 where that has it."""
        if "If-None-Match" in asked and self._is_one_of(",".join(asked.getall("If-None-Match"))):
            response = web.Response(status=304, headers=self.headers)
            del response.headers["Content-Type"]
        else:
            response = web.Response(body=self.body, headers=self.headers)
        response.headers["Age"] = str(int(now - self.made_at))
        return response

    def _is_one_of(self, tags: str) -> bool:
        """Compare weakly, as If-None-Match does."""
        return tags.strip() == "*" or self.headers["ETag"] in _ENTITY_TAG.findall(tags)


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


class ResponseCache:
    """Keep representations for ``seconds``; the least recently used go first when they get too many bytes."""

    def __init__(self, seconds: float, epoch: str, max_bytes: int = _MAX_BYTES) -> None:
        """Start empty. ``epoch`` tells this process's entity tags from any other's."""
        self._seconds = seconds
        self._epoch = epoch
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, Representation] = OrderedDict()
        self._cache_control = f"private, max-age={int(seconds)}" if seconds else "no-store"

    def find(self, key: Hashable, now: float, limit: float) -> Representation | None:
        """Return what is kept under ``key`` if it is younger than ``limit`` and still good."""
        kept = self._kept.get(key)
        # Below 0 the clock was set back, and the age can't be known.
        if kept is None or not 0 <= now - kept.made_at < min(limit, self._seconds):
            return None
        self._kept.move_to_end(key)
        return kept

    def keep(self, key: Hashable, body: bytes, now: float) -> Representation:
        """Return the representation of ``body``, made now, and keep it in place of an older one."""
        headers = CIMultiDict(
            {
                "Content-Type": CONTENT_TYPE,
                "Cache-Control": self._cache_control,
                "ETag": f'"{self._epoch}-{sha256(body).hexdigest()[:24]}"',
                "Vary": "Authorization, Accept, Accept-Encoding",
            }
        )
        made = Representation(body, now, headers)
        self._drop(key)
        if self._seconds and made.size <= self._max_bytes:
            self._kept[key] = made
            self._bytes += made.size
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._kept)))
        return made

    def _drop(self, key: Hashable) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self._bytes -= dropped.size
