"""While changes come without end, whoever else needs Python gets half of the time."""

import asyncio
import time
from typing import cast

import aiohttp

from lens.kube.watch.batched_reader import LARGE_BYTES, BatchedReader


class Endless:
    """A response that always has more."""

    connection = None

    @property
    def content(self) -> "Endless":
        return self

    async def readany(self) -> bytes:
        return bytes(LARGE_BYTES)


async def test_a_large_batch_is_followed_by_a_pause_of_the_same_length() -> None:
    reader = BatchedReader(cast("aiohttp.ClientResponse", Endless()))
    loop = asyncio.get_running_loop()
    await reader.read()
    for _ in range(3):
        began = loop.time()
        until = time.monotonic() + 0.03
        while time.monotonic() < until:
            pass
        taken = loop.time()
        await reader.read()
        assert loop.time() - taken > 0.9 * (taken - began)


async def test_a_pause_is_never_longer_than_the_time_between_batches() -> None:
    reader = BatchedReader(cast("aiohttp.ClientResponse", Endless()))
    await reader.read()
    time.sleep(1)  # noqa: ASYNC251 - what takes long
    async with asyncio.timeout(0.9):
        await reader.read()
