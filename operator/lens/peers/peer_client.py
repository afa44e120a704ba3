"""The HTTP client for peers: a GET with bounds of time and size that follows no redirects."""

import asyncio
import codecs
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import NamedTuple

import aiohttp
from yarl import URL

from lens import __version__
from lens.model.peer import CLUSTER_FIELD, PeerFailedError

MAX_BODY_BYTES = 64 * 2**20
"""A response with 40,000 tasks has some 25 MiB."""

MAX_BYTES_IN_FLIGHT = 64 * 2**20
"""Bytes of all peers' bodies in flight together. Beyond them, each is limited to ``LARGE_BYTES``."""

LARGE_BYTES = 2**18
"""Of a peer's responses that are larger, only one at a time is read."""

KEEPALIVE_SECONDS = 75.0
"""Longer than answers are cached: otherwise each request would open a new connection."""

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
    """A response's status, its body, and its Age header in seconds."""

    status: int
    body: bytes
    age: float


class PeerStream:
    """An open event stream of a peer. Reading it slowly slows the peer down."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        """Read the body of a response that has just begun."""
        self._response = response
        self.cluster = response.headers.get(CLUSTER_FIELD)

    async def read(self) -> bytes:
        """Return the next bytes, none at the end. Raise PeerFailedError, also after a long silence."""
        with _failures():
            async with asyncio.timeout(STREAM_IDLE_SECONDS):
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
        self._bytes_in_flight = 0
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def response(
        self,
        url: str,
        headers: Mapping[str, str],
        trust: Callable[[], ssl.SSLContext] | None,
        wait_for_turn: Callable[[], Awaitable[object]],
    ) -> AsyncIterator[PeerResponse]:
        """Yield the response of an encoded ``url``, a success or a refusal. Raise PeerFailedError.

        ``trust`` returns the TLS context, None stands for the system's CAs. ``wait_for_turn`` is awaited
        before more than ``LARGE_BYTES`` are read. Until the end, the bytes count as in flight.
        """
        body = bytearray()
        try:
            with _failures():
                async with asyncio.timeout(self._timeout), await self._send(url, headers, trust) as response:
                    longest = self._max_body_bytes if response.status == HTTPStatus.OK else MAX_REFUSAL_BYTES
                    await self._fill(body, response, longest, wait_for_turn)
                    received = _received(response, body)
            yield received
        finally:
            self._bytes_in_flight -= len(body)
            body.clear()  # an exception's traceback keeps this frame and its locals alive

    async def open_stream(
        self, url: str, headers: Mapping[str, str], trust: Callable[[], ssl.SSLContext] | None
    ) -> PeerStream | PeerResponse:
        """Return the stream at ``url`` once it has begun, or a refusal. Raise PeerFailedError."""
        with _failures():
            async with asyncio.timeout(self._timeout):
                response = await self._send(url, {**headers, "Accept": EVENT_STREAM}, trust)
                if response.status != HTTPStatus.OK:
                    body = bytearray()
                    try:
                        async with response:
                            await self._fill(body, response, MAX_REFUSAL_BYTES, _no_wait)
                            return _received(response, body)
                    finally:
                        self._bytes_in_flight -= len(body)
                        body.clear()
                if response.content_type != EVENT_STREAM:
                    response.close()
                    raise PeerFailedError("malformed")
                return PeerStream(response)

    async def _fill(
        self,
        body: bytearray,
        response: aiohttp.ClientResponse,
        longest: int,
        wait_for_turn: Callable[[], Awaitable[object]],
    ) -> None:
        if (response.content_length or 0) > longest:
            raise _too_large(response)
        text = codecs.getincrementaldecoder("utf-8")()
        is_large = False
        async for chunk in response.content.iter_any():
            body += chunk
            self._bytes_in_flight += len(chunk)
            if len(body) > (
                longest if self._bytes_in_flight <= MAX_BYTES_IN_FLIGHT else min(longest, LARGE_BYTES)
            ):
                raise _too_large(response)
            if len(body) > LARGE_BYTES and not is_large:
                is_large = True
                await wait_for_turn()
            # Validate UTF-8 chunk by chunk: at once it would block the loop, and msgspec doesn't validate it
            # in skipped values.
            text.decode(chunk)
        text.decode(b"", final=True)

    async def _send(
        self, url: str, headers: Mapping[str, str], trust: Callable[[], ssl.SSLContext] | None
    ) -> aiohttp.ClientResponse:
        """Return a success or a refusal whose body is still unread."""
        if self._session is None:
            self._session = _session()
        response = await self._session.get(
            URL(url, encoded=True),
            headers=headers,
            # Not even to the same host: a redirect could send the token elsewhere.
            allow_redirects=False,
            ssl=True if trust is None else trust(),
        )
        if response.status != HTTPStatus.OK and response.status not in _REFUSALS:
            response.close()
            raise PeerFailedError("redirect" if 300 <= response.status < 400 else "status")
        return response


@contextmanager
def _failures() -> Iterator[None]:
    """Translate the errors of a request to PeerFailedError."""
    try:
        yield
    except TimeoutError:
        raise PeerFailedError("timeout") from None
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError):
        raise PeerFailedError("unreachable") from None
    # aiohttp raises a ValueError for some malformed headers.
    except (aiohttp.ClientError, ValueError):
        raise PeerFailedError("malformed") from None


async def _no_wait() -> None:
    """Don't wait: a refusal is small."""


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        # Requests go only to configured addresses, so not through a proxy of the environment.
        trust_env=False,
        # A compressed body could unpack to any size.
        auto_decompress=False,
        headers={
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"lens/{__version__}",
            "Via": VIA,
        },
    )


def _received(response: aiohttp.ClientResponse, body: bytearray) -> PeerResponse:
    age = response.headers.get("Age", "0")
    return PeerResponse(response.status, bytes(body), float(age) if _AGE.fullmatch(age) else 0.0)


def _too_large(response: aiohttp.ClientResponse) -> PeerFailedError:
    response.close()
    return PeerFailedError("too_large")
