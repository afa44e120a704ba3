"""The cache of access reviews."""

import asyncio
import weakref

import pytest

from lens.api.access.review_cache import NEGATIVE_TTL_SECONDS, POSITIVE_TTL_SECONDS, ReviewCache
from lens.model.k8s.access import ReviewFailedError


class Reviewer:
    """A review with the test's results, which counts its calls."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = list(answers)
        self.calls = 0

    async def __call__(self) -> bool:
        self.calls += 1
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


@pytest.mark.parametrize(("answer", "seconds"), [(True, POSITIVE_TTL_SECONDS), (False, NEGATIVE_TTL_SECONDS)])
async def test_a_result_is_cached_for_its_ttl(answer: bool, seconds: float) -> None:
    clock, review = Clock(), Reviewer(answer)
    cache = ReviewCache[str, bool](clock)
    for moment in (0.0, 1.0, seconds - 0.1):
        clock.now = 1000 + moment
        assert await cache.get("a", review) is answer
    assert review.calls == 1
    clock.now = 1000 + seconds
    await cache.get("a", review)
    assert review.calls == 2


async def test_a_new_result_replaces_an_opposite_one() -> None:
    clock, review = Clock(), Reviewer(True, False, True)
    cache = ReviewCache[str, bool](clock)
    assert await cache.get("a", review)
    clock.now += POSITIVE_TTL_SECONDS
    assert not await cache.get("a", review)
    clock.now += NEGATIVE_TTL_SECONDS
    assert await cache.get("a", review)


async def test_a_failure_is_not_cached() -> None:
    review = Reviewer(ReviewFailedError("no"), True)
    cache = ReviewCache[str, bool](Clock())
    with pytest.raises(ReviewFailedError):
        await cache.get("a", review)
    assert await cache.get("a", review)


async def test_concurrent_callers_share_one_review_and_its_failure() -> None:
    review = Reviewer(ReviewFailedError("no"))
    cache = ReviewCache[str, bool](Clock())
    outcomes = await asyncio.gather(*(cache.get("a", review) for _ in range(20)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {ReviewFailedError}
    assert review.calls == 1


async def test_a_cancelled_caller_does_not_cancel_the_review_for_others() -> None:
    review = Reviewer(True)
    cache = ReviewCache[str, bool](Clock())
    first, second = (asyncio.create_task(cache.get("a", review)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is True
    assert review.calls == 1


async def test_wrong_tokens_never_evict_a_right_one() -> None:
    right = Reviewer(True)
    cache = ReviewCache[int, bool](Clock(), max_entries=10)
    await cache.get(0, right)
    for number in range(1, 1000):
        await cache.get(number, Reviewer(False))
    assert await cache.get(0, right)
    assert right.calls == 1
    again = Reviewer(False)
    await cache.get(1, again)
    assert again.calls == 1


async def test_pending_reviews_are_bounded() -> None:
    hanging = asyncio.Event()

    async def hang() -> bool:
        return await hanging.wait()

    cache = ReviewCache[int, bool](Clock())
    waiting = [asyncio.create_task(cache.get(number, hang)) for number in range(1000)]
    done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION, timeout=10)
    assert {type(each.exception()) for each in done} == {ReviewFailedError}
    assert 0 < len(pending) < 1000
    hanging.set()
    assert all(await asyncio.gather(*pending))


async def test_a_positive_result_is_renewed_however_many_reviews_are_pending() -> None:
    """Otherwise a revoked right would be served stale for minutes, or a valid one would end."""
    hanging, clock, review = asyncio.Event(), Clock(), Reviewer(True, False)

    async def hang() -> bool:
        return await hanging.wait()

    cache = ReviewCache[int, bool](clock, stale_seconds=600.0)
    assert await cache.get(-1, review)
    waiting = [asyncio.create_task(cache.get(number, hang)) for number in range(1000)]
    await asyncio.sleep(0)
    clock.now += POSITIVE_TTL_SECONDS
    assert not await cache.get(-1, review)
    hanging.set()
    await asyncio.gather(*waiting, return_exceptions=True)


class Result:
    """A review's result, of which it can be seen whether it is kept."""

    def __init__(self, is_positive: bool) -> None:
        self.is_positive = is_positive

    def __bool__(self) -> bool:
        return self.is_positive


@pytest.mark.parametrize(
    ("is_positive", "seconds"), [(True, 6 * POSITIVE_TTL_SECONDS), (False, NEGATIVE_TTL_SECONDS)]
)
async def test_a_result_of_no_use_is_dropped_when_another_comes(is_positive: bool, seconds: float) -> None:
    """Tokens are rotated: thousands of results of those before would stay."""
    clock = Clock()
    cache = ReviewCache[int, Result](clock)

    async def review() -> Result:
        return Result(is_positive)

    old = weakref.ref(await cache.get(0, review))
    clock.now += 1
    newer = weakref.ref(await cache.get(1, review))
    clock.now += seconds - 1.1
    await cache.get(2, review)
    assert old() is not None
    clock.now += 0.1
    await cache.get(3, review)
    assert old() is None
    assert newer() is not None


async def test_whose_result_is_renewed_is_known_all_the_time() -> None:
    clock, review = Clock(), Reviewer(True)
    cache = ReviewCache[int, bool](clock, stale_seconds=600.0)
    for _ in range(10):
        await cache.get(0, review)
        assert cache.has_positive(0)
        clock.now += 1800
        await cache.get(1, review)
        assert cache.has_positive(0)
    clock.now += 1800
    await cache.get(1, review)
    assert not cache.has_positive(0)
