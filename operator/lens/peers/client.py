"""The HTTP client: one GET, within bounds of time and size, that goes nowhere else."""

import asyncio
import codecs
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

import aiohttp
from yarl import URL

from lens import __version__
from lens.model.peer import PeerFailedError

LONGEST_BODY = 64 * 2**20
"""Bytes. An answer with 40,000 tasks is some 25 MiB."""

LARGE = 2**18
"""Bytes. Of a peer's answers that are larger than this one at a time is read."""

KEPT_SECONDS = 75.0
"""How long an idle connection is kept: longer than answers are, or each would pay for a new one."""

LONGEST_REFUSAL = 64 * 2**10
VIA = "1.1 lens"
"""So that a Lens knows another one and doesn't ask its own peers (RFC 9110, 7.6.3)."""

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


class Client:
    """Asks peers. To be used in one loop, and closed in it."""

    def __init__(self, timeout: float, longest: int) -> None:
        """Take the seconds from connecting to the last byte, and the bytes, that an answer may take."""
        self._timeout = timeout
        self._longest = longest
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def get(
        self,
        url: str,
        headers: Mapping[str, str],
        trust: Callable[[], ssl.SSLContext] | None,
        turn: Callable[[], Awaitable[object]],
    ) -> Received:
        """Return what is at ``url``, an encoded one: a good answer or a refusal. Raise PeerFailedError.

        ``trust`` tells whom to trust, None stands for the system's authorities. Before more than ``LARGE``
        bytes are read ``turn`` is waited for.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return await self._get(url, headers, trust, turn)
        except TimeoutError:
            raise PeerFailedError("timeout") from None
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError):
            raise PeerFailedError("unreachable") from None
        # aiohttp lets a ValueError out for some headers that can't be read.
        except (aiohttp.ClientError, ValueError):
            raise PeerFailedError("malformed") from None

    async def _get(
        self,
        url: str,
        headers: Mapping[str, str],
        trust: Callable[[], ssl.SSLContext] | None,
        turn: Callable[[], Awaitable[object]],
    ) -> Received:
        if self._session is None:
            self._session = _session()
        async with self._session.get(
            URL(url, encoded=True),
            headers=headers,
            # Not even to the same host: a token that follows a redirect is a token given away.
            allow_redirects=False,
            ssl=True if trust is None else trust(),
        ) as response:
            status = response.status
            if status != HTTPStatus.OK and status not in _REFUSALS:
                response.close()
                raise PeerFailedError("redirect" if 300 <= status < 400 else "status")
            longest = self._longest if status == HTTPStatus.OK else LONGEST_REFUSAL
            body = await _body(response, longest, turn)
            age = response.headers.get("Age", "0")
            return Received(status, body, float(age) if _AGE.fullmatch(age) else 0.0)


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


async def _body(
    response: aiohttp.ClientResponse, longest: int, turn: Callable[[], Awaitable[object]]
) -> bytes:
    if (response.content_length or 0) > longest:
        raise _too_large(response)
    body, text = bytearray(), codecs.getincrementaldecoder("utf-8")()
    is_large = False
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > longest:
            raise _too_large(response)
        if len(body) > LARGE and not is_large:
            is_large = True
            await turn()
        # Piece by piece, since at once it would hold all others up; what decodes JSON skips over this.
        text.decode(chunk)
    text.decode(b"", final=True)
    return bytes(body)


def _too_large(response: aiohttp.ClientResponse) -> PeerFailedError:
    response.close()
    return PeerFailedError("too_large")
