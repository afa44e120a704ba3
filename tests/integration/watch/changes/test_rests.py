"""While changes come without end, whoever else needs Python gets half of the time."""

import asyncio
import math
import time
from typing import cast

import aiohttp

from lens.kube.watch.batched_reader import (
    BATCH_SECONDS,
    CHANGE_BATCH_SECONDS,
    FIRST_BATCH_SECONDS,
    LARGE_BYTES,
    MANY_CHANGES,
    MANY_CHANGES_BATCH_SECONDS,
    QUIET_SECONDS,
    BatchedReader,
)


class Endless:
    """A response that always has more after a wait, so many bytes at once."""

    connection = None

    def __init__(self, size: int = LARGE_BYTES, wait: float = 0.0) -> None:
        self._size = size
        self._wait = wait

    @property
    def content(self) -> "Endless":
        return self

    async def readany(self) -> bytes:
        await asyncio.sleep(self._wait)
        return bytes(self._size)


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
        # On a busy machine it may have taken longer than a pause ever is.
        assert loop.time() - taken > 0.9 * min(taken - began, BATCH_SECONDS)


async def test_a_pause_is_never_longer_than_the_time_between_batches() -> None:
    clock = asyncio.get_running_loop().time
    async with asyncio.timeout(30):
        while True:
            reader = BatchedReader(cast("aiohttp.ClientResponse", Endless()))
            await reader.read()
            time.sleep(1)  # noqa: ASYNC251 - what takes long
            before = clock()
            await reader.read()
            if clock() < before + 0.9:
                break


async def test_a_batch_read_early_is_large_without_its_tls_records_and_chunk_sizes_too() -> None:
    """Else what has come meanwhile waits for the next period: a busy watch falls behind above 25 MB/s."""
    clock = asyncio.get_running_loop().time
    async with asyncio.timeout(30):
        while True:
            reader = BatchedReader(cast("aiohttp.ClientResponse", Endless(LARGE_BYTES - 17_000)))
            before = clock()
            for _ in range(20):
                await reader.read()
                reader.changes = 1
            if clock() < before + 15 * CHANGE_BATCH_SECONDS:
                break


async def test_amid_changes_the_next_batch_comes_sooner() -> None:
    clock = asyncio.get_running_loop().time
    async with asyncio.timeout(30):
        while True:
            reader = BatchedReader(cast("aiohttp.ClientResponse", Endless(1)))
            before = clock()
            await reader.read()
            received = clock()
            reader.changes = 1
            await reader.read()
            # A machine that stands still for a moment makes it too late, or the time before look quiet.
            if _next(before, CHANGE_BATCH_SECONDS) <= clock() < _next(received, BATCH_SECONDS):
                break


async def test_amid_changes_a_batch_without_any_delays_no_other() -> None:
    reader = BatchedReader(cast("aiohttp.ClientResponse", Endless(1)))
    clock = asyncio.get_running_loop().time
    async with asyncio.timeout(30):
        while True:
            await reader.read()
            reader.changes = 1
            await reader.read()
            received = clock()
            await reader.read()
            if clock() < _next(received, BATCH_SECONDS):
                break


async def test_amid_many_changes_it_comes_later() -> None:
    reader = BatchedReader(cast("aiohttp.ClientResponse", Endless(1)))
    clock = asyncio.get_running_loop().time
    async with asyncio.timeout(30):
        await reader.read()
        # On a busy machine a read may take as long as one that waits for a first line.
        later = 0
        while later < 3:
            reader.changes = MANY_CHANGES
            before = clock()
            await reader.read()
            later = later + 1 if clock() >= _next(before, MANY_CHANGES_BATCH_SECONDS) else 0
        # They count for a second, and are few soon after.
        while True:
            reader.changes = 1
            before = clock()
            await reader.read()
            if clock() < _next(before, CHANGE_BATCH_SECONDS) + CHANGE_BATCH_SECONDS / 2:
                break


async def test_a_machine_that_is_busy_makes_no_time_quiet() -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(30):
        while True:
            reader = BatchedReader(cast("aiohttp.ClientResponse", Endless(1)))
            await reader.read()
            reader.changes = 1
            late = _next(loop.time(), CHANGE_BATCH_SECONDS) - loop.time()
            loop.call_later(late - 0.002, time.sleep, 2 * QUIET_SECONDS)
            await reader.read()
            reader.changes = 1
            before = loop.time()
            await reader.read()
            # Others may have the processor just while a line is awaited.
            if loop.time() >= _next(before, CHANGE_BATCH_SECONDS):
                break


async def test_after_the_first_changes_of_a_quiet_time_it_comes_at_once() -> None:
    clock, wait = asyncio.get_running_loop().time, 1.5 * QUIET_SECONDS
    async with asyncio.timeout(30):
        while True:
            reader = BatchedReader(cast("aiohttp.ClientResponse", Endless(1, wait)))
            await reader.read()
            received = clock()
            reader.changes = 1
            await reader.read()
            assert clock() - received > FIRST_BATCH_SECONDS + wait - 0.002
            if clock() < _next(received, CHANGE_BATCH_SECONDS) + wait:
                break


async def test_without_changes_it_comes_when_all_streams_are_read() -> None:
    clock = asyncio.get_running_loop().time
    for _ in range(3):
        reader = BatchedReader(cast("aiohttp.ClientResponse", Endless(1)))
        before = clock()
        await reader.read()
        await reader.read()
        assert clock() >= _next(before, BATCH_SECONDS)


def _next(after: float, period: float) -> float:
    return (math.floor(after / period) + 1) * period - 0.001
