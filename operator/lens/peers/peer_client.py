"""The HTTP client for peers: a GET of an answer or a stream, whose failures are the peer's."""

import codecs
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from io import BytesIO
from typing import NamedTuple

import aiohttp

from lens.http.cache_control import max_age_of_response
from lens.http_client import (
    FAIR_SHARE_BYTES,
    LONG_KEEPALIVE_SECONDS,
    BodyReader,
    HttpClient,
    RequestFailedError,
    request_errors,
)
from lens.model.peer import CLUSTER_FIELD, PeerFailedError

MAX_BODY_BYTES = 64 * 2**20
"""A response with 40,000 tasks has some 25 MiB."""

MAX_BYTES_IN_FLIGHT = 64 * 2**20
"""Bytes of all peers' bodies in flight together. Beyond them, each is limited to its fair share.

Of a peer's bodies over that share, only one at a time is read.
"""

STREAM_IDLE_SECONDS = 30.0
"""The longest silence of a stream: three of its heartbeats."""

MAX_REFUSAL_BYTES = 64 * 2**10
VIA = "1.1 lens"
"""Marks requests of a Lens, for which another Lens doesn't call its own peers (RFC 9110, 7.6.3)."""

EVENT_STREAM = "text/event-stream"
_AGE = re.compile(r"\d{1,6}", re.ASCII)
_REFUSALS = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)


class PeerResponse(NamedTuple):
    """A response's status, its body, and the seconds of its Age and of its Cache-Control's max-age."""

    status: int
    body: bytes
    age: float
    max_age: float


class PeerStream:
    """An open event stream of a peer. Reading it slowly slows the peer down."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        """Read the body of a response that has just begun."""
        self._response = response
        self.cluster = response.headers.get(CLUSTER_FIELD)

    async def read(self) -> bytes:
        """Return the next bytes, none at the end. Raise PeerFailedError, also after a long silence."""
        async with _failures(STREAM_IDLE_SECONDS):
            return await self._response.content.readany()

    def close(self) -> None:
        """Close the connection; a pending read raises PeerFailedError."""
        self._response.close()


class PeerClient:
    """Send requests to peers. Used and closed in one event loop."""

    def __init__(self, timeout: float, max_body_bytes: int) -> None:
        """Allow a response ``timeout`` seconds, from connecting to the last byte, and ``max_body_bytes``."""
        self._timeout = timeout
        self._max_body_bytes = max_body_bytes
        self._bodies = BodyReader(MAX_BYTES_IN_FLIGHT)
        self._client = HttpClient(
            {"Accept": "application/json", "Via": VIA}, keepalive_seconds=LONG_KEEPALIVE_SECONDS
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    @asynccontextmanager
    async def response(
        self,
        url: str,
        headers: Mapping[str, str],
        trust: Callable[[], ssl.SSLContext] | None,
        wait_for_turn: Callable[[], Awaitable[object]],
    ) -> AsyncIterator[PeerResponse]:
        """Yield the response of an encoded ``url``, a success or a refusal. Raise PeerFailedError.

        ``trust`` returns the TLS context, None means the system's CAs. ``wait_for_turn`` is awaited
        before more than a fair share is read. Until the end, the bytes count as in flight.
        """
        with self._bodies.body() as body:
            async with _failures(self._timeout), await self._send(url, headers, trust) as response:
                longest = self._max_body_bytes if response.status == HTTPStatus.OK else MAX_REFUSAL_BYTES
                await self._read(response, body, longest, wait_for_turn)
            yield _received(response, body)

    async def open_stream(
        self, url: str, headers: Mapping[str, str], trust: Callable[[], ssl.SSLContext] | None
    ) -> PeerStream | PeerResponse:
        """Return the stream at ``url`` once it has begun, or a refusal. Raise PeerFailedError."""
        async with _failures(self._timeout):
            response = await self._send(url, {**headers, "Accept": EVENT_STREAM}, trust)
            if response.status != HTTPStatus.OK:
                with self._bodies.body() as body:
                    async with response:
                        await self._read(response, body, MAX_REFUSAL_BYTES, _no_wait)
                    return _received(response, body)
            if response.content_type != EVENT_STREAM:
                response.close()
                raise PeerFailedError("malformed")
            return PeerStream(response)

    async def _read(
        self,
        response: aiohttp.ClientResponse,
        body: BytesIO,
        longest: int,
        wait_for_turn: Callable[[], Awaitable[object]],
    ) -> None:
        text = codecs.getincrementaldecoder("utf-8")()
        is_large = False

        async def check(chunk: bytes) -> None:
            nonlocal is_large
            if body.tell() > FAIR_SHARE_BYTES and not is_large:
                is_large = True
                await wait_for_turn()
            # Validate UTF-8 chunk by chunk: at once it would block the loop, and msgspec doesn't validate it
            # in skipped values.
            text.decode(chunk)

        await self._bodies.read(response, body, longest, check)
        text.decode(b"", final=True)

    async def _send(
        self, url: str, headers: Mapping[str, str], trust: Callable[[], ssl.SSLContext] | None
    ) -> aiohttp.ClientResponse:
        """Return a success or a refusal whose body is still unread."""
        response = await self._client.send(url, headers, tls=None if trust is None else trust())
        if response.status != HTTPStatus.OK and response.status not in _REFUSALS:
            response.close()
            raise PeerFailedError("redirect" if 300 <= response.status < 400 else "status")
        return response


@asynccontextmanager
async def _failures(seconds: float) -> AsyncIterator[None]:
    """Raise PeerFailedError for a request's failure, and after ``seconds``."""
    try:
        async with request_errors(seconds):
            yield
    except RequestFailedError as error:
        raise PeerFailedError("unreachable" if error.failure == "refused" else error.failure) from None


async def _no_wait() -> None:
    """Don't wait: a refusal is small."""


def _received(response: aiohttp.ClientResponse, body: BytesIO) -> PeerResponse:
    age = response.headers.get("Age", "0")
    return PeerResponse(
        status=response.status,
        body=body.getvalue(),
        age=float(age) if _AGE.fullmatch(age) else 0.0,
        max_age=max_age_of_response(response.headers),
    )
