"""A Site on a loopback port, whose answers a test decides."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from lens.bounds import Bounds
from lens.files.server_certificate import ServerCertificate
from lens.http.refusal_counts import RefusalCounts
from lens.http.site import BACKLOG, Site

DEADLINE_S = 20.0
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
SMALL = Bounds(connections=12, per_address=8, heads_bytes=2**20, unsent_bytes=8 * 2**20)


class StubApplication:
    """An application that responds as a test has it."""

    def __init__(self) -> None:
        self.answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] = self.ok
        self.last = False

    async def ok(self, _: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="ok")

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        response = await self.answer(request)
        if self.last:
            response.force_close()
        return response

    def refuse(self, request: web.BaseRequest, error: BaseException | None) -> web.StreamResponse:
        response = web.Response(status=400, text=type(error).__name__)
        response.force_close()
        return response


class Served:
    """A running Site."""

    def __init__(
        self, site: Site, application: StubApplication, refusals: RefusalCounts, address: tuple[str, int]
    ) -> None:
        self.site = site
        self.application = application
        self.refusals = refusals
        self.address = address

    async def connect(self, **given: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect."""
        return await asyncio.open_connection(*self.address, **given)

    async def get(self, **given: Any) -> bytes:
        """Ask on a connection of its own; return all that comes."""
        reader, writer = await self.connect(**given)
        writer.write(GET + b"Connection: close\r\n\r\n")
        async with asyncio.timeout(DEADLINE_S):
            answer = await reader.read()
        writer.close()
        return answer


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start sites; stop them at the end."""
    sites: list[Site] = []

    async def start(
        bounds: Bounds = SMALL,
        host: str = "127.0.0.1",
        certificate: ServerCertificate | None = None,
        **given: Any,
    ) -> Served:
        application, refusals = StubApplication(), RefusalCounts()
        site = Site(
            application, bounds, refusals, certificate, **{"grace_seconds": 1.0, "access_log": None, **given}
        )
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, 0), family=family, backlog=BACKLOG)
        address = listening.getsockname()[:2]
        site.start(listening)
        sites.append(site)
        return Served(site, application, refusals, address)

    yield start
    for site in sites:
        await site.stop()


async def ends(reader: asyncio.StreamReader) -> bool:
    """Wait for a connection's end."""
    async with asyncio.timeout(DEADLINE_S):
        try:
            while await reader.read(2**16):
                pass
        except ConnectionError:
            pass
    return True


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
