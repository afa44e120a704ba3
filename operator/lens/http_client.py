"""The HTTP client of all requests but the watches': within bounds, and without redirects.

Callers decide how much they accept, and what they call a failure.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from io import BytesIO
from math import inf
from pathlib import Path
from typing import Literal, Self

import aiohttp
from aiohttp.connector import Connection
from yarl import URL

from lens import __version__
from lens.resolver import Resolver
from lens.transports import break_cycle

FAIR_SHARE_BYTES = 2**18
"""A body up to this size is never refused because of others. A usual one is smaller."""

LONG_KEEPALIVE_SECONDS = 75.0
"""For requests that are repeated less often than the default allows: each would open a new connection."""

_KEEPALIVE_SECONDS = 15.0

Failure = Literal["timeout", "refused", "unreachable", "malformed", "too_large"]
"""The kinds of failures.

``refused``: connection refused. ``unreachable``: no route, a broken connection, an untrusted certificate.
``malformed``: not HTTP.
"""


class RequestFailedError(Exception):
    """There is no whole response. The message says why, without the address."""

    def __init__(self, failure: Failure, problem: str) -> None:
        """Take the failure and the message."""
        super().__init__(problem)
        self.failure = failure


def client_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return a TLS context that trusts the CAs of a file, by default the system's. Raise OSError.

    By default Python 3.13 requires of certificates all that RFC 5280 does (VERIFY_X509_STRICT). The CAs of
    old clusters of Amazon EKS have no key identifiers, those of MicroK8s no key usage. kubectl accepts them.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class Response(aiohttp.ClientResponse):
    """A response whose connection leaves no garbage when it is closed."""

    async def start(self, connection: Connection) -> Self:
        """Receive the headers."""
        break_cycle(connection.transport)
        await super().start(connection)
        return self


class HttpClient:
    """Send requests in one event loop, in which it is closed. The first request opens the session."""

    def __init__(
        self,
        headers: Mapping[str, str] | None = None,
        *,
        max_connections: int = 0,
        keepalive_seconds: float = _KEEPALIVE_SECONDS,
    ) -> None:
        """Send ``headers`` with all requests. ``max_connections`` is 0 for any number.

        A connection is closed after ``keepalive_seconds`` without a request; 0 closes it after the first.
        """
        self._headers = headers or {}
        self._max_connections = max_connections
        self._keepalive_seconds = keepalive_seconds
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def send(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        method: str = "GET",
        body: bytes | None = None,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        proxy: str | None = None,
    ) -> aiohttp.ClientResponse:
        """Return the response of an encoded ``url``, with an unread body; close it afterwards.

        ``tls`` is None for the system's CAs, ``server_name`` for the URL's host. Raise what
        ``request_errors`` translates.
        """
        if self._session is None:
            self._session = self._open()
        if tls is None and url.startswith("https:"):
            tls = self._system_cas
        return await self._session.request(
            method,
            URL(url, encoded=True),
            data=body,
            headers=headers,
            # Not even to the same host: a redirect could send the token elsewhere.
            allow_redirects=False,
            ssl=True if tls is None else tls,
            server_hostname=server_name,
            proxy=proxy,
        )

    @cached_property
    def _system_cas(self) -> ssl.SSLContext:
        return client_context()

    def _open(self) -> aiohttp.ClientSession:
        limit, keepalive = self._max_connections, self._keepalive_seconds
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limit, resolver=Resolver(), keepalive_timeout=keepalive)
            if keepalive
            else aiohttp.TCPConnector(limit=limit, resolver=Resolver(), force_close=True),
            response_class=Response,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            # Requests go only to configured addresses, so not through a proxy of the environment.
            trust_env=False,
            # A small compressed body could have any size.
            auto_decompress=False,
            headers={
                "Accept-Encoding": "identity",
                "User-Agent": f"lens/{__version__}",
                **self._headers,
            },
        )


@asynccontextmanager
async def request_errors(seconds: float | None) -> AsyncIterator[None]:
    """Raise RequestFailedError for what aiohttp raises, and after ``seconds``."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise RequestFailedError("timeout", f"no whole answer within {seconds:g} s") from None
    except aiohttp.ClientConnectorCertificateError as error:
        raise RequestFailedError("unreachable", f"TLS: {error.certificate_error}") from None
    except aiohttp.ClientSSLError:
        raise RequestFailedError("unreachable", "TLS: no handshake") from None
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, ConnectionRefusedError):
            raise RequestFailedError("refused", "connection refused") from None
        cause = error.os_error.strerror or error.os_error
        raise RequestFailedError("unreachable", f"unreachable: {cause}") from None
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError):
        raise RequestFailedError("unreachable", "connection broken") from None
    except aiohttp.ClientHttpProxyError as error:
        raise RequestFailedError("unreachable", f"the proxy refuses: HTTP {error.status}") from None
    # aiohttp raises a ValueError for some malformed headers.
    except (aiohttp.ClientError, ValueError):
        raise RequestFailedError("malformed", "answers something else than HTTP") from None


class BodyReader:
    """Read bodies within bounds. While all have more than ``max_in_flight`` bytes, each gets a fair share."""

    def __init__(self, max_in_flight: float = inf) -> None:
        """Start with no bytes in flight."""
        self._max_in_flight = max_in_flight
        self._in_flight = 0

    @contextmanager
    def body(self) -> Iterator[BytesIO]:
        """Yield an empty body, whose bytes count as in flight until the end.

        Its ``getvalue`` returns them without a copy.
        """
        body = BytesIO()
        try:
            yield body
        finally:
            self._in_flight -= body.tell()
            body.close()  # an exception's traceback keeps the frames that refer to it

    async def read(
        self,
        response: aiohttp.ClientResponse,
        body: BytesIO,
        max_bytes: int,
        on_chunk: Callable[[bytes], Awaitable[object]] | None = None,
    ) -> None:
        """Read a response's body into ``body``. Raise RequestFailedError for more than ``max_bytes``.

        ``on_chunk`` is awaited with each chunk.
        """
        if (response.content_length or 0) > max_bytes:
            raise _too_large(response, max_bytes)
        async for chunk in response.content.iter_any():
            self._in_flight += body.write(chunk)
            is_within = self._in_flight <= self._max_in_flight
            limit = max_bytes if is_within else min(max_bytes, FAIR_SHARE_BYTES)
            if body.tell() > limit:
                raise _too_large(response, limit)
            if on_chunk is not None:
                await on_chunk(chunk)


def _too_large(response: aiohttp.ClientResponse, limit: int) -> RequestFailedError:
    response.close()
    return RequestFailedError("too_large", f"answers more than {limit} bytes")
