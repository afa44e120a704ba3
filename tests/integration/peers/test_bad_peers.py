"""A peer that does whatever it likes: it costs its own cluster's answers and nobody else's."""

import asyncio
import json
import ssl
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from lens.peers.request_slots import RequestSlots
from tests.contract.conftest import NOW, TOKEN, Api, Clock
from tests.contract.kubernetes import Cluster, node
from tests.contract.peering import SERVICE, lens, peer, rights
from tests.integration.telemetry import server as peers
from tests.integration.telemetry.server import Behaviour, Connection, FakeServer, sends
from tests.integration.watch import tls

CLIENT_TIMEOUT_S = 0.4
STATUS = "/api/v1/realtime/status?cluster=west"
STREAM = "/api/v1/realtime/stream?cluster=west"
INNER = "secret of west: postgres://u:p@10.0.0.1"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def west() -> AsyncIterator[FakeServer]:
    async with FakeServer(sends(good())) as server:
        yield server


Hub = Callable[..., AbstractAsyncContextManager[Api]]


@pytest.fixture
def hub_of(tmp_path: Path, clock: Clock) -> Hub:
    """Run hubs that have a cluster of their own and the given peers."""
    cluster = Cluster()
    cluster.add(node("h1"))
    cluster.publish(NOW)

    def run(*of: object, **given: object) -> AbstractAsyncContextManager[Api]:
        return lens("hub", tmp_path, cluster, clock, peers=of, **{"patience": CLIENT_TIMEOUT_S, **given})  # type: ignore[arg-type]

    return run


@pytest.fixture
async def hub(hub_of: Hub, west: FakeServer) -> AsyncIterator[Api]:
    async with hub_of(peer("west", west.url(""))) as api:
        yield api


PRODUCT = {
    "product": "H100",
    "reason": None,
    "allocated": 1,
    "available": 3,
    "unhealthy": 0,
    "unavailable": 0,
    "largest_block": 2,
}


def good(cluster: str = "west", **fields: object) -> bytes:
    """Return an answer of a Lens."""
    status = {
        "cluster": cluster,
        "current_gpu_usage": {
            "total_gpus": 8,
            "allocated_gpus": 4,
            "utilized_gpus": 4,
            "allocation_rate": 50.0,
            "utilization_rate": 90.0,
        },
        "running_tasks": 4,
        "available_resources": {"available_gpus": 4, "available_nodes": 1, "max_contiguous_gpu": 4},
        "freshness": {"age_seconds": 1.5},
        "telemetry": {"coverage": 0.5},
    }
    return wrapped({**status, **fields})


def wrapped(data: object, code: int = 2000, message: str = "OK") -> bytes:
    return json.dumps({"meta": {"code": code, "message": message}, "data": data}).encode()


async def until_counted(hub: Api, line: bytes) -> None:
    async with asyncio.timeout(10):
        while True:
            if line in (await hub.ask("/metrics")).body:
                return
            await asyncio.sleep(0.01)


def redirects(to: str) -> Behaviour:
    return sends(b"", "302 Found", Location=to)


