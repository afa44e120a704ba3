"""The response cache's memory is bounded, whoever asks for what."""

import os
from math import inf

import pytest
from multidict import CIMultiDict

from lens.api.cache import ResponseCache, key


@pytest.mark.parametrize("body", [b"x" * 8_000, b""])
def test_a_client_that_asks_a_thousand_questions_does_not_fill_the_memory(body: bytes) -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=100_000)
    for number in range(1000):
        cache.keep(key(number), body, now=0)
    kept = [number for number in range(1000) if cache.find(key(number), now=0, limit=inf)]
    assert 0 < len(kept) < 50
    assert kept == list(range(1000 - len(kept), 1000))


def test_what_is_asked_for_often_stays() -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=100_000)
    cache.keep(key("popular"), b"x" * 8_000, now=0)
    for number in range(100):
        cache.keep(key(number), b"x" * 8_000, now=0)
        assert cache.find(key("popular"), now=0, limit=inf)


def test_an_answer_that_is_made_anew_takes_no_second_place() -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=100_000)
    cache.keep(key("other"), b"x" * 8_000, now=0)
    for now in range(100):
        cache.keep(key("same"), b"x" * 80_000, now=now)
    assert cache.find(key("other"), now=0, limit=inf)


def test_an_answer_larger_than_the_cache_drives_nothing_out() -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=100_000)
    cache.keep(key("small"), b"x", now=0)
    assert cache.keep(key("huge"), b"x" * 100_000, now=0).body
    assert cache.find(key("huge"), now=0, limit=inf) is None
    assert cache.find(key("small"), now=0, limit=inf)


def test_a_caller_who_asks_a_thousand_questions_makes_room_by_none_of_others_answers() -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=100_000)
    for number in range(3):
        cache.keep(key("other", number), b"x" * 8_000, now=0, caller="other")
    for number in range(1000):
        cache.keep(key(number), b"x" * 8_000, now=0, caller="flood")
    assert all(cache.find(key("other", number), now=0, limit=inf) for number in range(3))


async def test_what_an_answer_is_compressed_to_is_counted() -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=1_000_000)
    body = os.urandom(50_000)
    for number in range(40):
        made = cache.keep(key(number), body, now=0)
        for coding in ("gzip", "zstd"):
            await made.response(CIMultiDict({"Accept-Encoding": coding}), now=0)
        assert cache.size <= 1_000_000
    kept = [number for number in range(40) if cache.find(key(number), now=0, limit=inf)]
    assert 4 <= len(kept) <= 6


def test_a_question_of_a_megabyte_takes_no_more_room_than_a_short_one() -> None:
    assert len(key("x" * 2**20)) == len(key("x")) == 32
    assert key(frozenset("ab"), None, 1) == key(frozenset("ba"), None, 1) != key("a", "b", None, 1)
