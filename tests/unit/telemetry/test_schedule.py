"""Readings are spread evenly, never late, and hardly spent on those that hang."""

import random
from itertools import pairwise

import pytest

from lens.telemetry.schedule import ScrapeSchedule

AGENT_SECONDS = 5.0


def schedule() -> ScrapeSchedule:
    return ScrapeSchedule(15.0, random.Random(7))


def test_a_sample_that_was_old_when_it_was_read_is_not_20_s_old_before_the_next() -> None:
    assert max(schedule().next_delay(0) for _ in range(10_000)) + AGENT_SECONDS < 19.0


def test_a_small_cluster_is_known_at_once_and_a_large_one_within_an_interval() -> None:
    assert max(schedule().first_delay(20) for _ in range(1000)) < 0.1
    firsts = [schedule().first_delay(100_000) for _ in range(1000)]
    assert max(firsts) <= 15.0


@pytest.mark.parametrize("targets", [300, 1000, 5000])
def test_only_the_first_scrapes_are_a_burst(targets: int) -> None:
    drawn = schedule()
    moments = []
    for _ in range(targets):
        moment = drawn.first_delay(targets)
        moments.append(moment)
        moment += drawn.next_delay(0, first=True)
        for _ in range(20):
            moments.append(moment)
            moment += drawn.next_delay(0)
    settled = [moment for moment in moments if 15 < moment < 195]
    by_3_s = [sum(start <= moment < start + 3 for moment in settled) for start in range(15, 195, 3)]
    assert max(by_3_s) < 1.6 * sum(by_3_s) / len(by_3_s)


def test_a_target_that_goes_on_hanging_is_asked_less_and_less_often() -> None:
    drawn = schedule()
    means = [sum(drawn.next_delay(hangs) for _ in range(1000)) / 1000 for hangs in (1, 2, 3)]
    assert all(after > 1.8 * before for before, after in pairwise(means))
    assert drawn.next_delay(1) <= 15.0
    assert drawn.next_delay(1000) <= 60.0


def test_two_replicas_do_not_ask_in_step() -> None:
    one, other = ScrapeSchedule(15.0, random.Random(1)), ScrapeSchedule(15.0, random.Random(2))
    assert [one.next_delay(0) for _ in range(5)] != [other.next_delay(0) for _ in range(5)]
