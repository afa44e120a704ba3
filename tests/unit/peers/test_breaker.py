"""Who fails is left alone for a while, and who is well again is found to be."""

from lens.peers.breaker import Breaker


def failed(breaker: Breaker, times: int, now: float) -> None:
    for _ in range(times):
        breaker.record_failure("timeout", now)


def test_two_failures_in_a_row_are_bad_luck_and_three_are_not() -> None:
    breaker = Breaker()
    failed(breaker, 2, 100.0)
    assert breaker.allows(100.0)
    failed(breaker, 1, 100.0)
    assert not breaker.allows(100.0)
    assert breaker.last_failure == "timeout"


def test_failures_between_answers_are_not_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(5):
        failed(breaker, 2, 100.0)
        breaker.record_success()
    assert breaker.allows(100.0)


def test_after_a_pause_one_request_goes_ahead_and_the_others_wait_for_what_comes_of_it() -> None:
    breaker = Breaker()
    failed(breaker, 3, 100.0)
    assert not breaker.allows(101.9)
    assert breaker.allows(102.0)
    assert not breaker.allows(102.0)
    breaker.record_success()
    assert breaker.allows(102.1)
    assert breaker.allows(102.1)


def test_each_pause_is_twice_as_long_up_to_half_a_minute() -> None:
    breaker, now, pauses = Breaker(), 100.0, []
    failed(breaker, 3, now)
    for _ in range(7):
        since = now
        while not breaker.allows(now):
            now += 0.5
        pauses.append(now - since)
        failed(breaker, 1, now)
    assert pauses == [2, 4, 8, 16, 30, 30, 30]


def test_requests_that_were_under_way_together_lengthen_no_pause() -> None:
    breaker = Breaker()
    failed(breaker, 30, 100.0)
    assert breaker.allows(102.0)


def test_a_probe_without_an_end_blocks_no_later_one() -> None:
    breaker = Breaker()
    failed(breaker, 3, 100.0)
    assert breaker.allows(102.0)
    assert breaker.allows(106.0)


def test_one_who_was_well_for_a_time_starts_with_a_short_pause_again() -> None:
    breaker = Breaker()
    failed(breaker, 3, 100.0)
    assert breaker.allows(150.0)
    breaker.record_success()
    failed(breaker, 3, 160.0)
    assert not breaker.allows(161.9)
    assert breaker.allows(162.0)
