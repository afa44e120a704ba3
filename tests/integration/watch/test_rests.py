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


async def test_much_is_read_on_after_as_long_a_rest_as_it_took_to_take_in() -> None:
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


async def test_a_rest_is_never_longer_than_between_gulps() -> None:
    reader = BatchedReader(cast("aiohttp.ClientResponse", Endless()))
    await reader.read()
    time.sleep(1)  # noqa: ASYNC251 - what takes long
    async with asyncio.timeout(0.9):
        await reader.read()
