"""A soak's samples are taken when nothing that Lens held for its callers is left."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable

import pytest

from tests.soak import rest
from tests.soak.rest import NoRestError
from tests.soak.samples import NoSampleError, Sample

BUSY = dict.fromkeys(Sample._fields, 0) | {"connections": 4, "streams": 3}
IDLE = BUSY | {"connections": 1, "streams": 0}


def taking(seen: Iterable[dict[str, int] | None]) -> Callable[[], Awaitable[Sample]]:
    """Return what takes these samples one after another, the last of them again and again; None is none."""
    *first, last = seen
    left = itertools.chain(first, itertools.repeat(last))

    async def take() -> Sample:
        if (fields := next(left)) is None:
            raise NoSampleError("no sample: HTTP status 503")
        return Sample(**fields)

    return take


def test_it_begins_when_callers_are_gone_and_memory_was_given_back_since() -> None:
    looked = 0
    take = taking([BUSY, None, BUSY | {"streams": 0}, IDLE | {"streams": 1}, IDLE | {"cache_mb": 1}, IDLE])

    async def counted() -> Sample:
        nonlocal looked
        looked += 1
        return await take()

    trims = iter(range(1000))
    asyncio.run(rest.begin(counted, lambda: next(trims) // 3))
    assert looked == 6
    # 0 0 0 1 is the first change, which may have begun before, and 1 1 1 2 the second.
    assert next(trims) >= 7


@pytest.mark.parametrize(
    ("seen", "trims", "missing"),
    [
        (BUSY, itertools.count(), "3 connections, 3 streams, 0 MB of cached responses 0.3 s after"),
        (IDLE | {"cache_mb": 2}, itertools.count(), "2 MB of cached responses"),
        (IDLE | {"streams": 1}, itertools.count(), "0 connections, 1 streams"),
        (None, itertools.count(), "HTTP status 503"),
        (IDLE, itertools.repeat(7), "no free memory given back"),
        (IDLE, itertools.chain([7], itertools.repeat(8)), "no free memory given back"),
    ],
)
def test_it_says_what_is_missing_if_it_does_not_begin(
    seen: dict[str, int] | None, trims: Iterable[int], missing: str
) -> None:
    numbers = iter(trims)
    with pytest.raises(NoRestError, match=missing):
        asyncio.run(rest.begin(taking([seen]), lambda: next(numbers), deadline_s=0.3))
