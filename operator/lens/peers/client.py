"""The HTTP client: a GET, within bounds of time and size, that goes nowhere else."""

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

LONGEST_BODY = 64 * 2**20
"""Bytes. An answer with 40,000 tasks is some 25 MiB."""

MOST_HELD = 64 * 2**20
"""Bytes of all peers' answers under way together. Over it, none may have more than ``LARGE``."""

LARGE = 2**18
"""Bytes. Of a peer's answers that are larger than this one at a time is read."""

KEPT_SECONDS = 75.0
"""How long an idle connection is kept: longer than answers are, or each would pay for a new one."""

SILENCE_SECONDS = 30.0
"""For so long a stream may say nothing: three of its heartbeats."""

LONGEST_REFUSAL = 64 * 2**10
VIA = "1.1 lens"
"""So that a Lens knows another one and doesn't ask its own peers (RFC 9110, 7.6.3)."""

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


class Received(NamedTuple):
    """What came back: the status, the body, and the age in seconds that the answer says it has."""

    status: int
    body: bytes
    age: float


class Stream:
    """What a peer tells for as long as it is listened to, no faster than it is read."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        """Take an answer whose body is still to come."""
        self._response = response
        self.cluster = response.headers.get(CLUSTER_FIELD)

    async def read(self) -> bytes:
        """Return the bytes that are next, none at the end. Raise PeerFailedError, for a long silence too."""
        with _failures():
            async with asyncio.timeout(SILENCE_SECONDS):
                return await self._response.content.readany()

    def close(self) -> None:
        """Hang up; who is reading gets a PeerFailedError."""
        self._response.close()


class Client:
    """Asks peers. To be used in one loop, and closed in it."""

    def __init__(self, timeout: float, longest: int) -> None:
        """Take the seconds from connecting to the last byte, and the bytes, that an answer may take."""
        self._timeout = timeout
        self._longest = longest
        self._held = 0
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def answer(
        self,
        url: str,
        headers: Mapping[str, str],
        trust: Callable[[], ssl.SSLContext] | None,
        turn: Callable[[], Awaitable[object]],
    ) -> AsyncIterator[Received]:
        """Give what is at ``url``, an encoded one: a good answer or a refusal. Raise PeerFailedError.

        ``trust`` tells whom to trust, None stands for the system's authorities. Before more than ``LARGE``
        bytes are read ``turn`` is waited for. Until the end its bytes count among those under way.
        """
        body = bytearray()
        try:
            with _failures():
                async with asyncio.timeout(self._timeout), await self._ask(url, headers, trust) as response:
                    longest = self._longest if response.status == HTTPStatus.OK else LONGEST_REFUSAL
                    await self._fill(body, response, longest, turn)
                    received = _received(response, body)
            yield received
        finally:
            self._held -= len(body)
            body.clear()  # an exception keeps the frames that it came through, with all that they hold

    async def listen(
        self, url: str, headers: Mapping[str, str], trust: Callable[[], ssl.SSLContext] | None
    ) -> Stream | Received:
        """Return the stream at ``url`` once it has begun, or a refusal. Raise PeerFailedError."""
        with _failures():
            async with asyncio.timeout(self._timeout):
                response = await self._ask(url, {**headers, "Accept": EVENT_STREAM}, trust)
                if response.status != HTTPStatus.OK:
                    body = bytearray()
                    try:
                        async with response:
                            await self._fill(body, response, LONGEST_REFUSAL, _no_turn)
                            return _received(response, body)
                    finally:
                        self._held -= len(body)
                        body.clear()
                if response.content_type != EVENT_STREAM:
                    response.close()
                    raise PeerFailedError("malformed")
                return Stream(response)

    async def _fill(
        self,
        body: bytearray,
        response: aiohttp.ClientResponse,
        longest: int,
        turn: Callable[[], Awaitable[object]],
    ) -> None:
        if (response.content_length or 0) > longest:
            raise _too_large(response)
        text = codecs.getincrementaldecoder("utf-8")()
        is_large = False
        async for chunk in response.content.iter_any():
            body += chunk
            self._held += len(chunk)
            if len(body) > (longest if self._held <= MOST_HELD else min(longest, LARGE)):
                raise _too_large(response)
            if len(body) > LARGE and not is_large:
                is_large = True
                await turn()
            # Piece by piece, since at once it would hold all others up; what decodes JSON skips over this.
            text.decode(chunk)
        text.decode(b"", final=True)

    async def _ask(
        self, url: str, headers: Mapping[str, str], trust: Callable[[], ssl.SSLContext] | None
    ) -> aiohttp.ClientResponse:
        """Return a good answer or a refusal, of which the body is still to be read."""
        if self._session is None:
            self._session = _session()
        response = await self._session.get(
            URL(url, encoded=True),
            headers=headers,
            # Not even to the same host: a token that follows a redirect is a token given away.
            allow_redirects=False,
            ssl=True if trust is None else trust(),
        )
        if response.status != HTTPStatus.OK and response.status not in _REFUSALS:
            response.close()
            raise PeerFailedError("redirect" if 300 <= response.status < 400 else "status")
        return response


@contextmanager
def _failures() -> Iterator[None]:
    """Raise a PeerFailedError for whatever goes wrong on the way."""
    try:
        yield
    except TimeoutError:
        raise PeerFailedError("timeout") from None
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError):
        raise PeerFailedError("unreachable") from None
    # aiohttp lets a ValueError out for some headers that can't be read.
    except (aiohttp.ClientError, ValueError):
        raise PeerFailedError("malformed") from None


async def _no_turn() -> None:
    """Wait for nobody: what is read is small."""


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        # Only configured addresses are called: no proxy of the environment either.
        trust_env=False,
        # What is packed could unpack to anything.
        auto_decompress=False,
        headers={
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"lens/{__version__}",
            "Via": VIA,
        },
    )


def _received(response: aiohttp.ClientResponse, body: bytearray) -> Received:
    age = response.headers.get("Age", "0")
    return Received(response.status, bytes(body), float(age) if _AGE.fullmatch(age) else 0.0)


def _too_large(response: aiohttp.ClientResponse) -> PeerFailedError:
    response.close()
    return PeerFailedError("too_large")
