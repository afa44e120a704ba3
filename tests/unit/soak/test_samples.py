"""How much a figure of a soak has grown a day, whatever comes and goes meanwhile."""

import pytest

from tests.soak.samples import Sample, last_two_thirds, slope_a_day

PER_HOUR = 40


def day(mb_an_hour: float, garbage_mb: float = 0.0) -> list[Sample]:
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
        for number in range(24 * PER_HOUR)
    ]


@pytest.mark.parametrize("garbage_mb", [0.0, 3.0])
@pytest.mark.parametrize("mb_an_hour", [0.0, 0.5, -0.1])
def test_the_slope_is_that_of_what_stays(mb_an_hour: float, garbage_mb: float) -> None:
    samples = day(mb_an_hour, garbage_mb)
    assert slope_a_day(samples, "rss_mb") == pytest.approx(24 * mb_an_hour)
    assert slope_a_day(samples, "descriptors") == 0


def test_the_first_third_is_left_out_and_an_hour_alone_has_no_slope() -> None:
    samples = day(1.0)
    kept = last_two_thirds(samples)
    assert kept[0].hour == pytest.approx(8, abs=0.1)
    assert len(kept) == pytest.approx(len(samples) * 2 / 3, abs=1)
    assert slope_a_day(samples[:PER_HOUR], "rss_mb") == 0
