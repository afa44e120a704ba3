"""Token buckets, by the numbers."""

from random import Random

from lens.api.access.limits import Limit

NOW = 1766158200.25


def test_the_burst_may_come_at_once_and_then_the_rate_holds() -> None:
    limit = Limit("caller", per_minute=500, burst=1000)
    assert not any(limit.take("a", NOW).exceeded for _ in range(1000))
    assert limit.take("a", NOW).exceeded
    taken = sum(not limit.take("a", NOW + tenths / 10).exceeded for tenths in range(600))
    assert 498 <= taken <= 500


def test_whoever_asks_evenly_at_the_rate_is_never_held_up() -> None:
    limit = Limit("caller", per_minute=500, burst=1)
    assert not any(limit.take("a", NOW + number * 60 / 500).exceeded for number in range(10_000))


def test_what_was_refused_costs_nothing() -> None:
    limit = Limit("caller", per_minute=60, burst=1)
    limit.take("a", NOW)
    for _ in range(1000):
        assert limit.take("a", NOW + 0.5).exceeded
    assert not limit.take("a", NOW + 1).exceeded


def test_after_the_told_seconds_there_is_room_and_before_there_is_not() -> None:
    for per_minute in (1, 7, 60, 500):
        limit = Limit("caller", per_minute, burst=3)
        for _ in range(3):
            limit.take("a", NOW)
        told = limit.take("a", NOW)
        assert (told.exceeded, told.left) == (True, 0)
        assert limit.look("a", NOW + told.seconds).left >= 1
        assert told.seconds == 1 or limit.take("a", NOW + told.seconds - 1).exceeded


def test_each_key_has_its_own() -> None:
    limit = Limit("caller", per_minute=60, burst=1)
    assert not limit.take("a", NOW).exceeded
    assert not limit.take("b", NOW).exceeded
    assert limit.take("a", NOW).exceeded


def test_looking_costs_nothing() -> None:
    limit = Limit("caller", per_minute=60, burst=2)
    assert {limit.look("a", NOW).left for _ in range(10)} == {2}
    limit.take("a", NOW)
    assert {limit.look("a", NOW).left for _ in range(10)} == {1}


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    limit = Limit("caller", per_minute=60, burst=2)
    for _ in range(3):
        limit.take("a", NOW)
    assert not limit.take("a", NOW - 3600).exceeded


def test_a_million_names_take_no_more_room_than_the_bound() -> None:
    limit = Limit("caller", per_minute=1, burst=1, most=100)
    limit.take("first", NOW)
    for number in range(1000):
        limit.take(number, NOW)
    assert limit.take(999, NOW).exceeded
    assert limit.take(900, NOW).exceeded
    assert not limit.take("first", NOW).exceeded


def test_never_more_than_the_bucket_holds_and_the_rate_adds() -> None:
    chance = Random(1)
    limit, now, taken = Limit("caller", per_minute=120, burst=10), NOW, 0
    for _ in range(5000):
        now += chance.expovariate(4)
        taken += not limit.take("a", now).exceeded
        assert taken <= 10 + (now - NOW) * 2 + 0.1
    assert taken >= (now - NOW) * 2 * 0.9


def test_the_fields_are_those_of_the_draft() -> None:
    limit = Limit("caller", per_minute=500, burst=1000)
    assert limit.take("a", NOW).fields == ('"caller";r=999;t=1', '"caller";q=1000;w=120')
