"""The client of all requests: what it doesn't follow, how much it reads, and what a failure is called."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from lens.http_client import (
    FAIR_SHARE_BYTES,
    BodyReader,
    HttpClient,
    RequestFailedError,
    client_context,
    request_errors,
)
from tests.integration.telemetry.server import Behaviour, Connection, FakeServer
from tests.integration.watch import tls

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[tuple[HttpClient, str]]:
    application = web.Application()
    application.router.add_get("/{path:.*}", handler)
    client = HttpClient()
    async with TestServer(application) as server:
        yield client, str(server.make_url("/"))
        await client.close()


async def received(client: HttpClient, url: str, bodies: BodyReader, max_bytes: int) -> bytes:
    with bodies.body() as body:
        async with request_errors(10), await client.send(url, {}) as response:
            await bodies.read(response, body, max_bytes)
        return body.getvalue()


async def test_a_redirect_is_the_response() -> None:
    async def redirect(_: web.Request) -> web.Response:
        raise web.HTTPFound("/elsewhere")

    async with serving(redirect) as (client, url):
        response = await client.send(url, {"Authorization": "Bearer secret"})
        response.close()
    assert (response.status, response.history) == (302, ())


async def test_a_cookie_is_not_sent_back() -> None:
    cookies: list[str | None] = []

    async def cookie(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "a=b"})

    async with serving(cookie) as (client, url):
        for _ in range(2):
            (await client.send(url, {})).close()
    assert cookies == [None, None]


async def test_a_proxy_that_refuses_is_named() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    client = HttpClient()
    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        proxy = f"http://joe:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(RequestFailedError, match="the proxy refuses: HTTP 407") as refused:
            async with request_errors(10):
                await client.send("https://apiserver.example:6443/version", {}, proxy=proxy)
        await client.close()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_is_read_up_to_its_bound(*, chunked: bool) -> None:
    async def body(request: web.Request) -> web.StreamResponse:
        content = b"x" * int(request.path[1:])
        if not chunked:
            return web.Response(body=content)
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(content)
        return response

    bodies = BodyReader()
    async with serving(body) as (client, url):
        assert len(await received(client, f"{url}1000", bodies, 1000)) == 1000
        with pytest.raises(RequestFailedError, match="more than 1000 bytes") as raised:
            await received(client, f"{url}1001", bodies, 1000)
    assert raised.value.failure == "too_large"


async def test_bodies_together_over_the_bound_get_a_fair_share_each_and_the_next_ones_all() -> None:
    async def body(request: web.Request) -> web.Response:
        return web.Response(body=bytes(int(request.path[1:])))

    size = 2 * FAIR_SHARE_BYTES
    bodies = BodyReader(max_in_flight=size)
    async with serving(body) as (client, url):
        with bodies.body() as first:
            async with request_errors(10), await client.send(f"{url}{size}", {}) as response:
                await bodies.read(response, first, size)
            assert len(await received(client, f"{url}{FAIR_SHARE_BYTES}", bodies, size)) == FAIR_SHARE_BYTES
            with pytest.raises(RequestFailedError, match=f"more than {FAIR_SHARE_BYTES} bytes"):
                await received(client, f"{url}{size}", bodies, size)
        assert len(await received(client, f"{url}{size}", bodies, size)) == size


async def test_a_large_body_is_in_memory_once() -> None:
    size = 32 * 2**20

    async def body(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(size // 2**16):
            await response.write(bytes(2**16))
        return response

    async with serving(body) as (client, url):
        tracemalloc.start()
        try:
            assert len(await received(client, url, BodyReader(), size)) == size
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 1.4 * size


async def _no_http(connection: Connection) -> None:
    await connection.send(b"SSH-2.0-OpenSSH\r\n\r\n")


async def _breaks_off(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
    raise EOFError


async def _silent(_: Connection) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("behaviour", "failure", "problem"),
    [
        (_no_http, "malformed", "answers something else than HTTP"),
        (_breaks_off, "unreachable", "connection broken"),
        (_silent, "timeout", "no whole answer within 0.2 s"),
        (None, "refused", "connection refused"),
    ],
)
async def test_a_failure_has_its_kind_and_cause(
    behaviour: Behaviour | None, failure: str, problem: str
) -> None:
    async with FakeServer(behaviour or _silent) as server:
        url = server.url() if behaviour else "http://127.0.0.1:1/"
        client, bodies = HttpClient(), BodyReader()
        with bodies.body() as body, pytest.raises(RequestFailedError) as raised:
            async with (
                request_errors(0.2 if failure == "timeout" else 10),
                await client.send(url, {}) as response,
            ):
                await bodies.read(response, body, 1000)
        await client.close()
    assert (raised.value.failure, str(raised.value)) == (failure, problem)


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("end", ["said", "cut", "reset"])
async def test_a_connection_that_has_ended_leaves_nothing_to_a_collection_of_garbage(
    tmp_path: Path, end: str, *, encrypted: bool
) -> None:
    """Those that are alive at a collection would stay for long (`lens.garbage`)."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        field = b"Connection: close\r\n" if end == "said" else b""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + field + b"\r\n{}")
        await writer.drain()
        if end == "reset":
            writer.transport.abort()
        writer.close()

    def kept() -> int:
        """Return how many sockets the client has a transport for. That of TLS above it names none."""
        found = (each for each in gc.get_objects() if isinstance(each, asyncio.Transport))
        sockets = (each for each in found if "Socket" in type(each).__name__)
        return sum(each.get_extra_info("peername", ("", 0))[1] == port for each in sockets)

    served, trusted = None, None
    if encrypted:
        authority = await tls.authority(tmp_path, "ca")
        served = await tls.server(tmp_path, "served", authority)
        trusted = client_context(authority.certificate)
    client = HttpClient()
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=served) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"{'https' if encrypted else 'http'}://127.0.0.1:{port}/"
        gc.disable()
        try:
            for _ in range(5):
                async with await client.send(url, {}, tls=trusted) as response:
                    assert await response.read() == b"{}"
            async with asyncio.timeout(10):
                while kept():  # noqa: ASYNC110 - nothing tells when the last one is freed
                    await asyncio.sleep(0.01)
        finally:
            gc.enable()
            await client.close()
