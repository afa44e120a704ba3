"""The HTTP client for Lens' API: a GET with a caller's token, whose failures are texts for the caller."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

import aiohttp
import msgspec
from yarl import URL

from lens import __version__
from lens.config.errors import SettingsError
from lens.config.reading import PREFIX
from lens.files.credentials import TrustedCa
from lens.http_client import BodyReader, Failure, HttpClient, RequestFailedError, request_errors
from lens.mcp.answers import truncated

MAX_BODY_BYTES = 16 * 2**20
"""A status with 5,000 nodes has some 4 MiB."""

TIMEOUT_SECONDS = 15.0
"""The time from connecting to the body's last byte."""

MAX_CONNECTIONS = 8

T = TypeVar("T")


_FAILURES: Mapping[Failure, str] = {
    "timeout": f"Lens has not responded within {TIMEOUT_SECONDS:g} s",
    "malformed": "The request can't be sent, or the server isn't a Lens",
    "too_large": f"The response has more than {MAX_BODY_BYTES} bytes",
}


class RequestError(Exception):
    """A request has failed. The message is for the caller."""


class ApiRequest(NamedTuple):
    """A request: an encoded path, and the query parameters, without those that are None."""

    path: str
    query: Mapping[str, str | int | None] = {}


class _Meta(msgspec.Struct):
    message: str


class _Envelope(msgspec.Struct, Generic[T]):
    data: T


class _ErrorEnvelope(msgspec.Struct):
    meta: _Meta


class Client:
    """Send requests to the Lens at ``url``. A context manager for one event loop; stores no token."""

    def __init__(self, url: str, ca_file: Path | None = None) -> None:
        """Raise SettingsError for a CA file that can't be read."""
        self._url = url
        try:
            self._trust = None if ca_file is None else TrustedCa(ca_file)
        except SettingsError as error:
            raise SettingsError(f"{PREFIX}CA_FILE: {error}") from None
        self._client = HttpClient(
            {"Accept": "application/json", "User-Agent": f"lens-mcp/{__version__}"},
            max_connections=MAX_CONNECTIONS,
        )
        self._bodies = BodyReader()

    async def __aenter__(self) -> Self:
        """Return itself; the first request opens a connection."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._client.close()

    async def get(self, request: ApiRequest, authorization: str | None, data: type[T]) -> T:
        """Return the response's data. Raise RequestError."""
        url = URL(self._url + request.path, encoded=True)
        query = {name: str(value) for name, value in request.query.items() if value is not None}
        headers = {} if authorization is None else {"Authorization": authorization}
        try:
            with self._bodies.body() as body:
                trust = None if self._trust is None else self._trust.context()
                async with (
                    request_errors(TIMEOUT_SECONDS),
                    await self._client.send(str(url.with_query(query)), headers, tls=trust) as response,
                ):
                    await self._bodies.read(response, body, MAX_BODY_BYTES)
                received = body.getvalue()
        except RequestFailedError as error:
            raise RequestError(_FAILURES.get(error.failure) or f"Lens can't be reached: {error}") from None
        if response.status == HTTPStatus.OK:
            return await asyncio.to_thread(_decode, received, data)
        raise RequestError(_error_message(response, received))


def _decode(body: bytes, data: type[T]) -> T:
    envelope: Any = _Envelope
    try:
        response: _Envelope[T] = msgspec.json.decode(body, type=envelope[data])
    except (ValueError, RecursionError) as error:  # a DecodeError is a ValueError
        raise RequestError(f"The response isn't one of Lens' API: {truncated(str(error))}") from None
    return response.data


def _error_message(response: aiohttp.ClientResponse, body: bytes) -> str:
    try:
        message = msgspec.json.decode(body, type=_ErrorEnvelope).meta.message
    except (ValueError, RecursionError):
        return f"The response isn't one of Lens' API (HTTP {response.status})"
    after = response.headers.get("Retry-After", "")
    again = f"; ask again in {after} s" if after.isdecimal() and len(after) < 10 else ""
    return f"{truncated(message)} (HTTP {response.status}){again}"
