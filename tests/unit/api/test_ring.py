"""Streams go on from what the ring has, and that takes only so much."""

import asyncio
from collections.abc import Iterable
from unittest.mock import Mock

import msgspec

from lens.api.parameters import Section
from lens.api.stream.changes import Changes, TaskKey
from lens.api.stream.ring import Ring
from lens.api.stream.telling import Entry, View

MIB = 2**20


def entry(number: int, ring: Ring[Entry], namespaces: Iterable[str] = ("ml-team",)) -> Entry:
    """Return a difference of rows with some 100 KiB."""
    row = msgspec.Raw(msgspec.json.encode({"message": "x" * 100 * 1024}))
    tasks = {TaskKey(each, f"p{number}", "uid"): row for each in namespaces}
    return Entry(Changes("now", None, {}, dict(tasks), {}, []), f"e-{number}", ring.trim)


def test_the_oldest_differences_go_before_they_take_too_much() -> None:
    dropped: list[None] = []
    ring = Ring[Entry](128, MIB, lambda: dropped.append(None))
    for number in range(1, 21):
        ring.add(entry(number, ring))
    assert not ring.reaches(0)
    first = next(number for number in range(20) if ring.reaches(number))
    assert (first, len(dropped)) == (10, 10)
    following = ring.following(first)
    assert following is not None
    assert b"id: e-11\n" in following.for_view(View(frozenset({"tasks"}), "ml-team"))


def test_only_so_many_are_kept_however_small() -> None:
    ring = Ring[Entry](3)
    for number in range(5):
        ring.add(Entry(Changes("now", None, {}, {}, {}, []), f"e-{number}"))
    assert [ring.reaches(number) for number in range(-1, 7)] == [False] * 3 + [True] * 4 + [False]
    assert ring.following(5) is None


def test_events_of_many_views_count() -> None:
    ring = Ring[Entry](128, 6 * MIB)
    namespaces = [f"n{number}" for number in range(40)]
    for number in range(2):
        ring.add(entry(number, ring, namespaces if number else ("ml-team",)))
    assert ring.reaches(0)
    latest = ring.following(1)
    assert latest is not None
    sections: frozenset[Section] = frozenset({"tasks"})
    for namespace in namespaces:
        latest.for_view(View(sections, namespace))
    assert not ring.reaches(1), "twice 4 MB"


def test_who_is_still_sent_what_has_gone_leaves_before_that_takes_too_much() -> None:
    ring = Ring[Entry](2, MIB)
    slow = [Mock(spec=asyncio.Transport) for _ in range(20)]
    for number, reader in enumerate(slow):
        added = entry(number, ring)
        added.readers.add(reader)
        ring.add(added)
    left = [reader.abort.called for reader in slow]
    assert left == [True] * 10 + [False] * 10
    assert ring.reaches(18)
