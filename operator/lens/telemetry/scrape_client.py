"""The HTTP client for targets: a GET with bounds of time and size that follows no redirects.

aiohttp's client is fast enough: 5,000 agents every 15 s take 0.2 cores, including decoding and storing
(tests/bench/scrape.py).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp
from yarl import URL

from lens import __version__
from lens.model.gpu.telemetry import Source
from lens.telemetry.credentials import BearerToken, TrustedCa
from lens.telemetry.scrape_error import ScrapeError
from lens.telemetry.targets import Target

MAX_BODY_BYTES: Mapping[Source, int] = {"agent": 2 * 2**20, "dcgm": 8 * 2**20, "amd": 8 * 2**20}
"""A usual report has 11 KB. 64 AMD partitions with all of the exporter's fields have 5 MiB."""

MAX_BYTES_IN_FLIGHT = 64 * 2**20
"""Bytes of all bodies in flight together. Beyond them, each body is limited to its fair share."""

FAIR_SHARE_BYTES = 2**18
"""A body up to this size is never refused because of others. A usual one is smaller."""

KEEPALIVE_SECONDS = 75.0
"""Longer than the scrape interval: otherwise each scrape would open a new connection."""


class ScrapeResponse(NamedTuple):
    """A response's body and its Date header, by the target's clock."""

    body: bytes | bytearray
    date: str | None


class ScrapeClient:
    """Send requests to targets. A context manager for use in one event loop."""

    def __init__(
        self,
        timeout: float,
        token: BearerToken | None,
        trust: TrustedCa | None,
        max_bytes_in_flight: int = MAX_BYTES_IN_FLIGHT,
    ) -> None:
        """Allow ``timeout`` seconds for a request, from connecting to the body's last byte."""
        self._timeout = timeout
        self._token = token
        self._trust = trust
        self._max_bytes_in_flight = max_bytes_in_flight
        self._bytes_in_flight = 0

    async def __aenter__(self) -> Self:
        """Open the sessions."""
        self._keeping = _session(aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS))
        self._closing = _session(aiohttp.TCPConnector(limit=0, force_close=True))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._keeping.close()
        await self._closing.close()

    async def get(self, target: Target, *, keep: bool) -> ScrapeResponse:
        """Return a target's response; ``keep`` its connection open. Raise ScrapeError."""
        async with self.response(target, keep=keep) as response:
            return response

    @asynccontextmanager
    async def response(self, target: Target, *, keep: bool) -> AsyncIterator[ScrapeResponse]:
        """Yield a target's response; until the end its bytes count as in flight. Raise ScrapeError."""
        body = bytearray()
        try:
            yield ScrapeResponse(body, await self._within_bounds(target, body, keep=keep))
        finally:
            self._bytes_in_flight -= len(body)

    async def _within_bounds(self, target: Target, body: bytearray, *, keep: bool) -> str | None:
        """Read a response's body into ``body``, and return its Date header. Raise ScrapeError."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._get(target, body, keep=keep)
        except TimeoutError:
            raise ScrapeError("timeout", f"no whole answer within {self._timeout:g} s") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise ScrapeError("unreachable", f"TLS: {error.certificate_error}") from None
        except aiohttp.ClientSSLError:
            raise ScrapeError("unreachable", "TLS: no handshake") from None
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, ConnectionRefusedError):
                raise ScrapeError("refused", "connection refused") from None
            raise ScrapeError(
                "unreachable", f"unreachable: {error.os_error.strerror or error.os_error}"
            ) from None
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError):
            raise ScrapeError("unreachable", "connection broken") from None
        # aiohttp raises a ValueError for some malformed headers.
        except (aiohttp.ClientError, ValueError):
            raise ScrapeError("malformed", "answers something else than HTTP") from None

    async def _get(self, target: Target, body: bytearray, *, keep: bool) -> str | None:
        headers = {}
        if target.source == "agent":
            headers["Accept"] = "application/json"
            if self._token is not None:
                headers["Authorization"] = self._token.header()
        trust = self._trust if target.url.startswith("https:") else None
        session = self._keeping if keep else self._closing
        async with session.get(
            URL(target.url, encoded=True),
            headers=headers,
            # Not even to the same host: a redirect could send the token elsewhere.
            allow_redirects=False,
            ssl=True if trust is None else trust.context(),
            server_hostname=None if trust is None else trust.server_name,
        ) as response:
            _check(response)
            await self._fill(body, response, MAX_BODY_BYTES[target.source])
            return response.headers.get("Date")

    async def _fill(self, body: bytearray, response: aiohttp.ClientResponse, longest: int) -> None:
        if (response.content_length or 0) > longest:
            response.close()
            raise ScrapeError("too_large", f"answers more than {longest} bytes")
        async for chunk in response.content.iter_any():
            body += chunk
            self._bytes_in_flight += len(chunk)
            limit = longest if self._bytes_in_flight <= self._max_bytes_in_flight else FAIR_SHARE_BYTES
            if len(body) > limit:
                response.close()
                raise ScrapeError("too_large", f"answers more than {limit} bytes")


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        # A compressed body could unpack to any size.
        auto_decompress=False,
        headers={"Accept-Encoding": "identity", "User-Agent": f"lens/{__version__}"},
    )


def _check(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status == HTTPStatus.OK:
        return
    response.close()
    if 300 <= status < 400:
        raise ScrapeError("redirect", f"answers with a redirect (HTTP {status}), which is not followed")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise ScrapeError("unauthorized", f"wrong token (HTTP {status})")
    raise ScrapeError("status", f"answers with HTTP {status}")
