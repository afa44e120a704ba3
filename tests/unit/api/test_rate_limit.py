"""The arithmetic of token buckets."""

from random import Random

from lens.api.rate_limit import RateLimiter

NOW = 1766158200.25


def test_a_burst_is_allowed_and_then_the_rate_applies() -> None:
    limiter = RateLimiter("caller", per_minute=500, burst=1000)
    assert not any(limiter.consume("a", NOW).exceeded for _ in range(1000))
    assert limiter.consume("a", NOW).exceeded
    allowed = sum(not limiter.consume("a", NOW + tenths / 10).exceeded for tenths in range(600))
    assert 498 <= allowed <= 500


def test_an_even_rate_is_never_limited() -> None:
    limiter = RateLimiter("caller", per_minute=500, burst=1)
    assert not any(limiter.consume("a", NOW + number * 60 / 500).exceeded for number in range(10_000))


def test_a_refused_request_is_not_counted() -> None:
    limiter = RateLimiter("caller", per_minute=60, burst=1)
    limiter.consume("a", NOW)
    for _ in range(1000):
        assert limiter.consume("a", NOW + 0.5).exceeded
    assert not limiter.consume("a", NOW + 1).exceeded


def test_the_reset_seconds_are_exact() -> None:
    for per_minute in (1, 7, 60, 500):
        limiter = RateLimiter("caller", per_minute, burst=3)
        for _ in range(3):
            limiter.consume("a", NOW)
        state = limiter.consume("a", NOW)
        assert (state.exceeded, state.remaining) == (True, 0)
        assert limiter.peek("a", NOW + state.reset_seconds).remaining >= 1
        assert state.reset_seconds == 1 or limiter.consume("a", NOW + state.reset_seconds - 1).exceeded


def test_each_key_has_its_own_bucket() -> None:
    limiter = RateLimiter("caller", per_minute=60, burst=1)
    assert not limiter.consume("a", NOW).exceeded
    assert not limiter.consume("b", NOW).exceeded
    assert limiter.consume("a", NOW).exceeded


def test_peek_counts_nothing() -> None:
    limiter = RateLimiter("caller", per_minute=60, burst=2)
    assert {limiter.peek("a", NOW).remaining for _ in range(10)} == {2}
    limiter.consume("a", NOW)
    assert {limiter.peek("a", NOW).remaining for _ in range(10)} == {1}


def test_a_clock_that_is_set_back_limits_nobody() -> None:
    limiter = RateLimiter("caller", per_minute=60, burst=2)
    for _ in range(3):
        limiter.consume("a", NOW)
    assert not limiter.consume("a", NOW - 3600).exceeded


def test_the_number_of_buckets_is_bounded() -> None:
    limiter = RateLimiter("caller", per_minute=1, burst=1, max_buckets=100)
    limiter.consume("first", NOW)
    for number in range(1000):
        limiter.consume(number, NOW)
    assert limiter.consume(999, NOW).exceeded
    assert limiter.consume(900, NOW).exceeded
    assert not limiter.consume("first", NOW).exceeded


def test_no_more_is_allowed_than_the_bucket_and_the_rate() -> None:
    chance = Random(1)
    limiter, now, allowed = RateLimiter("caller", per_minute=120, burst=10), NOW, 0
    for _ in range(5000):
        now += chance.expovariate(4)
        allowed += not limiter.consume("a", now).exceeded
        assert allowed <= 10 + (now - NOW) * 2 + 0.1
    assert allowed >= (now - NOW) * 2 * 0.9


def test_the_header_values_are_those_of_the_draft() -> None:
    limiter = RateLimiter("caller", per_minute=500, burst=1000)
    assert limiter.consume("a", NOW).header_values == ('"caller";r=999;t=1', '"caller";q=1000;w=120')
