"""However many answers are under way, memory and connections are bounded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from lens.http_client import FAIR_SHARE_BYTES
from lens.telemetry.scrape_client import ScrapeClient
from lens.telemetry.scrape_error import ScrapeError
from tests.integration.telemetry import server
from tests.integration.telemetry.scene import target


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Give a stack for what a test starts."""
    async with AsyncExitStack() as stack:
        yield stack


async def test_many_large_answers_at_once_are_cut_and_small_ones_are_not(stack: AsyncExitStack) -> None:
    size = FAIR_SHARE_BYTES + 50_000

    async def send_much_and_hang(connection: server.Connection) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b" " * size)
        await asyncio.Event().wait()

    client = await stack.enter_async_context(ScrapeClient(20, None, None, max_bytes_in_flight=4 * size))
    large = [await stack.enter_async_context(server.FakeServer(send_much_and_hang)) for _ in range(12)]
    small = await stack.enter_async_context(server.FakeServer(server.agent("node-1")))
    asking = [
        asyncio.create_task(client.get(target(f"node-{i}", each), keep=True)) for i, each in enumerate(large)
    ]
    done, pending = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    while len(pending) > 4:
        more, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    for task in done:
        with pytest.raises(ScrapeError) as refused:
            task.result()
        assert refused.value.reason == "too_large"
    answer = await client.get(target("node-1", small), keep=True)
    assert answer.body.startswith(b"{")
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)


async def test_connections_are_kept_only_if_asked_for(stack: AsyncExitStack) -> None:
    client = await stack.enter_async_context(ScrapeClient(5, None, None))
    agent = await stack.enter_async_context(server.FakeServer(server.agent("node-1")))
    connections = []
    for keep in (True, True, False, False, True):
        await client.get(target("node-1", agent), keep=keep)
        connections.append(agent.connections)
    assert connections == [1, 1, 2, 3, 3]