BAD: dict[str, tuple[Behaviour, int]] = {
    "hangs": (peers.hang, 504),
    "drips": (peers.drip, 504),
    "drips its head": (peers.drip_the_head, 504),
    "puts off": (peers.put_off, 504),
    "hangs up": (peers.hang_up, 502),
    "sends a head without an end": (peers.flood_the_head, 502),
    "promises a gigabyte": (peers.promise_a_gigabyte, 502),
    "floods": (peers.flood, 502),
    "floods in chunks": (peers.flood_in_chunks, 502),
    "speaks otherwise": (peers.speak_otherwise, 502),
    "answers HTML": (sends(b"<html>it works</html>", Content_Type="text/html"), 502),
    "answers HTML that is not found": (sends(f"<p>{INNER}".encode(), "404 Not Found"), 502),
    "answers HTML as unavailable": (sends(b"<p>no backend", "503 Service Unavailable"), 502),
    "answers for another cluster": (sends(good("east")), 502),
    "answers for no cluster": (sends(wrapped({"total_gpus": 1})), 502),
    "answers a list": (sends(wrapped([{"cluster": "west"}])), 502),
    "answers nothing": (sends(b""), 502),
    "answers null": (sends(wrapped(None)), 502),
    "answers half": (sends(good()[:-9]), 502),
    "answers twice": (sends(good() + good()), 502),
    "answers what is not UTF-8": (sends(good(x="é").replace(b"\\u00e9", b"\xff")), 502),
    "answers NaN": (sends(good(x=float("nan"))), 502),
    "answers depths": (sends(b'{"meta":{"code":2000,"message":"OK"},"data":' + b"[" * 10**6), 502),
    "answers zipped": (sends(b"\x1f\x8b\x08\x00" + bytes(100), Content_Encoding="gzip"), 502),
    "answers an error as if all were well": (sends(wrapped(None, 5000, INNER)), 502),
    "fails": (sends(wrapped(None, 5000, INNER), "500 Internal Server Error"), 502),
    "fails on its own peer": (sends(wrapped(None, 5002, INNER), "502 Bad Gateway"), 502),
    "does not know our token": (sends(wrapped(None, 4001, INNER), "401 Unauthorized"), 502),
    "does not tell": (sends(wrapped(None, 4003, f"Forbidden: {INNER}"), "403 Forbidden"), 403),
    "does not understand": (
        sends(wrapped(None, 4000, f"Invalid parameter: {INNER}"), "400 Bad Request"),
        400,
    ),
    "does not find": (sends(wrapped(None, 4004, INNER), "404 Not Found"), 404),
    "mixes its codes up": (sends(wrapped(None, 4003, "Forbidden: x"), "404 Not Found"), 502),
    "is being flooded": (sends(wrapped(None, 4029, INNER), "429 Too Many Requests"), 503),
    "has no content": (sends(b"", "204 No Content"), 502),
}


CODES = {400: 4000, 403: 4003, 404: 4004, 502: 5002, 503: 5003, 504: 5004}


@pytest.mark.parametrize("how", BAD)
async def test_a_peers_failure_is_an_error_of_lens(
    hub_of: Hub, west: FakeServer, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    west.behaviour, status = BAD[how]
    async with hub_of(peer("west", west.url("")), longest=2**20) as hub:
        answer = await asyncio.wait_for(hub.ask(STATUS), 5)
        assert answer.error[:2] == (status, CODES[status])
        assert (await hub.ask("/api/v1/realtime/status?cluster=hub")).status == 200
    assert west.requests
    for secret in (INNER, "postgres", SERVICE, TOKEN):
        assert secret.encode() not in answer.body
        assert secret not in caplog.text


@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [("is being flooded", "unreachable", "FAILED"), ("has not listed its cluster", "syncing", None)],
)
async def test_a_peer_without_figures_is_syncing_only_if_it_says_so(
    hub_of: Hub, west: FakeServer, how: str, status: str, reason: str | None
) -> None:
    not_synced = sends(wrapped(None, 5003, "Not synced yet"), "503 Service Unavailable")
    west.behaviour = BAD[how][0] if how in BAD else not_synced
    async with hub_of(peer("west", west.url(""))) as hub:
        _, theirs = (await hub.ask("/api/v1/clusters")).data["clusters"]
    assert (theirs["status"], theirs.get("reason")) == (status, reason)


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
    async with hub_of(peer("west", west.url(""))) as hub:
        answer = await asyncio.wait_for(hub.ask(STREAM), 5)
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
        answer = await asyncio.wait_for(hub.ask(STREAM), 5)
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
        answer = await asyncio.wait_for(asking, 5)
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
    async with hub_of(peer("west", west.url("")), peers_clock=monotonic) as hub:
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
    await asyncio.wait_for(asked.wait(), 5)
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


async def test_all_clusters_are_shown_within_about_a_second_while_one_hangs(
    hub_of: Hub, west: FakeServer
) -> None:
    async with (
        FakeServer(peers.hang) as hanging,
        hub_of(peer("hanging", hanging.url("")), peer("west", west.url("")), patience=30.0) as hub,
    ):
        for path in ("/api/v1/clusters", "/api/v1/realtime/summary"):
            started = time.monotonic()
            data = (await hub.ask(path)).data
            assert time.monotonic() - started < 10
            assert [each["status"] for each in data["clusters"]] == ["ok", "unreachable", "ok"]
            assert data["clusters"][1]["reason"] == "TIMEOUT"
        assert data["unreachable"] == ["hanging"]
        assert len(hanging.requests) == 1


