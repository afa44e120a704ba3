"""A response's representation (RFC 9110, 8): header fields, and a body of which parts change with time."""

import asyncio
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from multidict import CIMultiDict, MultiMapping

from lens.api.cache.content_encoding import ENCODERS, MIN_ENCODED_BYTES
from lens.api.negotiation import IDENTITY, content_encoding

# The size of a representation without its body, so that many small ones are bounded too.
_OTHER_BYTES = 2048
# Compressing more in the event loop would delay other requests.
_LARGE_BYTES = 32 * 1024
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')

SMALL_STEP = 0.1
LARGE_STEP = 1.0
"""Responses within this many seconds share the body that the first of them made."""

CurrentValues = Callable[[float], Sequence[bytes]]
"""Returns the values of a body that change with time, at an epoch second."""


@dataclass(slots=True)
class Representation:
    """A body in ``pieces``, with the ``current_values`` between them, and the fields that don't change.

    Encoded, it is another representation with a tag of its own (RFC 9110, 8.8.3.3), made on first use.
    ``made_at`` is the epoch second from which its age counts, ``received_at`` the one at which a peer's
    response was received.
    """

    pieces: Sequence[bytes]
    made_at: float
    headers: CIMultiDict[str]
    received_at: float = 0.0
    current_values: CurrentValues | None = None
    size_changed: Callable[[], None] = lambda: None
    """Called after a body was made."""
    _step: float = -math.inf
    _body: bytes = b""
    _encoded: dict[str, bytes] = field(default_factory=dict)
    _encoding: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def size(self) -> int:
        """Return its approximate size in bytes, with all bodies that were made of it."""
        return self._length + len(self._body) + sum(map(len, self._encoded.values())) + _OTHER_BYTES

    @property
    def _length(self) -> int:
        return sum(map(len, self.pieces))

    def body(self, now: float) -> bytes:
        """Return the body of a response at ``now``."""
        if self.current_values is None:
            return self.pieces[0]
        step = SMALL_STEP if self._length <= _LARGE_BYTES else LARGE_STEP
        moment = math.floor(now / step) * step
        if moment != self._step:
            parts = [self.pieces[0]]
            for value, piece in zip(self.current_values(moment), self.pieces[1:], strict=True):
                parts += (value, piece)
            self._step, self._body = moment, b"".join(parts)
            self._encoded.clear()
            self.size_changed()
        return self._body

    async def response(self, request_headers: MultiMapping[str], now: float, age: float) -> web.Response:
        """Return the response to a request with these headers: 304 if the client has this tag.

        ``age`` is in seconds.
        """
        body = self.body(now)
        encoding = content_encoding(
            request_headers, tuple(ENCODERS), worthwhile=len(body) >= MIN_ENCODED_BYTES
        )
        tag = self.headers["ETag"]
        if encoding != IDENTITY:
            tag = f'{tag[:-1]}-{encoding}"'
        if matches(tag, request_headers):
            response = web.Response(status=304, headers=self.headers)
            del response.headers["Content-Type"]
        elif encoding == IDENTITY:
            response = web.Response(body=body, headers=self.headers)
        else:
            response = web.Response(body=await self._encode(body, encoding), headers=self.headers)
            response.headers["Content-Encoding"] = encoding
        response.headers["ETag"] = tag
        response.headers["Age"] = str(int(age))
        return response

    async def _encode(self, body: bytes, encoding: str) -> bytes:
        async with self._encoding:
            is_present = self.current_values is None or body is self._body
            if is_present and encoding in self._encoded:
                return self._encoded[encoding]
            encode = ENCODERS[encoding]
            encoded = await asyncio.to_thread(encode, body) if len(body) > _LARGE_BYTES else encode(body)
            if self.current_values is None or body is self._body:
                self._encoded[encoding] = encoded
                self.size_changed()
            return encoded


def matches(tag: str, request_headers: MultiMapping[str]) -> bool:
    """Return whether If-None-Match names a tag, which it compares weakly (RFC 9110, 13.1.2)."""
    if "If-None-Match" not in request_headers:
        return False
    tags = ",".join(request_headers.getall("If-None-Match"))
    return tags.strip() == "*" or tag.removeprefix("W/") in _ENTITY_TAG.findall(tags)
