"""Long works in one loop hold up nobody else."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from lens.concurrency import slices
from tests.held import held

WORK_SECONDS = 0.0005
ITEMS = 200


def work(item: int) -> int:
    until = time.thread_time() + WORK_SECONDS
    while time.thread_time() < until:
        pass
    return item


async def test_many_long_works_hold_the_loop_for_a_slice_of_one_of_them() -> None:
    """Each in slices of its own, all eight would hold it for eight slices."""
    async with held() as loop:
        made = await asyncio.gather(*(slices.each(work, range(ITEMS)) for _ in range(8)))
    assert made == [list(range(ITEMS))] * 8
    assert loop.longest < loop.total / 5


async def test_a_short_work_is_done_at_once() -> None:
    with pytest.raises(StopIteration) as done:
        slices.each(str, range(3)).send(None)
    assert done.value.value == ["0", "1", "2"]


async def test_a_work_that_fails_or_is_cancelled_leaves_the_turn_to_others() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    long = asyncio.create_task(slices.each(work, range(10_000)))
    await asyncio.sleep(0)
    failing = asyncio.create_task(slices.each(work, broken()))
    await asyncio.sleep(0)
    long.cancel()
    results = await asyncio.gather(long, failing, return_exceptions=True)
    assert [type(each) for each in results] == [asyncio.CancelledError, ValueError]
    async with asyncio.timeout(30):
        assert await slices.each(work, [7]) == [7]
