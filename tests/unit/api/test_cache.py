"""The response cache's memory is bounded, whoever asks for what."""

from math import inf

import pytest

from lens.api.cache import ResponseCache


@pytest.mark.parametrize("body", [b"x" * 8_000, b""])
def test_a_client_that_asks_a_thousand_questions_does_not_fill_the_memory(body: bytes) -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=100_000)
    for number in range(1000):
        cache.keep(number, body, now=0)
    kept = [number for number in range(1000) if cache.find(number, now=0, limit=inf)]
    assert 0 < len(kept) < 50
    assert kept == list(range(1000 - len(kept), 1000))


def test_what_is_asked_for_often_stays() -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=100_000)
    cache.keep("popular", b"x" * 8_000, now=0)
    for number in range(100):
        cache.keep(number, b"x" * 8_000, now=0)
        assert cache.find("popular", now=0, limit=inf)


def test_an_answer_that_is_made_anew_takes_no_second_place() -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=100_000)
    cache.keep("other", b"x" * 8_000, now=0)
    for now in range(100):
        cache.keep("same", b"x" * 80_000, now=now)
    assert cache.find("other", now=0, limit=inf)


def test_an_answer_larger_than_the_cache_drives_nothing_out() -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=100_000)
    cache.keep("small", b"x", now=0)
    assert cache.keep("huge", b"x" * 100_000, now=0).body
    assert cache.find("huge", now=0, limit=inf) is None
    assert cache.find("small", now=0, limit=inf)
