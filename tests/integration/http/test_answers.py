"""Answers that nobody takes are bounded over all connections, and those who take theirs get all of it."""

import asyncio
import socket

from aiohttp import web

from lens.bounds import Bounds
from tests.integration.http.conftest import DEADLINE_S, GET, Serve, until

MIB = 2**20
BOUNDS = Bounds(connections=100, per_address=100, heads_bytes=MIB, unsent_bytes=8 * MIB)


def deaf_client(address: tuple[str, int], times: int = 1) -> socket.socket:
    """Return a client that has asked so many times at once, and takes nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**12)
    client.connect(address)
    client.sendall((GET + b"\r\n") * times)
    return client


async def large(_: web.BaseRequest) -> web.StreamResponse:
    """Answer with 2 MiB that are nobody else's."""
    return web.Response(body=bytes(2 * MIB))


async def test_who_takes_nothing_makes_room_for_who_does(serve: Serve) -> None:
    served = await serve(BOUNDS)
    served.application.answer = large
    deaf = [deaf_client(served.address) for _ in range(40)]
    began = asyncio.get_running_loop().time()
    answer = b""
    while len(answer) < 2 * MIB:
        # Until the first of them are known to take nothing.
        answer = await served.get()
        assert asyncio.get_running_loop().time() - began < DEADLINE_S
    assert served.refusals["busy"] + served.refusals["unsent"] >= 30
    for client in deaf:
        client.close()


async def test_short_answers_that_nobody_takes_are_bounded_too(serve: Serve) -> None:
    """Each fits into the kernel's buffer, of which there are as many as connections."""
    served = await serve(BOUNDS)

    async def short(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=bytes(60_000))

    served.application.answer = short
    deaf = [deaf_client(served.address, times=8) for _ in range(90)]
    # Some 280 KiB would wait for each of them.
    await until(lambda: served.refusals["unsent"] + served.refusals["busy"] >= 50)
    await until(lambda: served.site.connections <= 40)
    began = asyncio.get_running_loop().time()
    while len(await served.get()) <= 60_000:
        # Until the last of them are known to take nothing.
        assert asyncio.get_running_loop().time() - began < DEADLINE_S
    for client in deaf:
        client.close()


async def test_the_last_answer_of_a_connection_is_waited_for_no_longer_than_others(serve: Serve) -> None:
    """How much the kernel takes is its own affair: of some of these a part waits in Lens' own buffer."""
    served = await serve(BOUNDS, client_timeout_seconds=0.3)

    async def short(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=bytes(32 * 1024))

    served.application.answer = short
    clients = [deaf_client(served.address, times) for times in range(20)]
    for client in clients:
        client.sendall(GET + b"Connection: close\r\n\r\n")
    await until(lambda: served.refusals["slow"] > 0)
    await until(lambda: served.site.connections == 0)
    for client in clients:
        client.close()


async def test_who_asks_for_little_is_answered_while_others_take_much_slowly(serve: Serve) -> None:
    served = await serve(BOUNDS)
    served.application.answer = large
    slow = [await served.connect(limit=2**12) for _ in range(20)]
    for _, writer in slow:
        writer.write(GET + b"\r\n")
    await until(lambda: served.refusals["busy"] > 0)
    served.application.answer = served.application.ok
    for _ in range(20):
        assert (await served.get()).startswith(b"HTTP/1.1 200")
    for _, writer in slow:
        writer.close()


async def test_one_answer_larger_than_all_may_be_is_sent_to_who_takes_it(serve: Serve) -> None:
    served = await serve(BOUNDS)

    async def larger(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=bytes(20 * MIB))

    served.application.answer = larger
    assert len(await served.get()) > 20 * MIB


async def test_the_same_answer_is_counted_once_for_all_who_take_it(serve: Serve) -> None:
    served = await serve(BOUNDS)
    body = bytes(6 * MIB)

    async def same(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=body)

    served.application.answer = same
    answers = await asyncio.gather(*(served.get() for _ in range(12)))
    assert all(len(answer) > len(body) for answer in answers)
    assert served.refusals["busy"] == served.refusals["unsent"] == 0


async def test_a_head_request_gets_the_length_and_no_body(serve: Serve) -> None:
    served = await serve(BOUNDS)
    served.application.answer = large
    reader, writer = await served.connect()
    writer.write(GET.replace(b"GET", b"HEAD") + b"Connection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), DEADLINE_S)
    assert b"Content-Length: 2097152" in answer
    assert answer.endswith(b"\r\n\r\n")
    writer.close()