async def test_a_slow_peer_is_there_for_the_next_one_who_asks(hub_of: Hub, west: FakeServer) -> None:
    asked = asyncio.Event()

    async def slowly(connection: Connection) -> None:
        await asked.wait()
        await connection.answer(good())

    west.behaviour = slowly
    async with hub_of(peer("west", west.url("")), patience=30.0) as hub:
        first = (await hub.ask("/api/v1/clusters")).data["clusters"][1]
        assert (first["status"], first["reason"]) == ("unreachable", "TIMEOUT")
        west.behaviour = peers.hang
        asked.set()
        await until_counted(hub, b'lens_peer_requests_total{outcome="answered",peer="west"} 1.0')
        second = (await hub.ask("/api/v1/clusters")).data["clusters"][1]
        assert (second["status"], second["totals"]["total_gpus"]) == ("ok", 8)
        assert len(west.requests) == 1


async def test_the_mean_utilization_is_that_of_the_gpus_that_report(hub_of: Hub, west: FakeServer) -> None:
    used = {"total_gpus": 24, "allocated_gpus": 0, "utilized_gpus": 0, "allocation_rate": 0.0}
    idle = good("idle", current_gpu_usage={**used, "utilization_rate": 10.0}, telemetry={"coverage": 0.5})
    silent = good("silent", current_gpu_usage={**used, "utilization_rate": 0.0}, telemetry={"coverage": 0})
    old = json.loads(good("old", current_gpu_usage={**used, "utilization_rate": 30.0}))
    del old["data"]["telemetry"]
    answers = {"west": good(), "idle": idle, "silent": silent, "old": json.dumps(old).encode()}

    async def behave(connection: Connection) -> None:
        await connection.answer(answers[connection.request.path.rpartition("=")[2]])

    west.behaviour = behave
    async with hub_of(*(peer(name, west.url("")) for name in answers)) as hub:
        data = (await hub.ask("/api/v1/realtime/summary")).data
    # 4 of west's, 12 of the idle one's and all 24 of the old one's, which doesn't tell how many report.
    assert data["current_gpu_usage"]["utilization_rate"] == round((4 * 90 + 12 * 10 + 24 * 30) / 40, 1)
    assert data["coverage"] == round(40 / 88, 3)
    assert data["current_gpu_usage"]["allocation_rate"] == round(100 * 4 / 88, 1)


async def test_an_older_lens_products_are_null_with_a_reason_and_in_no_sum(
    hub_of: Hub, west: FakeServer
) -> None:
    nodes = {"total": 1, "idle": 1, "partly_used": 0, "full": 0, "closed": 0}
    answers = {"west": good(), "new": good("new", products=[PRODUCT], gpu_nodes=nodes)}

    async def behave(connection: Connection) -> None:
        await connection.answer(answers[connection.request.path.rpartition("=")[2]])

    west.behaviour = behave
    async with hub_of(*(peer(name, west.url("")) for name in answers)) as hub:
        data = (await hub.ask("/api/v1/realtime/summary")).data
    clusters = {each["name"]: each for each in data["clusters"]}
    assert clusters["west"]["products"] is clusters["west"]["gpu_nodes"] is None
    assert clusters["west"]["reasons"] == {"products": "NOT_REPORTED", "gpu_nodes": "NOT_REPORTED"}
    assert clusters["west"]["available_resources"]["max_contiguous_gpu_reason"] == "NOT_REPORTED"
    assert clusters["new"]["products"] == [{**PRODUCT, "total": 4}]
    assert data["without_products"] == ["west"]
    assert {**PRODUCT, "total": 4} in data["products"]


