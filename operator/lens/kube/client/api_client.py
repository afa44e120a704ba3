"""Single requests to the apiserver with Lens' own credentials, within bounds."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from lens import __version__

if TYPE_CHECKING:
    from lens.kube.client.kubeconfig import Connection


class ApiClient:
    """Send requests in one event loop, in which it is closed. The first request loads the configuration."""

    def __init__(
        self, connection: "Callable[[], Connection]", max_body_bytes: int, max_connections: int = 0
    ) -> None:
        """``connection`` makes the connection, and is called in a thread.

        ``max_connections`` is 0 for any number.
        """
        self._make_connection = connection
        self._max_body_bytes = max_body_bytes
        self._max_connections = max_connections
        self._opening = asyncio.Lock()
        self._opened: tuple[Connection, aiohttp.ClientSession] | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened[1].close()

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, bytes | None]:
        """Return the status, and the body of a success; None for an error and for a body that is too large.

        ``path`` is below the server's URL, and encoded. Raise SettingsError if the configuration can't be
        loaded, and everything that aiohttp raises: also a ValueError, for some malformed headers.
        """
        async with await self.send(method, path, headers, body) as response:
            if response.status >= HTTPStatus.MULTIPLE_CHOICES:
                return response.status, None
            received = bytearray()
            async for chunk in response.content.iter_any():
                received += chunk
                if len(received) > self._max_body_bytes:
                    response.close()
                    return response.status, None
            return response.status, bytes(received)

    async def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> aiohttp.ClientResponse:
        """Return a response with an unread body; close it afterwards. Raise the errors of ``request``."""
        connection, session = await self._open()
        with contextlib.suppress(aiohttp.ClientSSLError):
            response = await self._send(connection, session, method, path, headers, body)
            if response.status != HTTPStatus.UNAUTHORIZED:
                return response
            response.release()
        # The token or the CA may have been rotated.
        await asyncio.to_thread(connection.load)
        return await self._send(connection, session, method, path, headers, body)

    async def _send(
        self,
        connection: "Connection",
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> aiohttp.ClientResponse:
        url = URL(connection.server + path, encoded=True)
        authorization = await asyncio.to_thread(connection.authorization)
        if authorization is not None:
            headers = {**headers, "Authorization": authorization}
        return await session.request(
            method,
            url,
            data=body,
            headers=headers,
            proxy=connection.proxy,
            server_hostname=connection.server_name,
            # A redirect could send the token to another server.
            allow_redirects=False,
        )

    async def _open(self) -> "tuple[Connection, aiohttp.ClientSession]":
        async with self._opening:
            if self._opened is None:
                connection = await asyncio.to_thread(self._loaded)
                self._opened = connection, self._session(connection)
            return self._opened

    def _loaded(self) -> "Connection":
        connection = self._make_connection()
        connection.load()
        return connection

    def _session(self, connection: "Connection") -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._max_connections, ssl=connection.tls()),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            headers={"Accept-Encoding": "identity", "User-Agent": f"lens/{__version__}"},
        )
