"""Single requests to the apiserver with Lens' own credentials, within bounds."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp

from lens.http_client import BodyReader, HttpClient, RequestFailedError, request_errors

if TYPE_CHECKING:
    from lens.kube.client.kubeconfig import Connection


class ApiClient:
    """Send requests in one event loop, in which it is closed. The first request loads the configuration."""

    def __init__(
        self,
        connection: "Callable[[], Connection]",
        timeout: float,
        max_body_bytes: int,
        max_connections: int = 0,
    ) -> None:
        """``connection`` makes the connection, and is called in a thread.

        A whole response may take ``timeout`` seconds. ``max_connections`` is 0 for any number.
        """
        self._make_connection = connection
        self._timeout = timeout
        self._max_body_bytes = max_body_bytes
        self._client = HttpClient(max_connections=max_connections)
        self._bodies = BodyReader()
        self._loading = asyncio.Lock()
        self._connection: Connection | None = None

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, bytes | None]:
        """Return the status, and the body of a success; None for an error and for a body that is too large.

        ``path`` is below the server's URL, and encoded. Raise RequestFailedError, and SettingsError if the
        configuration can't be loaded.
        """
        with self._bodies.body() as received:
            async with (
                request_errors(self._timeout),
                await self._send(method, path, headers, body) as response,
            ):
                if response.status >= HTTPStatus.MULTIPLE_CHOICES:
                    return response.status, None
                try:
                    await self._bodies.read(response, received, self._max_body_bytes)
                except RequestFailedError:
                    return response.status, None
                return response.status, received.getvalue()

    async def stream(self, path: str, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """Return a response with an unread body; close it afterwards. Raise the errors of ``request``."""
        async with request_errors(self._timeout):
            return await self._send("GET", path, headers, None)

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        connection = await self._connected()
        with contextlib.suppress(aiohttp.ClientSSLError):
            response = await self._send_once(connection, method, path, headers, body)
            if response.status != HTTPStatus.UNAUTHORIZED:
                return response
            response.release()
        # The token or the CA may have been rotated.
        await asyncio.to_thread(connection.load)
        return await self._send_once(connection, method, path, headers, body)

    async def _send_once(
        self,
        connection: "Connection",
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> aiohttp.ClientResponse:
        authorization = await asyncio.to_thread(connection.authorization)
        if authorization is not None:
            headers = {**headers, "Authorization": authorization}
        return await self._client.send(
            connection.server + path,
            headers,
            method=method,
            body=body,
            tls=connection.tls(),
            server_name=connection.server_name,
            proxy=connection.proxy,
        )

    async def _connected(self) -> "Connection":
        async with self._loading:
            if self._connection is None:
                connection = await asyncio.to_thread(self._load)
                connection.tls()  # from now on, only this loop changes the context
                self._connection = connection
            return self._connection

    def _load(self) -> "Connection":
        connection = self._make_connection()
        connection.load()
        return connection
