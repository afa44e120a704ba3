"""Streams of other clusters: what their own Lenses tell, to whom may hear it, until either side ends it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.contract.conftest import NOW, TOKEN, Api, Clock
from tests.contract.kubernetes import Cluster, node, pod
from tests.contract.listening import HEAD, Stream, listen
from tests.contract.peering import SERVICE, lens, peer, rights

WEST = "/api/v1/realtime/stream?cluster=west"


@pytest.fixture
def west_cluster() -> Cluster:
    cluster = Cluster()
    cluster.add(node("w1"), pod("theirs", "w1", namespace="team-a"))
    cluster.publish(NOW)
    return cluster


@pytest.fixture
async def west(tmp_path: Path, west_cluster: Cluster, clock: Clock) -> AsyncIterator[Api]:
    async with lens("west", tmp_path, west_cluster, clock) as api:
        yield api


@pytest.fixture
async def hub(tmp_path: Path, cluster: Cluster, clock: Clock, west: Api) -> AsyncIterator[Api]:
    cluster.publish(NOW)
    async with lens("hub", tmp_path, cluster, clock, peers=[peer("west", west.server.url)]) as api:
        yield api


async def until_streams(api: Api, number: int, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Wait until a Lens has so many streams open."""
    async with asyncio.timeout(30):
        while f"\nlens_streams {number}.0\n".encode() not in (await api.ask("/metrics")).body:
            meanwhile()
            await asyncio.sleep(0.05)


async def until_ended(stream: Stream) -> None:
    """Hear heartbeats and nothing else. Raise EOFError when the stream ends."""
    while True:
        assert (await stream.next()).name == "heartbeat"


async def test_another_clusters_stream_is_that_of_its_own_lens(
    hub: Api, west: Api, west_cluster: Cluster
) -> None:
    async with listen(hub, path=WEST) as here, listen(west, path=WEST) as there:
        assert await here.next() == await there.next()
        west_cluster.add(pod("more", "w1", namespace="team-b"))
        west_cluster.publish(NOW)
        change = await here.next()
        assert change == await there.next()
    assert [row["pod_name"] for row in change.data["tasks"]["changed"]] == ["more"]


async def test_a_client_that_comes_back_to_another_clusters_stream_gets_what_it_missed(
    hub: Api, west: Api, west_cluster: Cluster
) -> None:
    async with listen(west, path=WEST) as keeper:
        first = await keeper.next()
        assert first.id is not None
        west_cluster.add(pod("more", "w1"))
        west_cluster.publish(NOW)
        await keeper.next()
        async with listen(hub, path=WEST, Last_Event_ID=first.id) as again:
            assert (await again.next()).name == "change"
        for odd in ("nonsense", "t\u00f6k\u00e9n", "x" * 5000):
            async with listen(hub, path=WEST, Last_Event_ID=odd) as again:
                assert (await again.next()).name == "snapshot"


async def test_a_teams_stream_has_only_its_own_tasks(
    tmp_path: Path, cluster: Cluster, clock: Clock, west: Api
) -> None:
    cluster.publish(NOW)
    tokens, peers = [rights("t", "namespaces: [team-a]")], [peer("west", west.server.url)]
    async with lens("hub", tmp_path, cluster, clock, peers=peers, tokens=tokens) as hub:
        assert (await hub.ask(WEST, token="t")).error[:2] == (403, 4003)
        assert (await hub.ask(f"{WEST}&namespace=team-b", token="t")).error[:2] == (403, 4003)
        async with listen(hub, "&namespace=team-a", token="t", path=WEST) as stream:
            first = await stream.next()
    assert first.data.keys() == {*HEAD, "tasks"}
    assert [row["pod_name"] for row in first.data["tasks"]] == ["theirs"]


async def test_with_the_callers_token_the_other_cluster_authorizes_streams(
    tmp_path: Path, cluster: Cluster, clock: Clock, west_cluster: Cluster
) -> None:
    cluster.publish(NOW)
    there, here = [rights("known")], [rights("known"), rights("stranger")]
    async with lens("west", tmp_path, west_cluster, clock, tokens=there) as west:
        peers = [peer("west", west.server.url, token=None)]
        async with lens(
            "hub", tmp_path, cluster, clock, peers=peers, tokens=here, peers_identity="caller"
        ) as hub:
            assert (await hub.ask(WEST, token="stranger")).error == (401, 4001, "Unauthorized")
            async with listen(hub, token="known", path=WEST) as stream:
                assert (await stream.next()).name == "snapshot"


