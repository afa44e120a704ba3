"""Streams of a peer that does whatever it likes."""

import asyncio
import tracemalloc
from pathlib import Path

import pytest

from tests.contract.conftest import TOKEN, Clock
from tests.contract.peering import SERVICE, peer, rights
from tests.integration.peers.peer_answers import (
    BAD,
    CLIENT_TIMEOUT_S,
    CODES,
    INNER,
    STREAM,
    Hub,
    good,
    until_counted,
)
from tests.integration.telemetry.server import Behaviour, Connection, FakeServer, sends

BAD_STREAMS: dict[str, tuple[Behaviour, int]] = {
    **{how: BAD[how] for how in ("hangs", "drips its head", "puts off", "speaks otherwise", "answers HTML")},
    **{how: BAD[how] for how in ("fails", "does not know our token", "does not tell", "is being flooded")},
    "answers at once": (sends(good(), Content_Type="application/json"), 502),
    "streams another cluster": (sends(b"", Content_Type="text/event-stream", Lens_Cluster="east"), 502),
    "streams no cluster": (sends(b"retry: 2000\n\n", Content_Type="text/event-stream"), 502),
}


@pytest.mark.parametrize("how", BAD_STREAMS)
async def test_a_peer_at_fault_streams_nothing(
    hub_of: Hub, west: FakeServer, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    west.behaviour, status = BAD_STREAMS[how]
    patience = CLIENT_TIMEOUT_S if status == 504 else 30.0
    async with hub_of(peer("west", west.url("")), patience=patience) as hub:
        answer = await asyncio.wait_for(hub.ask(STREAM), 20)
        assert answer.error[:2] == (status, CODES[status])
    assert west.requests
    for secret in (INNER, "postgres", SERVICE, TOKEN):
        assert secret.encode() not in answer.body
        assert secret not in caplog.text


def streams(then: Behaviour) -> Behaviour:
    """Begin a stream, and do whatever comes then."""

    async def behave(connection: Connection) -> None:
        await connection.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nLens-Cluster: west\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        await then(connection)

    return behave


async def test_a_stream_that_breaks_off_ends_and_no_part_of_an_event_is_one(
    hub_of: Hub, west: FakeServer
) -> None:
    async def break_off(connection: Connection) -> None:
        await connection.send(b"10\r\nevent: change\nda\r\n")
        raise EOFError

    west.behaviour = streams(break_off)
    async with hub_of(peer("west", west.url(""))) as hub:
        answer = await asyncio.wait_for(hub.ask(STREAM), 20)
    assert (answer.status, answer.body) == (200, b"event: change\nda")


async def test_a_right_that_is_taken_away_ends_a_stream_that_never_comes_to_the_end_of_an_event(
    hub_of: Hub, west: FakeServer, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lens.api.stream.streams.REAUTHORIZE_SECONDS", 0.1)

    async def go_on(connection: Connection) -> None:
        while True:
            await connection.send(b"1\r\nx\r\n")
            await asyncio.sleep(0.02)

    west.behaviour = streams(go_on)
    async with hub_of(peer("west", west.url(""))) as hub:
        asking = asyncio.create_task(hub.ask(STREAM))
        await until_counted(hub, b"\nlens_streams 1.0\n")
        (tmp_path / "hub-tokens.yaml").write_text("tokens:\n" + rights("another"))
        clock.now += 1
        answer = await asyncio.wait_for(asking, 20)
    assert answer.status == 200
    assert set(answer.body) == set(b"x")


async def test_memory_stays_flat_while_a_peer_streams_faster_than_its_reader_reads(
    hub_of: Hub, west: FakeServer
) -> None:
    async def flood(connection: Connection) -> None:
        while True:
            await connection.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")

    west.behaviour = streams(flood)
    async with hub_of(peer("west", west.url(""))) as hub:
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.server.port, limit=1024)
        request = f"GET {STREAM} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        tracemalloc.start()
        try:
            writer.write(request.encode())
            assert b"200" in await reader.readline()  # and reads no more
            sent = -1
            while sent != west.sent_bytes:
                sent = west.sent_bytes
                await asyncio.sleep(0.5)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (await hub.ask("/api/v1/realtime/status?cluster=hub")).status == 200
        writer.close()
    assert peak < 4 * 2**20
