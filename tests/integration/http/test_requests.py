"""What a client sends is bounded before it is kept, and what follows a request waits for its answer."""

import asyncio
import gzip
import socket
import tracemalloc
from collections.abc import Iterator

import pytest
from aiohttp import web

from lens.bounds import MAX_HEAD_BYTES
from tests.integration.http.conftest import DEADLINE_S, GET, SMALL, Serve, Served, ends, until

EMOJI = "\U0001f600".encode()
WIDE = b"X: " + EMOJI + b"x" * 16_000 + b"\r\n"


@pytest.fixture
def growth() -> Iterator[None]:
    """Hold the most that Python's memory grows by against 12 MiB."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * 2**20, f"{peak / 2**20:.1f} MiB"


async def flood(served: Served, sent: bytes, count: int) -> None:
    """Send the same on many connections, of which the server may cut any."""

    async def one(number: int) -> None:
        reader, writer = await served.connect(local_addr=(f"127.0.2.{number + 1}", 0))
        try:
            for start in range(0, len(sent), 2**16):
                writer.write(sent[start : start + 2**16])
                await asyncio.wait_for(writer.drain(), 0.5)
        except (ConnectionError, TimeoutError):
            pass
        writer.transport.abort()
        assert reader is not None

    await asyncio.gather(*(one(number) for number in range(count)))


@pytest.mark.usefixtures("growth")
@pytest.mark.parametrize(
    "sent",
    [
        GET + WIDE * 98,
        GET + b"X-%s: y\r\n" % (EMOJI * 4000) * 98,
        b"GET /" + EMOJI * 2000 + b" HTTP/1.1\r\n" + WIDE * 98,
        b"GET  / HTTP/1.1\r\nHost: x\r\n" + WIDE * 98,
        b"\r\n" * 2**20,
        (GET + b"\r\n") * 50_000,
        GET + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 200_000,
        GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 200_000,
        GET + b"Content-Length: 60000\r\n\r\n" + b"x" * 60_000,
        GET + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + b"x" * 2**20,
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n" + b"x" * 2**20,
    ],
)
async def test_no_request_takes_much_memory(serve: Serve, sent: bytes) -> None:
    served = await serve(SMALL._replace(connections=50))
    await flood(served, sent, 45)
    assert (await served.get()).endswith(b"ok")
    await until(lambda: served.site.connections == 0)


@pytest.mark.parametrize("fields", [b"X: " + b"x" * 9000 + b"\r\n", b"X: x\r\n" * 3])
async def test_a_heads_sum_is_bounded_and_said_so(serve: Serve, fields: bytes) -> None:
    served = await serve()
    reader, writer = await served.connect()
    many = MAX_HEAD_BYTES // len(fields) + 1
    writer.write(GET + fields * many)
    answer = await asyncio.wait_for(reader.read(), DEADLINE_S)
    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert answer.endswith(b"HeadTooLargeError")
    assert served.refusals["head"] == 1
    writer.close()


async def test_heads_together_are_bounded_and_the_oldest_goes(serve: Serve) -> None:
    served = await serve(SMALL._replace(heads_bytes=3 * 30_000))
    senders = [await served.connect() for _ in range(4)]
    for reader, writer in senders:
        writer.write(GET + b"X: " + b"x" * 29_000)
        await writer.drain()
        assert reader is not None
    assert await ends(senders[0][0])
    assert served.refusals["heads"] == 1
    assert (await served.get()).endswith(b"ok")
    for _, writer in senders:
        writer.close()


async def test_what_is_sent_behind_a_request_waits_in_the_clients_own_memory(serve: Serve) -> None:
    served = await serve()
    free = asyncio.Event()

    async def wait(_: web.BaseRequest) -> web.StreamResponse:
        await free.wait()
        return web.Response(text="late")

    served.application.answer = wait
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**14)
        client.connect(served.address)
        client.setblocking(False)
        sent = 0
        request = (GET + b"X: " + b"x" * 8000 + b"\r\n\r\n") * 64
        quiet = 0
        while quiet < 20:
            try:
                sent += client.send(request)
                quiet = 0
            except BlockingIOError:
                quiet += 1
            await asyncio.sleep(0.01)
        assert sent < 2**20
    free.set()


async def test_requests_in_a_row_are_all_answered(serve: Serve) -> None:
    served = await serve()
    reader, writer = await served.connect()
    writer.write((GET + b"\r\n") * 300 + GET + b"Connection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), DEADLINE_S)
    assert answer.count(b"HTTP/1.1 200") == 301
    writer.close()


async def test_half_a_request_behind_a_whole_one_is_cut_in_time(serve: Serve) -> None:
    served = await serve(client_timeout_seconds=0.5)
    reader, writer = await served.connect()
    writer.write(GET + b"\r\n" + GET)
    began = asyncio.get_running_loop().time()
    assert await ends(reader)
    assert asyncio.get_running_loop().time() - began < 5
    assert served.refusals["slow"] == 1
    writer.close()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "br"])
async def test_no_body_is_unpacked(serve: Serve, coding: str) -> None:
    served = await serve()
    bodies = []

    async def read(request: web.BaseRequest) -> web.StreamResponse:
        bodies.append(await request.read())
        return web.Response(text="ok")

    served.application.answer = read
    packed = gzip.compress(bytes(2**24))
    reader, writer = await served.connect()
    head = f"Content-Encoding: {coding}\r\nContent-Length: {len(packed)}\r\nConnection: close\r\n\r\n"
    writer.write(GET.replace(b"GET", b"POST") + head.encode() + packed)
    answer = await asyncio.wait_for(reader.read(), DEADLINE_S)
    assert answer.endswith(b"ok")
    assert bodies == [packed]
    writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        GET + b"Expect: 100-continue\r\nConnection: close\r\n\r\n",
    ],
)
async def test_all_forms_of_a_request_are_answered_at_once(serve: Serve, sent: bytes) -> None:
    served = await serve()
    for step in (len(sent), 1):
        reader, writer = await served.connect()
        for start in range(0, len(sent), step):
            writer.write(sent[start : start + step])
            await writer.drain()
        assert b" 200 " in await asyncio.wait_for(reader.read(), DEADLINE_S)
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01\x02\x00\x01", b"nonsense\r\n", b"get / http/1.1\r\n", b"GET / HTTP/9.9\r\n", b"x" * 9000],
)
async def test_what_can_be_no_request_is_refused_before_it_ends(serve: Serve, sent: bytes) -> None:
    served = await serve()
    reader, writer = await served.connect()
    writer.write(sent)
    assert b" 400 " in await asyncio.wait_for(reader.read(), DEADLINE_S)
    writer.close()