async def test_when_the_other_lens_is_stopped_its_stream_ends_and_then_it_can_not_be_asked(
    hub: Api, west: Api
) -> None:
    async with listen(hub, path=WEST) as stream:
        await stream.next()
        await west.server.stop()
        with pytest.raises(EOFError):
            await stream.next()
    assert (await hub.ask(WEST)).error == (502, 5002, "Cluster west can't be asked")


async def test_when_this_lens_is_stopped_the_stream_ends_on_both_sides(
    tmp_path: Path, cluster: Cluster, clock: Clock, west_cluster: Cluster
) -> None:
    cluster.publish(NOW)
    # That a listener has gone shows at the next heartbeat.
    async with lens("west", tmp_path, west_cluster, clock, beat=1.0) as west:
        peers = [peer("west", west.server.url)]
        async with (
            lens("hub", tmp_path, cluster, clock, peers=peers) as hub,
            listen(hub, path=WEST) as stream,
        ):
            assert (await stream.next()).name == "snapshot"
            stopping = asyncio.create_task(hub.server.stop())
            with pytest.raises(EOFError):
                await until_ended(stream)
            async with asyncio.timeout(30):
                await stopping
        await until_streams(west, 0)


async def test_when_the_client_goes_the_other_lens_is_let_go_too(
    hub: Api, west: Api, west_cluster: Cluster
) -> None:
    async with listen(hub, path=WEST) as stream:
        await stream.next()
        await until_streams(west, 1)
    numbers = itertools.count()

    def go_on() -> None:
        west_cluster.add(pod(f"more-{next(numbers)}", "w1"))
        west_cluster.publish(NOW)

    # That a client has gone shows when the next is written.
    await until_streams(hub, 0, go_on)
    await until_streams(west, 0, go_on)


async def test_a_caller_has_only_so_many_streams_whichever_clusters_they_are_of(
    tmp_path: Path, cluster: Cluster, clock: Clock, west: Api
) -> None:
    cluster.publish(NOW)
    peers = [peer("west", west.server.url)]
    async with lens("hub", tmp_path, cluster, clock, peers=peers, streams_per_caller=2) as hub:
        own = WEST.replace("west", "hub")
        async with listen(hub, path=WEST), listen(hub, path=own):
            for path in (WEST, own):
                assert (await hub.ask(path)).error[:2] == (429, 4029)


async def test_a_hub_has_only_so_many_streams_at_its_peer_and_says_to_come_again(
    tmp_path: Path, cluster: Cluster, clock: Clock, west_cluster: Cluster
) -> None:
    cluster.publish(NOW)
    async with (
        lens("west", tmp_path, west_cluster, clock, streams_per_caller=1) as west,
        lens("hub", tmp_path, cluster, clock, peers=[peer("west", west.server.url)]) as hub,
        listen(hub, path=WEST) as stream,
    ):
        await stream.next()
        assert (await hub.ask(WEST)).error == (503, 5003, "Cluster west gets too many requests")
        assert (await hub.ask("/api/v1/realtime/status?cluster=west")).status == 200


async def test_a_right_that_is_taken_away_here_ends_the_stream_between_two_events(
    tmp_path: Path,
    cluster: Cluster,
    clock: Clock,
    west: Api,
    west_cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lens.api.stream.streams.REAUTHORIZE_SECONDS", 0.3)
    cluster.publish(NOW)
    async with (
        lens("hub", tmp_path, cluster, clock, peers=[peer("west", west.server.url)]) as hub,
        listen(hub, path=WEST) as stream,
    ):
        heard = [await stream.next()]
        (tmp_path / "hub-tokens.yaml").write_text("tokens:\n" + rights("another"))
        clock.now += 1
        while heard[-1].name != "error":
            west_cluster.add(pod(f"more-{len(heard)}", "w1"))
            west_cluster.publish(NOW)
            heard.append(await stream.next())
        assert {event.name for event in heard[1:-1]} == {"change"}
        assert heard[-1].data["code"] == 4001
        with pytest.raises(EOFError):
            await stream.next()


async def test_a_lens_does_not_listen_to_others_for_another_lens(hub: Api) -> None:
    assert (await hub.ask(WEST, Via="1.1 lens")).error == (404, 4004, "Cluster not found")


async def test_asking_what_a_stream_would_be_opens_none(hub: Api, west: Api) -> None:
    answer = await hub.ask(WEST, method="HEAD", token=TOKEN)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")
    assert b'route="/api/v1/realtime/stream"' not in (await west.ask("/metrics", token=SERVICE)).body
