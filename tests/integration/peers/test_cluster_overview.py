"""All clusters' figures while a peer hangs, is older, or reports what can't be."""

import asyncio
import json
import time

import pytest

from tests.contract.conftest import Api
from tests.contract.peering import peer
from tests.integration.peers.peer_answers import BAD, PRODUCT, Hub, good, until_counted, wrapped
from tests.integration.telemetry import server as peers
from tests.integration.telemetry.server import Connection, FakeServer, sends


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
