"""A peer that does whatever it likes: it costs its own cluster's answers and nobody else's."""

import asyncio
import time
import tracemalloc

import pytest

from lens.peers.request_slots import RequestSlots
from tests.contract.conftest import TOKEN, Api, Clock
from tests.contract.peering import SERVICE, peer
from tests.integration.peers.peer_answers import (
    BAD,
    CLIENT_TIMEOUT_S,
    CODES,
    INNER,
    STATUS,
    Hub,
    good,
    redirects,
)
from tests.integration.telemetry import server as peers
from tests.integration.telemetry.server import Connection, FakeServer, sends


@pytest.mark.parametrize("how", BAD)
async def test_a_peers_failure_is_an_error_of_lens(
    hub_of: Hub, west: FakeServer, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    west.behaviour, status = BAD[how]
    patience = CLIENT_TIMEOUT_S if status == 504 else 30.0
    async with hub_of(peer("west", west.url("")), patience=patience, longest=2**20) as hub:
        answer = await asyncio.wait_for(hub.ask(STATUS), 20)
        assert answer.error[:2] == (status, CODES[status])
        assert (await hub.ask("/api/v1/realtime/status?cluster=hub")).status == 200
    assert west.requests
    for secret in (INNER, "postgres", SERVICE, TOKEN):
        assert secret.encode() not in answer.body
        assert secret not in caplog.text


async def test_a_redirect_is_not_followed_not_even_to_the_same_host(hub: Api, west: FakeServer) -> None:
    async with FakeServer(sends(good())) as elsewhere:
        west.behaviour = redirects(elsewhere.url("/api"))
        assert (await hub.ask(STATUS)).error == (502, 5002, "Cluster west can't be asked")
        west.behaviour = redirects(west.url("/elsewhere"))
        assert (await hub.ask(STATUS)).error[0] == 502
        assert elsewhere.connections == 0
        assert {request.path for request in west.requests} == {STATUS}


async def test_no_proxy_of_the_environment_is_asked(
    hub_of: Hub, west: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeServer(sends(good())) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url(""))
        async with hub_of(peer("west", west.url(""))) as hub:
            assert (await hub.ask(STATUS)).status == 200
        assert proxy.connections == 0


async def test_a_peer_is_sent_what_it_needs_and_nothing_of_the_caller(hub: Api, west: FakeServer) -> None:
    await hub.ask(STATUS, Cookie="a=b", X_Secret="x", Cache_Control="max-age=7")
    (request,) = west.requests
    assert request.path == STATUS
    sent = {name: value for name, value in request.headers.items() if name not in ("host", "user-agent")}
    assert sent == {
        "accept": "application/json",
        "accept-encoding": "identity",
        "authorization": f"Bearer {SERVICE}",
        "cache-control": "max-age=7",
        "via": "1.1 lens",
    }


async def test_a_peer_that_hangs_is_left_alone_and_asked_again_when_it_is_well(
    hub_of: Hub, west: FakeServer
) -> None:
    west.behaviour, monotonic = peers.hang, Clock(1000.0)
    async with hub_of(peer("west", west.url("")), patience=CLIENT_TIMEOUT_S, peers_clock=monotonic) as hub:
        for _ in range(3):
            assert (await hub.ask(STATUS)).error == (504, 5004, "Cluster west did not answer in time")
        started = time.monotonic()
        for _ in range(20):
            assert (await hub.ask(STATUS)).error[:2] == (504, 5004)
        assert time.monotonic() - started < 20 * CLIENT_TIMEOUT_S
        assert len(west.requests) == 3
        west.behaviour = sends(good())
        monotonic.now += 2
        assert (await hub.ask(STATUS)).status == 200
        assert (await hub.ask(STATUS, Cache_Control="no-cache")).status == 200
        assert len(west.requests) == 5


async def test_equal_requests_are_one_and_who_goes_away_takes_nothing_from_the_others(
    hub: Api, west: FakeServer
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def wait(connection: Connection) -> None:
        asked.set()
        await go_on.wait()
        await connection.answer(good())

    west.behaviour = wait
    first = asyncio.create_task(hub.ask(STATUS))
    await asyncio.wait_for(asked.wait(), 30)
    others = [asyncio.create_task(hub.ask(STATUS)) for _ in range(10)]
    await hub.ask("/api/v1/realtime/status?cluster=hub")
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    go_on.set()
    assert {answer.status for answer in await asyncio.gather(*others)} == {200}
    assert len(west.requests) == 1


async def test_different_requests_to_one_peer_are_bounded(hub_of: Hub, west: FakeServer) -> None:
    west.behaviour = peers.hang
    async with hub_of(peer("west", west.url("")), patience=3.0) as hub:
        answers = await asyncio.gather(
            *(hub.ask(f"/api/v1/realtime/nodes/n{number}?cluster=west") for number in range(60))
        )
    statuses = [answer.status for answer in answers]
    assert (statuses.count(503), statuses.count(504)) == (52, 8)


@pytest.mark.parametrize("tasks", [None, [None], [[]], "nothing", [{"pod_name": "a"}, 7]])
async def test_a_list_that_is_none_can_not_be_had_as_a_table(
    hub: Api, west: FakeServer, tasks: object
) -> None:
    west.behaviour = sends(good(tasks=tasks))
    answer = await hub.ask("/api/v1/realtime/running-tasks?cluster=west", Accept="text/csv")
    assert answer.error == (502, 5002, "Cluster west can't be asked")


@pytest.mark.parametrize("field", ["owner", "gpu_uuids", "resources"])
async def test_however_deep_a_peers_row_is_nested_it_is_a_table_or_a_peers_failure(
    hub: Api, west: FakeServer, field: str
) -> None:
    table = "/api/v1/realtime/running-tasks?cluster=west"
    for depth in (2, 60, *range(900, 1030, 3)):
        nested = b'{"a":[' * (depth // 2) + b"1" + b"]}" * (depth // 2)
        west.behaviour = sends(good(tasks=[{field: 8_765}]).replace(b"8765", nested))
        answer = await hub.ask(table, Accept="text/csv", Cache_Control="no-cache")
        assert answer.status == 200 or answer.error == (502, 5002, "Cluster west can't be asked")


@pytest.mark.parametrize(
    "value", ["9" * 5000, "1e999", '"' + "\\ud800" + '"'], ids=["digits", "e999", "half"]
)
async def test_a_value_that_can_not_be_written_is_a_peers_failure(
    hub: Api, west: FakeServer, value: str
) -> None:
    west.behaviour = sends(good(tasks=[{"owner": 8_765}]).replace(b"8765", value.encode()))
    answer = await hub.ask("/api/v1/realtime/running-tasks?cluster=west", Accept="text/csv")
    assert answer.status in (200, 502)


async def test_a_peers_next_page_that_fits_no_header_is_a_peers_failure(hub: Api, west: FakeServer) -> None:
    west.behaviour = sends(good(tasks=[], **{"continue": "x" * 100_000}))
    answer = await hub.ask("/api/v1/realtime/running-tasks?cluster=west&limit=1", Accept="text/csv")
    assert answer.error == (502, 5002, "Cluster west can't be asked")


async def test_memory_stays_flat_however_many_answers_without_an_end_there_are(
    hub_of: Hub, west: FakeServer
) -> None:
    west.behaviour = peers.flood
    patient = peer("west", west.url(""), slots=RequestSlots(wait_seconds=60.0))
    async with hub_of(patient, patience=20.0, longest=8 * 2**20) as hub:
        await hub.ask("/api/v1/realtime/status?cluster=hub")
        tracemalloc.start()
        try:
            answers = await asyncio.gather(
                *(hub.ask(f"/api/v1/realtime/nodes/n{number}?cluster=west") for number in range(30))
            )
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert {answer.status for answer in answers} == {502}
    assert peak < 90 * 2**20


async def test_many_peers_whose_answers_have_no_end_take_no_more_memory_together(
    hub_of: Hub, west: FakeServer
) -> None:
    west.behaviour = peers.flood
    names = [f"west-{number}" for number in range(8)]
    liars = (peer(name, west.url("")) for name in names)
    async with hub_of(*liars, patience=20.0, longest=32 * 2**20) as hub:
        await hub.ask("/api/v1/realtime/status?cluster=hub")
        tracemalloc.start()
        try:
            answers = await asyncio.gather(
                *(hub.ask(f"/api/v1/realtime/status?cluster={name}") for name in names)
            )
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert {answer.status for answer in answers} == {502}
    assert peak < 110 * 2**20
