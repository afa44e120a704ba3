"""The ring buffer of streams and its bounds."""

import asyncio
from collections.abc import Iterable
from unittest.mock import Mock

import msgspec

from lens.api.parameters.stream import Section
from lens.api.stream.diff import Diff, TaskKey
from lens.api.stream.ring import Ring
from lens.api.stream.sse import DiffEntry, StreamFilter

MIB = 2**20


def entry(number: int, ring: Ring[DiffEntry], namespaces: Iterable[str] = ("ml-team",)) -> DiffEntry:
    """Return an entry with rows of some 100 KiB."""
    row = msgspec.Raw(msgspec.json.encode({"message": "x" * 100 * 1024}))
    tasks = {TaskKey(each, f"p{number}", "uid"): row for each in namespaces}
    return DiffEntry(Diff("now", None, {}, dict(tasks), {}, []), f"e-{number}", ring.trim)


def test_the_oldest_entries_are_evicted_beyond_the_bound_in_bytes() -> None:
    evicted: list[None] = []
    ring = Ring[DiffEntry](128, MIB, lambda: evicted.append(None))
    for number in range(1, 21):
        ring.add(entry(number, ring))
    assert not ring.has_all_after(0)
    first = next(number for number in range(20) if ring.has_all_after(number))
    assert (first, len(evicted)) == (10, 10)
    entry_after = ring.after(first)
    assert entry_after is not None
    assert b"id: e-11\n" in entry_after.event(StreamFilter(frozenset({"tasks"}), "ml-team"))


def test_the_number_of_entries_is_bounded() -> None:
    ring = Ring[DiffEntry](3)
    for number in range(5):
        ring.add(DiffEntry(Diff("now", None, {}, {}, {}, []), f"e-{number}"))
    assert [ring.has_all_after(number) for number in range(-1, 7)] == [False] * 3 + [True] * 4 + [False]
    assert ring.after(5) is None


def test_events_of_many_filters_are_counted() -> None:
    ring = Ring[DiffEntry](128, 6 * MIB)
    namespaces = [f"n{number}" for number in range(40)]
    for number in range(2):
        ring.add(entry(number, ring, namespaces if number else ("ml-team",)))
    assert ring.has_all_after(0)
    latest = ring.after(1)
    assert latest is not None
    sections: frozenset[Section] = frozenset({"tasks"})
    for namespace in namespaces:
        latest.event(StreamFilter(sections, namespace))
    assert not ring.has_all_after(1), "twice 4 MB"


def test_readers_of_dropped_entries_are_aborted_beyond_the_bound_in_bytes() -> None:
    ring = Ring[DiffEntry](2, MIB)
    slow = [Mock(spec=asyncio.Transport) for _ in range(20)]
    for number, reader in enumerate(slow):
        added = entry(number, ring)
        added.readers.add(reader)
        ring.add(added)
    aborted = [reader.abort.called for reader in slow]
    assert aborted == [True] * 10 + [False] * 10
    assert ring.has_all_after(18)
