"""The HTTP client for Lens' API: a GET with a caller's token, within bounds of time and size."""

import asyncio
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

import aiohttp
import msgspec
from yarl import URL

from lens import __version__
from lens.config import PREFIX, SettingsError
from lens.mcp.answers import truncated

MAX_BODY_BYTES = 16 * 2**20
"""A status with 5,000 nodes has some 4 MiB."""

TIMEOUT_SECONDS = 15.0
"""The time from connecting to the body's last byte."""

MAX_CONNECTIONS = 8

T = TypeVar("T")


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
            self._trust = True if ca_file is None else ssl.create_default_context(cafile=ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise SettingsError(f"{PREFIX}CA_FILE: {error.strerror or error}") from None

    async def __aenter__(self) -> Self:
        """Open the session."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
            # A small compressed body could have any size.
            auto_decompress=False,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": f"lens-mcp/{__version__}",
            },
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._session.close()

    async def get(self, request: ApiRequest, authorization: str | None, data: type[T]) -> T:
        """Return the response's data. Raise RequestError."""
        url = URL(self._url + request.path, encoded=True)
        query = {name: str(value) for name, value in request.query.items() if value is not None}
        headers = {} if authorization is None else {"Authorization": authorization}
        try:
            async with self._session.get(
                url.with_query(query),
                headers=headers,
                # A redirect could send the token to another server.
                allow_redirects=False,
                ssl=self._trust,
            ) as response:
                body = await _body(response)
                if response.status == HTTPStatus.OK:
                    return await asyncio.to_thread(_decode, body, data)
                raise RequestError(_error_message(response, body))
        except TimeoutError:
            raise RequestError(f"Lens has not responded within {TIMEOUT_SECONDS:g} s") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise RequestError(f"Lens' certificate isn't trusted: {error.certificate_error}") from None
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError):
            raise RequestError("Lens can't be reached") from None
        # aiohttp raises a ValueError for headers that it can't send or parse.
        except (aiohttp.ClientError, ValueError):
            raise RequestError("The request can't be sent, or the server isn't a Lens") from None


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    try:
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                response.close()
                raise RequestError(f"The response has more than {MAX_BODY_BYTES} bytes")
        return bytes(body)
    finally:
        body.clear()  # an exception's traceback keeps this frame, and so would keep the body


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
