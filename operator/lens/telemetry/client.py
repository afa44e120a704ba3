"""The HTTP client: one GET, within bounds of time and size, that goes nowhere else and tells nobody else.

aiohttp's client is quick enough: with it 5,000 agents every 15 s take 0.2 core, decoding and filing included
(tests/bench/scrape.py), so no leaner one is written here.
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
from lens.telemetry.credentials import BearerToken, Trust
from lens.telemetry.refusal import RefusedError
from lens.telemetry.targets import Target

LONGEST_BODY: Mapping[Source, int] = {"agent": 2 * 2**20, "dcgm": 8 * 2**20, "amd": 8 * 2**20}
"""Bytes. A usual report is 11 KB; 64 AMD partitions with all of the exporter's fields are 5 MiB."""

MOST_HELD = 64 * 2**20
"""Bytes of all bodies under way together. Over it, nobody may have more than a fair share."""

FAIR_SHARE = 2**18
"""Bytes of a body that is never refused for others'. A usual one has less."""

KEPT_SECONDS = 75.0
"""How long an idle connection is kept: longer than the interval, or each reading would pay for a new one."""


class Answer(NamedTuple):
    """A body, and the Date header by the clock of who answered."""

    body: bytes | bytearray
    date: str | None


class Client:
    """Asks targets. A context manager, to be used in one loop."""

    def __init__(
        self, timeout: float, token: BearerToken | None, trust: Trust | None, most_held: int = MOST_HELD
    ) -> None:
        """Take the seconds that one request may take, from connecting to the body's last byte."""
        self._timeout = timeout
        self._token = token
        self._trust = trust
        self._most_held = most_held
        self._held = 0

    async def __aenter__(self) -> Self:
        """Open the sessions."""
        self._keeping = _session(aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_SECONDS))
        self._closing = _session(aiohttp.TCPConnector(limit=0, force_close=True))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._keeping.close()
        await self._closing.close()

    async def get(self, target: Target, *, keep: bool) -> Answer:
        """Return a target's answer; ``keep`` its connection for the next time. Raise RefusedError."""
        async with self.answer(target, keep=keep) as answer:
            return answer

    @asynccontextmanager
    async def answer(self, target: Target, *, keep: bool) -> AsyncIterator[Answer]:
        """Give what ``get`` returns; until the end its bytes count among those of bodies under way."""
        body = bytearray()
        try:
            yield Answer(body, await self._within_bounds(target, body, keep=keep))
        finally:
            self._held -= len(body)

    async def _within_bounds(self, target: Target, body: bytearray, *, keep: bool) -> str | None:
        """Fill ``body`` with an answer's, and return its Date header. Raise RefusedError."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._get(target, body, keep=keep)
        except TimeoutError:
            raise RefusedError("timeout", f"no whole answer within {self._timeout:g} s") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise RefusedError("unreachable", f"TLS: {error.certificate_error}") from None
        except aiohttp.ClientSSLError:
            raise RefusedError("unreachable", "TLS: no handshake") from None
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, ConnectionRefusedError):
                raise RefusedError("refused", "connection refused") from None
            raise RefusedError(
                "unreachable", f"unreachable: {error.os_error.strerror or error.os_error}"
            ) from None
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError):
            raise RefusedError("unreachable", "connection broken") from None
        # aiohttp lets a ValueError out for some headers that can't be read.
        except (aiohttp.ClientError, ValueError):
            raise RefusedError("malformed", "answers something else than HTTP") from None

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
            # Not even to the same host: a token that follows a redirect is a token given away.
            allow_redirects=False,
            ssl=True if trust is None else trust.context(),
            server_hostname=None if trust is None else trust.server_name,
        ) as response:
            _check(response)
            await self._fill(body, response, LONGEST_BODY[target.source])
            return response.headers.get("Date")

    async def _fill(self, body: bytearray, response: aiohttp.ClientResponse, longest: int) -> None:
        if (response.content_length or 0) > longest:
            response.close()
            raise RefusedError("too_large", f"answers more than {longest} bytes")
        async for chunk in response.content.iter_any():
            body += chunk
            self._held += len(chunk)
            limit = longest if self._held <= self._most_held else FAIR_SHARE
            if len(body) > limit:
                response.close()
                raise RefusedError("too_large", f"answers more than {limit} bytes")


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        # What is packed could unpack to anything.
        auto_decompress=False,
        headers={"Accept-Encoding": "identity", "User-Agent": f"lens/{__version__}"},
    )


def _check(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status == HTTPStatus.OK:
        return
    response.close()
    if 300 <= status < 400:
        raise RefusedError("redirect", f"answers with a redirect (HTTP {status}), which is not followed")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise RefusedError("unauthorized", f"wrong token (HTTP {status})")
    raise RefusedError("status", f"answers with HTTP {status}")
