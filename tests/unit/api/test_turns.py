"""Whose token is reviewed next when more come than can be asked about."""

import asyncio

import pytest

from lens.api.access.turns import AT_ONCE, MOST_WAITING, NoTurnError, Turns


async def hold(turns: Turns, source: str, until: asyncio.Event) -> None:
    async with turns.turn(source):
        await until.wait()


async def test_a_flood_of_one_source_costs_another_no_more_than_the_turns_under_way() -> None:
    turns, over = Turns(), asyncio.Event()
    flood = [asyncio.create_task(hold(turns, "flood", over)) for _ in range(AT_ONCE + MOST_WAITING)]
    await asyncio.sleep(0)
    other = asyncio.create_task(hold(turns, "other", over))
    await asyncio.sleep(0)
    over.set()
    await asyncio.wait_for(other, 1)
    assert sum(not task.done() for task in flood) > MOST_WAITING // 2
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)


async def test_when_too_many_wait_the_oldest_of_the_longest_line_leaves_at_once() -> None:
    refused: list[None] = []
    turns, over = Turns(refused=lambda: refused.append(None)), asyncio.Event()
    flood = [asyncio.create_task(hold(turns, "flood", over)) for _ in range(AT_ONCE + MOST_WAITING + 10)]
    done, _ = await asyncio.wait(flood, timeout=0.05)
    assert done == set(flood[AT_ONCE : AT_ONCE + 10])
    assert {type(task.exception()) for task in done} == {NoTurnError}
    assert len(refused) == 10
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)


@pytest.mark.parametrize("moment", [0, 1, 2, 3])
async def test_whoever_goes_away_leaves_the_turn_to_others(moment: int) -> None:
    turns, over = Turns(), asyncio.Event()
    holding = [asyncio.create_task(hold(turns, "a", over)) for _ in range(AT_ONCE)]
    await asyncio.sleep(0)
    going = [asyncio.create_task(hold(turns, "b", over)) for _ in range(50)]
    await asyncio.sleep(0)
    over.set()
    await asyncio.wait(holding)
    for _ in range(moment):
        await asyncio.sleep(0)
    for task in going:
        task.cancel()
    await asyncio.gather(*going, return_exceptions=True)
    async with asyncio.timeout(2):
        await asyncio.gather(*(hold(turns, "c", over) for _ in range(AT_ONCE)))
