"""What is kept of reviews."""

import asyncio

import pytest

from lens.api.access.verdicts import BAD_SECONDS, GOOD_SECONDS, Verdicts
from lens.model.k8s.access import ReviewFailedError


class Asked:
    """Somebody who answers what the test sets, and counts how often."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = list(answers)
        self.times = 0

    async def __call__(self) -> bool:
        self.times += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await asyncio.sleep(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("answer", "seconds"), [(True, GOOD_SECONDS), (False, BAD_SECONDS)])
async def test_an_answer_is_good_for_its_time_and_no_longer(answer: bool, seconds: float) -> None:
    clock, asked = Clock(), Asked(answer)
    verdicts = Verdicts[str, bool](clock)
    for moment in (0.0, 1.0, seconds - 0.1):
        clock.now = 1000 + moment
        assert await verdicts.of("a", asked) is answer
    assert asked.times == 1
    clock.now = 1000 + seconds
    await verdicts.of("a", asked)
    assert asked.times == 2


async def test_the_latest_answer_takes_the_place_of_an_opposite_one() -> None:
    clock, asked = Clock(), Asked(True, False, True)
    verdicts = Verdicts[str, bool](clock)
    assert await verdicts.of("a", asked)
    clock.now += GOOD_SECONDS
    assert not await verdicts.of("a", asked)
    clock.now += BAD_SECONDS
    assert await verdicts.of("a", asked)


async def test_that_nobody_answered_is_not_kept() -> None:
    asked = Asked(ReviewFailedError("no"), True)
    verdicts = Verdicts[str, bool](Clock())
    with pytest.raises(ReviewFailedError):
        await verdicts.of("a", asked)
    assert await verdicts.of("a", asked)


async def test_many_who_want_to_know_ask_once_and_all_hear_of_a_failure() -> None:
    asked = Asked(ReviewFailedError("no"))
    verdicts = Verdicts[str, bool](Clock())
    outcomes = await asyncio.gather(*(verdicts.of("a", asked) for _ in range(20)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {ReviewFailedError}
    assert asked.times == 1


async def test_whoever_goes_away_takes_nothing_from_the_others() -> None:
    asked = Asked(True)
    verdicts = Verdicts[str, bool](Clock())
    first, second = (asyncio.create_task(verdicts.of("a", asked)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is True
    assert asked.times == 1


async def test_no_number_of_wrong_tokens_pushes_a_right_one_out() -> None:
    right = Asked(True)
    verdicts = Verdicts[int, bool](Clock(), most=10)
    await verdicts.of(0, right)
    for number in range(1, 1000):
        await verdicts.of(number, Asked(False))
    assert await verdicts.of(0, right)
    assert right.times == 1
    again = Asked(False)
    await verdicts.of(1, again)
    assert again.times == 1


async def test_only_so_many_are_asked_about_at_once() -> None:
    hanging = asyncio.Event()

    async def ask() -> bool:
        return await hanging.wait()

    verdicts = Verdicts[int, bool](Clock())
    waiting = [asyncio.create_task(verdicts.of(number, ask)) for number in range(1000)]
    done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION, timeout=10)
    assert {type(each.exception()) for each in done} == {ReviewFailedError}
    assert 0 < len(pending) < 1000
    hanging.set()
    assert all(await asyncio.gather(*pending))


async def test_a_yes_is_asked_for_again_however_many_others_are_asked_about() -> None:
    """It would stand on for minutes after a right was taken away, or fall where it may not stand."""
    hanging, clock, asked = asyncio.Event(), Clock(), Asked(True, False)

    async def ask() -> bool:
        return await hanging.wait()

    verdicts = Verdicts[int, bool](clock, stale_seconds=600.0)
    assert await verdicts.of(-1, asked)
    waiting = [asyncio.create_task(verdicts.of(number, ask)) for number in range(1000)]
    await asyncio.sleep(0)
    clock.now += GOOD_SECONDS
    assert not await verdicts.of(-1, asked)
    hanging.set()
    await asyncio.gather(*waiting, return_exceptions=True)