@pytest.mark.parametrize(
    "fields",
    [
        {"running_tasks": -1},
        {"running_tasks": 10**30},
        {"running_tasks": "4"},
        {"running_tasks": None},
        {"freshness": {"age_seconds": 1e300}},
        {"freshness": {}},
        {"telemetry": {"coverage": 7}},
        {"available_resources": []},
        {"products": [PRODUCT] * 1000},
        {"products": [{**PRODUCT, "product": "x" * 1000}]},
        {"products": [{**PRODUCT, "reason": "a text"}]},
        {"products": [{**PRODUCT, "available": -1}]},
        {"gpu_nodes": {"idle": 1}},
    ],
)
async def test_figures_that_can_not_be_are_in_no_sum(
    hub: Api, west: FakeServer, fields: dict[str, object]
) -> None:
    west.behaviour = sends(good("west", **fields))
    data = (await hub.ask("/api/v1/realtime/summary")).data
    assert data["unreachable"] == ["west"]
    assert data["current_gpu_usage"]["total_gpus"] == 8
    assert (await hub.ask("/api/v1/clusters")).data["clusters"][1]["status"] == "unreachable"


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


@pytest.fixture
async def ca(tmp_path: Path) -> tls.Pair:
    return await tls.authority(tmp_path, "ca")


def trusting(ca: tls.Pair) -> Callable[[], ssl.SSLContext]:
    context = ssl.create_default_context(cafile=ca.certificate)
    return lambda: context


Secure = Callable[[ssl.SSLContext], Awaitable[tuple[int, int, str]]]


@pytest.fixture
def status_over(hub_of: Hub, ca: tls.Pair) -> Secure:
    """Ask a peer with the given certificate, while ``ca`` is trusted."""

    async def ask(context: ssl.SSLContext) -> tuple[int, int, str]:
        async with FakeServer(sends(good()), tls=context) as west:
            async with hub_of(peer("west", west.url(""), trust=trusting(ca)), patience=5.0) as hub:
                answer = await hub.ask(STATUS)
            if answer.status != 200:
                assert not west.requests, "the token went to somebody unknown"
                return answer.error
            return 200, 2000, "OK"

    return ask


async def test_a_certificate_of_the_authority_given_is_good(
    status_over: Secure, ca: tls.Pair, tmp_path: Path
) -> None:
    assert (await status_over(await tls.server(tmp_path, "west", by=ca)))[0] == 200


async def test_a_certificate_of_another_authority_is_not(status_over: Secure, tmp_path: Path) -> None:
    other = await tls.authority(tmp_path, "other")
    error = await status_over(await tls.server(tmp_path, "west", by=other))
    assert error == (502, 5002, "Cluster west can't be asked")


async def test_a_certificate_that_has_run_out_is_not_good(
    status_over: Secure, ca: tls.Pair, tmp_path: Path
) -> None:
    assert (await status_over(await tls.expired(tmp_path, "west", by=ca)))[0] == 502


async def test_a_peer_that_speaks_no_tls_where_it_should_is_not_asked(
    hub_of: Hub, ca: tls.Pair, west: FakeServer
) -> None:
    url = west.url("").replace("http:", "https:")
    async with hub_of(peer("west", url, trust=trusting(ca))) as hub:
        assert (await hub.ask(STATUS)).error[0] in (502, 504)
    assert not west.requests


async def test_no_depth_of_a_peers_figures_keeps_the_other_clusters_from_being_listed(
    hub_of: Hub, west: FakeServer
) -> None:
    # How deep an answer may be read depends on who calls, so all depths near the end are tried.
    for depth in range(900, 1000, 3):
        deep = b"[" * depth + b"]" * depth
        west.behaviour = sends(good(deep="@").replace(b'"@"', deep))
        async with hub_of(peer("west", west.url(""))) as hub:
            clusters = await hub.ask("/api/v1/clusters")
        assert [each["name"] for each in clusters.data["clusters"]] == ["hub", "west"], depth


@pytest.mark.parametrize("number", ["1e999", "9" * 5000, "-1", "1e400000"])
async def test_no_number_of_a_peers_keeps_the_other_clusters_from_being_listed(
    hub: Api, west: FakeServer, number: str
) -> None:
    west.behaviour = sends(good(running_tasks="@").replace(b'"@"', number.encode()))
    clusters = (await hub.ask("/api/v1/clusters")).data["clusters"]
    assert [(each["name"], each["status"]) for each in clusters] == [("hub", "ok"), ("west", "unreachable")]
