"""Clients that keep others waiting are let go, and only they."""

import asyncio
import select
import socket

import pytest

from tests.contract.conftest import NOW, Api, Serve
from tests.contract.kubernetes import Cluster, pod
from tests.contract.wire import read_answer

CLIENT_TIMEOUT_S = 0.5
DEADLINE_S = 20.0

STATUS = b"GET /api/v1/realtime/status?cluster=prod-cluster HTTP/1.1\r\nHost: x\r\n"
RIGHT = b"Authorization: Bearer right-token\r\n\r\n"
LAST = b"\r\nConnection: close\r\n\r\n"


@pytest.fixture
async def impatient(serve: Serve, cluster: Cluster) -> Api:
    """Return a server with little patience."""
    cluster.publish(NOW)
    return await serve(client_timeout_seconds=CLIENT_TIMEOUT_S)


async def is_cut(reader: asyncio.StreamReader) -> bool:
    """Wait for the end of a connection."""
    async with asyncio.timeout(DEADLINE_S):
        try:
            while await reader.read(2**16):
                pass
        except ConnectionResetError:
            pass
    return True


@pytest.mark.parametrize("begun", [b"G", STATUS, STATUS + RIGHT[:-2], b"\r\n"])
async def test_a_request_that_is_never_finished_is_cut(impatient: Api, begun: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", impatient.server.port)
    writer.write(begun)
    assert await is_cut(reader)
    writer.close()


async def test_a_request_that_comes_drop_by_drop_is_cut_all_the_same(impatient: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", impatient.server.port)

    async def drip() -> None:
        while not reader.at_eof():
            writer.write(b"X-Slow: x\r\n")
            await writer.drain()
            await asyncio.sleep(CLIENT_TIMEOUT_S / 10)

    writer.write(STATUS)
    dripping = asyncio.create_task(drip())
    assert await is_cut(reader)
    writer.close()
    await asyncio.gather(dripping, return_exceptions=True)


async def test_a_second_request_on_a_connection_has_no_more_time(impatient: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", impatient.server.port)
    writer.write(STATUS + RIGHT)
    answer = await read_answer(reader)
    assert answer is not None
    assert answer.status == 200
    writer.write(STATUS)
    assert await is_cut(reader)
    writer.close()


@pytest.mark.slow
async def test_who_takes_nothing_of_an_answer_is_cut(impatient: Api, cluster: Cluster) -> None:
    cluster.add(*(pod(f"task-{number:05}", "n1") for number in range(20_000)))
    cluster.publish(NOW)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**12)
        client.connect(("127.0.0.1", impatient.server.port))
        client.sendall(STATUS.replace(b"status", b"running-tasks") + RIGHT)
        broken = select.poll()
        broken.register(client, select.POLLERR | select.POLLHUP)
        deadline = asyncio.get_running_loop().time() + DEADLINE_S
        while not broken.poll(0):
            assert asyncio.get_running_loop().time() < deadline
            assert (await impatient.ask("/healthz")).status == 200


@pytest.mark.slow
async def test_who_takes_an_answer_bit_by_bit_gets_all_of_it(impatient: Api, cluster: Cluster) -> None:
    cluster.add(*(pod(f"task-{number:05}", "n1") for number in range(20_000)))
    cluster.publish(NOW)
    reader, writer = await asyncio.open_connection("127.0.0.1", impatient.server.port, limit=2**14)
    writer.write(STATUS.replace(b"status", b"running-tasks") + RIGHT.replace(b"\r\n\r\n", LAST))
    ending = await reader.read(2**12)
    other_reader, other_writer = await asyncio.open_connection("127.0.0.1", impatient.server.port)
    other_writer.write(STATUS)
    cutting = asyncio.create_task(is_cut(other_reader))
    while not cutting.done():
        ending = (ending + await reader.read(2**12))[-10:]
        assert (await impatient.ask("/healthz")).status == 200
    async with asyncio.timeout(DEADLINE_S):
        while piece := await reader.read(2**16):
            ending = (ending + piece)[-10:]
    assert ending.endswith(b"}]}}")
    for each in (writer, other_writer):
        each.close()


async def test_a_connection_that_waits_for_its_next_request_is_kept(impatient: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", impatient.server.port)
    for _ in range(2):
        writer.write(STATUS + RIGHT)
        answer = await read_answer(reader)
        assert answer is not None
        assert answer.status == 200
        slow_reader, slow_writer = await asyncio.open_connection("127.0.0.1", impatient.server.port)
        slow_writer.write(STATUS)
        assert await is_cut(slow_reader)
        slow_writer.close()
    writer.close()
