"""A hub whose peer is slow goes on answering everybody, however much one caller asks of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from lens.peers.request_slots import WAIT_SECONDS, RequestSlots
from tests.contract.conftest import NOW, TOKEN, Api, Clock
from tests.contract.kubernetes import Cluster
from tests.contract.peering import lens, peer, rights

NODE = "/api/v1/realtime/nodes/{}?cluster=west"
ANSWER = b'{"meta":{"code":2000,"message":"OK"},"data":{"cluster":"west"}}'


class West:
    """A peer that answers when it is let."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = asyncio.Event()
        self.url = ""

    async def answer(self, request: web.BaseRequest) -> web.Response:
        self.asked.append(request.path)
        await self.answers.wait()
        return web.Response(body=ANSWER, content_type="application/json")

    async def has(self, number: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(30):
            while len(self.asked) < number:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)


@pytest.fixture
async def west() -> AsyncIterator[West]:
    west = West()
    runner = web.ServerRunner(web.Server(west.answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    west.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield west
    west.answers.set()
    await runner.cleanup()


@pytest.fixture
def wait_seconds() -> float:
    """Return for how long a request waits for its turn."""
    return WAIT_SECONDS


@pytest.fixture
async def hub(
    tmp_path: Path, cluster: Cluster, clock: Clock, west: West, wait_seconds: float
) -> AsyncIterator[Api]:
    cluster.publish(NOW)
    to_west = peer("west", west.url, slots=RequestSlots(wait_seconds))
    tokens = [
        rights(TOKEN, name="other"),
        *(rights(f"many-{each}", name=f"many-{each}") for each in range(9)),
    ]
    async with lens(
        "hub", tmp_path, cluster, clock, peers=[to_west], tokens=tokens, requests_burst=10_000
    ) as api:
        yield api


def ask_much(hub: Api, caller: int = 0, number: int = 60) -> list["asyncio.Task[int]"]:
    async def ask(each: int) -> int:
        return (await hub.ask(NODE.format(f"{caller}-{each}"), token=f"many-{caller}")).status

    return [asyncio.create_task(ask(each)) for each in range(number)]


@pytest.mark.parametrize("wait_seconds", [60.0])
async def test_one_caller_leaves_room_for_others(hub: Api, west: West) -> None:
    many = ask_much(hub)
    await west.has(8)
    others = asyncio.create_task(hub.ask(NODE.format("mine")))
    await west.has(9)
    assert west.asked[-1].endswith("/mine")
    west.answers.set()
    assert (await others).status == 200
    told = await asyncio.gather(*many)
    assert set(told) == {200, 503}
    assert told.count(200) == 8 + 32
    assert b'lens_peer_requests_total{outcome="busy",peer="west"} 20.0' in (await hub.ask("/metrics")).body


@pytest.mark.parametrize("wait_seconds", [60.0])
async def test_when_all_is_taken_callers_are_next_one_after_the_other(hub: Api, west: West) -> None:
    many = [task for caller in range(4) for task in ask_much(hub, caller, 20)]
    await west.has(32)
    other = asyncio.create_task(hub.ask(NODE.format("mine")))
    same = asyncio.create_task(hub.ask(NODE.format("0-19")))  # which another waits for too
    await asyncio.sleep(0.05)
    assert len(west.asked) == 32
    west.answers.set()
    assert ((await other).status, (await same).status) == (200, 200)
    assert next(at for at, path in enumerate(west.asked) if path.endswith("/mine")) < 32 + 5
    assert set(await asyncio.gather(*many)) == {200}


async def test_a_request_that_waits_too_long_is_503_with_retry_after(hub: Api, west: West) -> None:
    many = [task for caller in range(4) for task in ask_much(hub, caller, 8)]
    await west.has(32)
    answer = await hub.ask(NODE.format("mine"))
    assert answer.error[:2] == (503, 5003)
    assert answer.headers["Retry-After"] == "2"
    west.answers.set()
    assert set(await asyncio.gather(*many)) == {200}
