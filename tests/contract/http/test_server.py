"""Starting on an address, and leaving without breaking anybody's request."""

import asyncio
import gc
import socket
import time
from pathlib import Path

import pytest

from lens.api.server import Server
from lens.config.errors import ListenError
from lens.config.serve import ServeSettings
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState
from tests.contract.conftest import NOW, Api, Serve
from tests.contract.kubernetes import Cluster, pod
from tests.contract.wire import read_answer

STATUS = b"GET /api/v1/realtime/status?cluster=prod-cluster HTTP/1.1\r\nHost: x\r\n"
RIGHT = b"Authorization: Bearer right-token\r\n\r\n"


def server_at(listen: str, tokens_file: Path) -> Server:
    settings = ServeSettings(cluster="c", listen=listen, tokens_file=tokens_file)  # type: ignore[arg-type]
    return Server(settings, ClusterState(), Metrics())


async def test_a_busy_port_is_a_one_line_error(api: Api, tokens_file: Path) -> None:
    second = server_at(api.server.address, tokens_file)
    with pytest.raises(ListenError) as raised:
        await second.start()
    taken = f"LENS_LISTEN: can't listen on {api.server.address}: Address already in use"
    assert str(raised.value) == f"{taken}: choose another port, or 0 for any"
    await second.stop()


async def test_another_machines_address_is_a_one_line_error(tokens_file: Path) -> None:
    with pytest.raises(ListenError, match=r"LENS_LISTEN: can't listen on 192\.0\.2\.1:0: Cannot assign"):
        await server_at("192.0.2.1:0", tokens_file).start()


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:0", "[::1]:0"])
async def test_the_address_is_where_it_can_be_reached(tokens_file: Path, listen: str) -> None:
    if listen.startswith("[") and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    server = server_at(listen, tokens_file)
    await server.start()
    host, _, port = server.address.rpartition(":")
    assert (host, int(port), server.url) == (listen[:-2], server.port, f"http://{server.address}")
    assert server.port > 0
    _, writer = await asyncio.open_connection(host.strip("[]"), server.port)
    writer.close()
    await server.stop()


async def test_a_port_is_free_again_after_stopping(tokens_file: Path) -> None:
    first = server_at("127.0.0.1:0", tokens_file)
    await first.start()
    second = server_at(first.address, tokens_file)
    await first.stop()
    await second.start()
    await second.stop()


async def test_a_connection_that_has_ended_leaves_nothing_to_a_collection_of_garbage(api: Api) -> None:
    """Those that are alive at a collection would stay for long (`lens.garbage`)."""

    def closed() -> int:
        transports = (each for each in gc.get_objects() if isinstance(each, asyncio.Transport))
        return sum(each.is_closing() for each in transports)

    def ask() -> None:
        with socket.create_connection(("127.0.0.1", api.server.port)) as client:
            client.sendall(STATUS + b"Connection: close\r\n" + RIGHT)
            while client.recv(2**16):
                pass

    await asyncio.to_thread(ask)
    gc.disable()
    try:
        before = closed()
        for _ in range(20):
            await asyncio.to_thread(ask)
        async with asyncio.timeout(30):
            while closed() > before:  # noqa: ASYNC110 - nothing tells when the last one is freed
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


async def test_a_draining_pod_says_so_at_once_and_still_answers(api: Api) -> None:
    api.server.drain()
    answer = await api.ask("/readyz", token=None)
    assert answer.error == (503, 5003, "Not ready: draining")
    answer = await api.status()
    assert answer.status == 200
    assert answer.headers["Connection"] == "close"
    assert (await api.ask("/healthz")).status == 200


async def test_a_client_that_reads_slowly_gets_its_whole_answer_before_the_end(
    serve: Serve, cluster: Cluster
) -> None:
    cluster.add(*(pod(f"task-{number:05}", "n1") for number in range(20_000)))
    cluster.publish(NOW)
    api = await serve(grace_seconds=20)
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port, limit=2**16)
    writer.write(STATUS.replace(b"status", b"running-tasks") + RIGHT)
    await reader.readexactly(1000)
    stopping = asyncio.create_task(api.server.stop())
    await until_nobody_listens(api.server.port)
    assert not stopping.done()
    rest = await reader.read(-1)
    assert rest.endswith(b"}]}}")
    await stopping
    writer.close()


async def test_a_client_that_never_reads_does_not_hold_up_the_end(serve: Serve, cluster: Cluster) -> None:
    cluster.add(*(pod(f"task-{number:05}", "n1") for number in range(20_000)))
    cluster.publish(NOW)
    api = await serve(grace_seconds=0.5)
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port, limit=2**16)
    writer.write(STATUS.replace(b"status", b"running-tasks") + RIGHT)
    await reader.readexactly(1000)
    began = time.monotonic()
    await api.server.stop()
    assert time.monotonic() - began < 20
    writer.close()


async def test_idle_connections_are_closed_when_stopping(api: Api) -> None:
    connections = [await asyncio.open_connection("127.0.0.1", api.server.port) for _ in range(3)]
    reader, writer = connections[0]
    writer.write(STATUS + RIGHT)
    assert await read_answer(reader)
    await api.server.stop()
    for reader, writer in connections:
        assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()


async def test_a_kept_connection_gets_an_answer_that_ends_it_before_it_is_closed(
    serve: Serve, cluster: Cluster
) -> None:
    cluster.publish(NOW)
    api = await serve(drain_seconds=30)
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
    writer.write(STATUS + RIGHT)
    first = await read_answer(reader)
    assert first is not None
    assert (first.status, first.headers.get("Connection")) == (200, None)
    stopping = asyncio.create_task(api.server.stop())
    assert (await api.ask("/readyz", token=None)).status == 503
    writer.write(STATUS + RIGHT)
    answer = await reader.read(-1)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer.lower()
    await asyncio.wait_for(stopping, 25)
    writer.close()


async def until_nobody_listens(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                return
            writer.close()
            await asyncio.sleep(0.01)
