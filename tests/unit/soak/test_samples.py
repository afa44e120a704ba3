"""How much a figure of a soak has grown a day, whatever comes and goes meanwhile."""

import random
import statistics
from math import inf

import pytest

from tests.soak.samples import BOUNDS, Growth, Sample, growth, judge, last_two_thirds

PER_HOUR = 40


def day(mb_an_hour: float, garbage_mb: float = 0.0, hours: int = 24) -> list[Sample]:
    """Return a day's samples: RSS grows, and garbage is collected every tenth sample."""
    return [
        Sample(
            hour=number / PER_HOUR,
            rss_mb=100 + mb_an_hour * (number // PER_HOUR) + garbage_mb * (number % 10),
            descriptors=80,
            threads=15,
            tasks=20,
            connections=1,
            streams=0,
            heap_mb=20.0,
            arenas_mb=50.0,
            cache_mb=1.0,
            pods=5,
            alerts=0,
        )
        for number in range(hours * PER_HOUR)
    ]


@pytest.mark.parametrize("garbage_mb", [0.0, 3.0])
@pytest.mark.parametrize("mb_an_hour", [0.0, 0.5, -0.1])
def test_the_growth_is_that_of_what_stays(mb_an_hour: float, garbage_mb: float) -> None:
    samples = day(mb_an_hour, garbage_mb)
    found = growth(samples, "rss_mb")
    assert found.a_day == pytest.approx(24 * mb_an_hour)
    assert found.error == pytest.approx(0, abs=1e-6)
    assert growth(samples, "descriptors") == (0, 0)


def test_the_first_third_is_left_out_and_of_a_few_hours_nothing_is_known() -> None:
    samples = day(1.0)
    kept = last_two_thirds(samples)
    assert kept[0].hour == pytest.approx(8, abs=0.1)
    assert len(kept) == pytest.approx(len(samples) * 2 / 3, abs=1)
    assert growth(samples[: 3 * PER_HOUR], "rss_mb") == (0, inf)


@pytest.mark.parametrize("end", [23.92, 23.99, 24.02, 24.4])
def test_a_part_of_an_hour_at_an_end_of_the_day_is_no_growth(end: float) -> None:
    """The least in a part has the garbage that later samples of the hour don't have."""
    every = 1 / PER_HOUR
    samples = [each._replace(hour=each.hour + end % every) for each in day(0.0, garbage_mb=3.0, hours=25)]
    kept = last_two_thirds([each for each in samples if each.hour <= end])
    assert kept[-1].hour - kept[0].hour == pytest.approx(16, abs=0.15)
    found = growth(kept, "rss_mb")
    assert found.a_day == pytest.approx(0, abs=1e-6)
    assert found.error == pytest.approx(0, abs=1e-6)
    assert last_two_thirds([]) == []


def noisy(leak_mb: float, wander: float, seed: int) -> list[Sample]:
    """Return the samples of three days of a leak, whose RSS wanders: each hour takes after the one before."""
    chance, level, usual = random.Random(seed), 0.0, day(0.0, hours=1)[0]
    made = []
    for hour in range(72):
        level = wander * level + chance.gauss(0, 1)
        rss = 200 + leak_mb * hour / 24 + level
        made.append(usual._replace(hour=float(hour), rss_mb=rss))
    return made


@pytest.mark.parametrize("wander", [0.0, 0.7])
def test_the_error_is_how_far_the_growth_is_from_the_true_one(wander: float) -> None:
    found = [growth(noisy(5.0, wander, seed), "rss_mb") for seed in range(100)]
    mean = statistics.fmean(each.a_day for each in found)
    assert mean == pytest.approx(5, abs=0.3)
    off = statistics.pstdev(each.a_day for each in found)
    assert statistics.fmean(each.error for each in found) == pytest.approx(off, rel=0.25)
    assert sum(abs(each.a_day - 5) > 2 * each.error for each in found) / len(found) < 0.15


@pytest.mark.parametrize("seed", range(10))
def test_a_leak_fails_and_what_only_wanders_does_not_grow(seed: int) -> None:
    others = dict.fromkeys(BOUNDS, Growth(0.0, 0.0))
    leaks, wanders = (growth(noisy(leak_mb, 0.3, seed), "rss_mb") for leak_mb in (5.0, 0.0))
    assert "rss_mb grows" in judge({**others, "rss_mb": leaks}, 72)[0]
    assert not any(
        "grows by" in each and "neither" not in each for each in judge({**others, "rss_mb": wanders}, 72)
    )


@pytest.mark.parametrize(
    ("rss", "said"),
    [
        (Growth(0.2, 0.3), None),
        (Growth(-9.0, 3.0), None),
        (Growth(5.0, 1.5), "rss_mb grows by +5.00±1.50 a day, over 1"),
        # In 8 times as many hours the error is 22 times smaller: 8 / 22 MB, twice which is less than 0.8.
        (Growth(0.2, 8.0), "neither that it grows by more than 1 nor that it doesn't; --hours 177 might"),
        (Growth(2.0, 0.9), "neither"),
    ],
)
def test_a_growth_is_refuted_or_shown_or_the_run_is_too_short(rss: Growth, said: str | None) -> None:
    others = dict.fromkeys(BOUNDS, Growth(0.0, 0.0))
    problems = judge({**others, "rss_mb": rss}, 24)
    assert len(problems) == (said is not None)
    assert said is None or said in problems[0]
