"""The order in which token reviews get their slots."""

import asyncio

import pytest

from lens.api.access.fair_queue import MAX_CONCURRENT, MAX_WAITING, FairQueue, QueueTimeoutError


async def hold(queue: FairQueue, source: str, until: asyncio.Event) -> None:
    async with queue.slot(source):
        await until.wait()


async def test_a_flood_from_one_source_delays_another_source_by_the_current_slots_only() -> None:
    queue, done_event = FairQueue(), asyncio.Event()
    flood = [
        asyncio.create_task(hold(queue, "flood", done_event)) for _ in range(MAX_CONCURRENT + MAX_WAITING)
    ]
    await asyncio.sleep(0)
    other = asyncio.create_task(hold(queue, "other", done_event))
    await asyncio.sleep(0)
    done_event.set()
    await asyncio.wait_for(other, 30)
    assert sum(not task.done() for task in flood) > MAX_WAITING // 2
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)


async def test_a_full_queue_removes_the_oldest_waiter_of_the_longest_queue_at_once() -> None:
    refused: list[None] = []
    queue, done_event = FairQueue(refused=lambda: refused.append(None)), asyncio.Event()
    flood = [
        asyncio.create_task(hold(queue, "flood", done_event))
        for _ in range(MAX_CONCURRENT + MAX_WAITING + 10)
    ]
    done, _ = await asyncio.wait(flood, timeout=0.05)
    assert done == set(flood[MAX_CONCURRENT : MAX_CONCURRENT + 10])
    assert {type(task.exception()) for task in done} == {QueueTimeoutError}
    assert len(refused) == 10
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)


@pytest.mark.parametrize("moment", [0, 1, 2, 3])
async def test_a_cancelled_waiter_passes_its_slot_on(moment: int) -> None:
    queue, done_event = FairQueue(), asyncio.Event()
    holding = [asyncio.create_task(hold(queue, "a", done_event)) for _ in range(MAX_CONCURRENT)]
    await asyncio.sleep(0)
    cancelled = [asyncio.create_task(hold(queue, "b", done_event)) for _ in range(50)]
    await asyncio.sleep(0)
    done_event.set()
    await asyncio.wait(holding)
    for _ in range(moment):
        await asyncio.sleep(0)
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)
    async with asyncio.timeout(30):
        await asyncio.gather(*(hold(queue, "c", done_event) for _ in range(MAX_CONCURRENT)))
