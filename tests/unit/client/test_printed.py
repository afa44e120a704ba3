"""A watch of events remembers those that may come again, and no more however long it runs."""

import tracemalloc
from collections.abc import Iterable, Mapping
from typing import Any

from lens_client.listing.printed import MAX_EVENTS, PrintedEvents


def events(numbers: Iterable[int]) -> list[Mapping[str, Any]]:
    return [
        {
            "timestamp": f"2025-12-19T15:30:{number % 60:02}Z",
            "type": "TaskStarted",
            "object": f"Pod/ml-team/train-{number}",
            "message": f"train-{number} has started",
        }
        for number in numbers
    ]


def test_an_event_is_new_once() -> None:
    printed = PrintedEvents()
    assert printed.add(events(range(10))) == events(range(10))
    assert printed.add(events(range(5, 15))) == events(range(10, 15))


def test_a_snapshot_of_any_length_is_remembered() -> None:
    printed = PrintedEvents()
    many = 2 * MAX_EVENTS
    printed.add(events(range(many)))
    printed.add(events(range(many, many + 10)))
    assert printed.add(events(range(10, many))) == []


def test_what_a_snapshot_still_has_is_remembered_longer_than_what_it_has_not() -> None:
    printed = PrintedEvents()
    printed.add(events(range(MAX_EVENTS)))
    printed.add(events(range(100)))
    printed.add(events(range(MAX_EVENTS, 2 * MAX_EVENTS - 100)))
    assert printed.add(events(range(100))) == []


def test_a_watch_for_ever_takes_no_more_memory() -> None:
    printed = PrintedEvents()
    printed.add(events(range(MAX_EVENTS)))
    tracemalloc.start()
    for start in range(MAX_EVENTS, 4 * MAX_EVENTS, 500):
        printed.add(events(range(start, start + 500)))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    one = 700
    assert grown < 1.2 * MAX_EVENTS * one
