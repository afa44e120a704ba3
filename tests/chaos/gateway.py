"""A proxy between Lens and the apiserver, which lets both of them misbehave.

It ends TLS, passes everything on as it comes, and hands each request and each piece of a response to the
interferences that are on at the time.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
from aiohttp import web

HOST = "127.0.0.1"
HOP_BY_HOP = ("Connection", "Content-Length", "Content-Encoding", "Host", "Keep-Alive", "Transfer-Encoding")


class CutError(Exception):
    """Ends a response in the middle, with its connection."""


class Interference:
    """What the gateway does to requests and responses; by default nothing."""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """Return a response of the gateway's own; None to pass the request on."""
        return None

    async def piece(self, request: web.BaseRequest, piece: bytes) -> bytes:
        """Return what is passed on for a piece of a response. Raise CutError to end it there."""
        return piece

    async def end(self, request: web.BaseRequest) -> None:
        """Return once a response may end."""


def is_watch(request: web.BaseRequest) -> bool:
    """Tell whether a request is a watch."""
    return request.query.get("watch") in ("true", "1")


def is_list(request: web.BaseRequest) -> bool:
    """Tell whether a request lists what Lens counts."""
    return (
        request.method == "GET"
        and not is_watch(request)
        and request.path.rpartition("/")[2] in ("pods", "nodes", "resourceclaims", "resourceslices")
    )


class Gateway:
    """The proxy. Its URL stays the same while it stops and listens again."""

    def __init__(self, upstream: str, upstream_ca: str | None, certificate: Path, key: Path) -> None:
        """Take the apiserver's address and CA, and the certificate that Lens trusts at first."""
        self._upstream = upstream
        self._trust = ssl.create_default_context(cadata=upstream_ca)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(certificate, key)
        self._interferences: list[Interference] = []
        self._transports: set[asyncio.BaseTransport] = set()
        self._port = 0
        self._server: asyncio.Server | None = None
        self._session: aiohttp.ClientSession | None = None

    def url(self, host: str = HOST) -> str:
        """Return the URL for kubeconfigs, with a name of the gateway's host."""
        return f"https://{host}:{self._port}"

    async def open(self) -> None:
        """Start."""
        self._session = aiohttp.ClientSession(
            base_url=self._upstream,
            connector=aiohttp.TCPConnector(ssl=self._trust, limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            auto_decompress=False,
        )
        await self.listen()

    async def close(self) -> None:
        """End."""
        await self.refuse()
        if self._session is not None:
            await self._session.close()

    async def listen(self) -> None:
        """Accept connections, as an apiserver does that is up."""
        loop = asyncio.get_running_loop()
        server = web.Server(self._pass_on, access_log=None)
        self._server = await loop.create_server(server, HOST, self._port, ssl=self.context)
        self._port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Refuse connections and reset those that there are."""
        if self._server is not None:
            self._server.close()
            self.reset()
            with suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await self._server.wait_closed()
            self._server = None

    def reset(self) -> None:
        """Reset all connections."""
        for transport in tuple(self._transports):
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        self._transports.clear()

    @asynccontextmanager
    async def with_(self, interference: Interference, *, anew: bool = True) -> AsyncIterator[None]:
        """Interfere while the block lasts; first reset connections, so that watches start ``anew``."""
        self._interferences.append(interference)
        if anew:
            self.reset()
        try:
            yield
        finally:
            self._interferences.remove(interference)
            # What was held back or altered is part of no response any more.
            self.reset()

    async def _pass_on(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.transport is not None:
            self._transports.add(request.transport)
        try:
            for each in tuple(self._interferences):
                if (own := await each.answer(request)) is not None:
                    return own
            return await self._forward(request)
        except CutError:
            if request.transport is not None:
                request.transport.abort()
            raise web.HTTPBadGateway from None

    async def _forward(self, request: web.BaseRequest) -> web.StreamResponse:
        assert self._session is not None
        headers = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP}
        try:
            async with self._session.request(
                request.method, request.rel_url, headers=headers, data=await request.read() or None
            ) as answer:
                response = web.StreamResponse(status=answer.status)
                for name, value in answer.headers.items():
                    if name not in HOP_BY_HOP or name == "Content-Encoding":
                        response.headers.add(name, value)
                await response.prepare(request)
                async for piece in answer.content.iter_any():
                    for each in tuple(self._interferences):
                        piece = await each.piece(request, piece)
                    if piece:
                        await response.write(piece)
                for each in tuple(self._interferences):
                    await each.end(request)
                await response.write_eof()
                return response
        except (aiohttp.ClientError, ConnectionError) as error:
            # A load balancer before an apiserver that is gone, or that ends in the middle, or a lost client.
            raise CutError from error
