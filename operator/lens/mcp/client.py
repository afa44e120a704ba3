"""The HTTP client: one GET of Lens' API, within bounds of time and size, in a caller's name."""

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
from lens.mcp.answers import cut

LONGEST_BODY = 16 * 2**20
"""Bytes. 5,000 nodes are some 4 MiB."""

TIMEOUT = 15.0
"""Seconds, from connecting to the body's last byte."""

MOST_CONNECTIONS = 8

T = TypeVar("T")


class RefusedError(Exception):
    """There is no answer; the message says why, in words for who has asked."""


class Question(NamedTuple):
    """What is asked: an encoded path, and parameters, of which None is one that isn't given."""

    path: str
    query: Mapping[str, str | int | None] = {}


class _Meta(msgspec.Struct):
    message: str


class _Good(msgspec.Struct, Generic[T]):
    data: T


class _Bad(msgspec.Struct):
    meta: _Meta


class Client:
    """Asks the Lens at ``url``. A context manager, to be used in one loop. Keeps no token."""

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
            connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            # What is packed could unpack to anything.
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

    async def get(self, question: Question, authorization: str | None, data: type[T]) -> T:
        """Return the answer's data. Raise RefusedError."""
        url = URL(self._url + question.path, encoded=True)
        query = {name: str(value) for name, value in question.query.items() if value is not None}
        headers = {} if authorization is None else {"Authorization": authorization}
        try:
            async with self._session.get(
                url.with_query(query),
                headers=headers,
                # Not even to the same host: a token that follows a redirect is a token given away.
                allow_redirects=False,
                ssl=self._trust,
            ) as response:
                body = await _body(response)
                if response.status == HTTPStatus.OK:
                    return await asyncio.to_thread(_decode, body, data)
                raise RefusedError(_refusal(response, body))
        except TimeoutError:
            raise RefusedError(f"Lens gave no whole answer within {TIMEOUT:g} s") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise RefusedError(f"Lens can't be trusted: {error.certificate_error}") from None
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError):
            raise RefusedError("Lens can't be reached") from None
        # aiohttp lets a ValueError out for headers that can't be sent or read.
        except (aiohttp.ClientError, ValueError):
            raise RefusedError("Lens can't be asked so, or what is asked is no Lens") from None


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    try:
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > LONGEST_BODY:
                response.close()
                raise RefusedError(f"Lens answers more than {LONGEST_BODY} bytes")
        return bytes(body)
    finally:
        body.clear()  # an exception keeps the frames that it came through, with all that they hold


def _decode(body: bytes, data: type[T]) -> T:
    envelope: Any = _Good
    try:
        answer: _Good[T] = msgspec.json.decode(body, type=envelope[data])
    except (ValueError, RecursionError) as error:  # a DecodeError is a ValueError
        raise RefusedError(f"What is asked gives no answer of Lens' API: {cut(str(error))}") from None
    return answer.data


def _refusal(response: aiohttp.ClientResponse, body: bytes) -> str:
    try:
        message = msgspec.json.decode(body, type=_Bad).meta.message
    except (ValueError, RecursionError):
        return f"What is asked gives no answer of Lens' API (HTTP {response.status})"
    after = response.headers.get("Retry-After", "")
    again = f"; ask again in {after} s" if after.isdecimal() and len(after) < 10 else ""
    return f"{cut(message)} (HTTP {response.status}){again}"
