"""The HTTP client for targets: a GET of a report, whose failures are the node's problem.

aiohttp's client is fast enough: 5,000 agents every 15 s take 0.2 cores, including decoding and storing
(tests/bench/telemetry/scrape.py).
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from io import BytesIO
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp

from lens.files.credentials import BearerToken, TrustedCa
from lens.http_client import (
    LONG_KEEPALIVE_SECONDS,
    BodyReader,
    HttpClient,
    RequestFailedError,
    request_errors,
)
from lens.model.gpu.telemetry import Source
from lens.telemetry.scrape_error import ScrapeError
from lens.telemetry.targets import Target

MAX_BODY_BYTES: Mapping[Source, int] = {"agent": 2 * 2**20, "dcgm": 8 * 2**20, "amd": 8 * 2**20}
"""A usual report has 11 KB. 64 AMD partitions with all of the exporter's fields have 5 MiB."""

MAX_BYTES_IN_FLIGHT = 64 * 2**20
"""Bytes of all bodies in flight together. Beyond them, each body is limited to its fair share."""


class ScrapeResponse(NamedTuple):
    """A response's body and its Date header, by the target's clock."""

    body: bytes
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
        self._bodies = BodyReader(max_bytes_in_flight)

    async def __aenter__(self) -> Self:
        """Start without connections."""
        self._keeping = HttpClient(keepalive_seconds=LONG_KEEPALIVE_SECONDS)
        self._closing = HttpClient(keepalive_seconds=0)
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
        with self._bodies.body() as body:
            try:
                async with request_errors(self._timeout):
                    date = await self._get(target, body, keep=keep)
            except RequestFailedError as error:
                raise ScrapeError(error.failure, str(error)) from None
            yield ScrapeResponse(body.getvalue(), date)

    async def _get(self, target: Target, body: BytesIO, *, keep: bool) -> str | None:
        """Read a response's body into ``body``, and return its Date header."""
        headers = {}
        if target.source == "agent":
            headers["Accept"] = "application/json"
            if self._token is not None:
                headers["Authorization"] = self._token.header()
        trust = self._trust if target.url.startswith("https:") else None
        client = self._keeping if keep else self._closing
        async with await client.send(
            target.url,
            headers,
            tls=None if trust is None else trust.context(),
            server_name=None if trust is None else trust.server_name,
        ) as response:
            _check(response, target.source)
            await self._bodies.read(response, body, MAX_BODY_BYTES[target.source])
            return response.headers.get("Date")


def _check(response: aiohttp.ClientResponse, source: Source) -> None:
    status = response.status
    if status == HTTPStatus.OK:
        return
    response.close()
    if 300 <= status < 400:
        raise ScrapeError("redirect", f"answers with a redirect (HTTP {status}), which is not followed")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        problem = "wrong token" if source == "agent" else "asks for credentials, and exporters are sent none"
        raise ScrapeError("unauthorized", f"{problem} (HTTP {status})")
    raise ScrapeError("status", f"answers with HTTP {status}")
