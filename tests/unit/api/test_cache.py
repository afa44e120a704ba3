"""The response cache and its bounds."""

import os

import pytest
from multidict import CIMultiDict

from lens.api.cache.response_cache import ResponseCache, cache_key


@pytest.mark.parametrize("body", [b"x" * 8_000, b""])
def test_the_cache_is_bounded_in_bytes(body: bytes) -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=100_000)
    for number in range(1000):
        cache.put(cache_key(number), (body,), now=0, tag="t")
    cached = [number for number in range(1000) if cache.get(cache_key(number), None)]
    assert 0 < len(cached) < 50
    assert cached == list(range(1000 - len(cached), 1000))


def test_a_frequently_used_entry_stays() -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=100_000)
    cache.put(cache_key("popular"), (b"x" * 8_000,), now=0, tag="t")
    for number in range(100):
        cache.put(cache_key(number), (b"x" * 8_000,), now=0, tag="t")
        assert cache.get(cache_key("popular"), None)


def test_a_new_representation_replaces_the_old_one() -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=100_000)
    cache.put(cache_key("other"), (b"x" * 8_000,), now=0, tag="t")
    for now in range(30):
        cache.put(cache_key("same"), (b"x" * 80_000,), now=now, tag="t")
    assert cache.get(cache_key("other"), None)


def test_what_has_expired_takes_no_room() -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=100_000_000)
    for number in range(1000):
        # A peer's response may be old when it arrives.
        peers = {"now": -1000.0, "received_at": float(number)}
        cache.put(cache_key(number), (b"x" * 8_000,), tag="t", **(peers if number % 2 else {"now": number}))
        assert cache.get(cache_key(max(0, number - 29)), None)
        assert cache.size < 65 * 11_000


def test_a_representation_larger_than_the_cache_evicts_nothing() -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=100_000)
    cache.put(cache_key("small"), (b"x",), now=0, tag="t")
    assert cache.put(cache_key("huge"), (b"x" * 100_000,), now=0, tag="t").pieces
    assert cache.get(cache_key("huge"), None) is None
    assert cache.get(cache_key("small"), None)


def test_a_caller_above_its_share_evicts_only_its_own_entries() -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=100_000)
    for number in range(3):
        cache.put(cache_key("other", number), (b"x" * 8_000,), now=0, tag="t", caller="other")
    for number in range(1000):
        cache.put(cache_key(number), (b"x" * 8_000,), now=0, tag="t", caller="flood")
    assert all(cache.get(cache_key("other", number), None) for number in range(3))


async def test_encoded_bodies_are_counted() -> None:
    cache = ResponseCache(seconds=30, epoch="e", max_bytes=1_000_000)
    body = os.urandom(50_000)
    for number in range(40):
        representation = cache.put(cache_key(number), (body,), now=0, tag="t")
        for encoding in ("gzip", "zstd"):
            await representation.response(CIMultiDict({"Accept-Encoding": encoding}), 0, 0)
        assert cache.size <= 1_000_000
    cached = [number for number in range(40) if cache.get(cache_key(number), None)]
    assert 4 <= len(cached) <= 6


def test_cache_keys_have_a_fixed_length() -> None:
    assert len(cache_key("x" * 2**20)) == len(cache_key("x")) == 32
    assert (
        cache_key(frozenset("ab"), None, 1)
        == cache_key(frozenset("ba"), None, 1)
        != cache_key("a", "b", None, 1)
    )
