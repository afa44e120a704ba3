"""What Lens has seen and what the apiserver's Events tell is one list, in order, with nothing twice."""

import itertools
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from lens.model.events.event_log import ENDS, EventLog
from lens.model.events.transitions import OWN, Event, Type

BEGAN = 1000.5
POD = "Pod/team/a"


def kube_event(at: float, type_: Type = "Kubernetes", object_: str = POD, reason: str = "BackOff") -> Event:
    """Return what the apiserver tells."""
    return Event(at, type_, object_, "somebody's text", "team", "kubelet", reason)


def seen(at: float, type_: Type = "TaskStarted", object_: str = POD) -> Event:
    """Return what Lens has seen."""
    return Event(at, type_, object_, "a message", "team")


def test_events_from_before_the_start_come_from_the_apiserver() -> None:
    event_log = EventLog(10)
    event_log.merge([kube_event(900, "TaskStarted"), kube_event(950, "NodeNotReady", "Node/n")], BEGAN)
    assert [(event.at, event.type, event.source) for event in event_log.events] == [
        (950, "NodeNotReady", "kubelet"),
        (900, "TaskStarted", "kubelet"),
    ]


def test_after_the_start_only_warnings_of_the_apiserver_are_added() -> None:
    event_log = EventLog(10)
    event_log.merge([kube_event(1000, "TaskStarted"), kube_event(1000)], BEGAN)
    assert [event.type for event in event_log.events] == ["Kubernetes"]
    event_log.add([seen(1001)])
    assert [(event.type, event.source) for event in event_log.events] == [
        ("TaskStarted", OWN),
        ("Kubernetes", "kubelet"),
    ]


def test_an_occurrence_that_both_report_appears_once() -> None:
    first, last = EventLog(10), EventLog(10)
    first.add([seen(1002)])
    first.merge([kube_event(999, "TaskStarted")], BEGAN)
    last.merge([kube_event(999, "TaskStarted")], BEGAN)
    last.add([seen(1002)])
    assert first.events == last.events == (seen(1002),)


def test_a_task_that_is_preempted_and_evicted_and_gone_has_ended_once() -> None:
    event_log = EventLog(10)
    event_log.merge([kube_event(998, "TaskPreempted"), kube_event(999, "TaskEvicted")], BEGAN)
    assert [event.type for event in event_log.events] == ["TaskEvicted"]
    event_log.add([seen(1010, "TaskFailed")])
    assert [event.type for event in event_log.events] == ["TaskFailed"]


def test_another_life_of_the_same_name_is_another_event() -> None:
    event_log = EventLog(10)
    event_log.merge([kube_event(900, "TaskPreempted")], BEGAN)
    event_log.add([seen(1900, "TaskFinished")])
    assert [event.type for event in event_log.events] == ["TaskFinished", "TaskPreempted"]


def test_a_repeated_event_appears_once_at_its_last_time() -> None:
    event_log = EventLog(10)
    event_log.merge(
        [kube_event(2000), kube_event(2010), kube_event(2005), kube_event(2003, reason="Unhealthy")], BEGAN
    )
    assert [(event.at, event.reason) for event in event_log.events] == [
        (2010, "BackOff"),
        (2003, "Unhealthy"),
    ]


def test_the_same_list_read_again_changes_nothing_not_even_for_a_stream() -> None:
    event_log = EventLog(10)
    events = [kube_event(2000 + number, object_=f"Pod/team/{number}") for number in range(20)]
    event_log.merge(events, BEGAN)
    before = event_log.events
    event_log.merge(reversed(events), BEGAN)
    assert all(one is other for one, other in zip(before, event_log.events, strict=True))


def test_many_events_of_others_displace_none_of_lens_own() -> None:
    event_log = EventLog(10)
    event_log.add(seen(1001 + number, "NodeJoined", f"Node/{number}") for number in range(10))
    event_log.merge((kube_event(5000, object_=f"Pod/team/{number}") for number in range(10_000)), BEGAN)
    assert len(event_log.events) == 10
    assert [event.at for event in event_log.events if event.source == OWN] == [1010, 1009, 1008, 1007, 1006]


def test_the_bound_on_kept_events_may_be_0_or_1() -> None:
    for most in (0, 1):
        event_log = EventLog(most)
        event_log.add([seen(1001), seen(1002, object_="Pod/team/b")])
        event_log.merge([kube_event(1003)], BEGAN)
        assert [event.at for event in event_log.events] == [1002][:most]


OBJECTS = st.sampled_from(["Pod/team/a", "Pod/team/b", "Node/n"])
TIMES = st.integers(900, 1200)
TYPES: st.SearchStrategy[Type] = st.sampled_from([each for each in get_args(Type) if each != "Kubernetes"])
SEEN = st.builds(seen, TIMES, TYPES, OBJECTS)
TOLD = st.builds(kube_event, TIMES, TYPES | st.just("Kubernetes"), OBJECTS, st.sampled_from(["x", "y"]))


@given(st.lists(st.lists(SEEN, max_size=3) | st.lists(TOLD, max_size=3), max_size=20), st.integers(0, 12))
def test_however_it_comes_the_list_is_bounded_in_order_and_has_nothing_twice(
    batches: list[list[Event]], most: int
) -> None:
    event_log = EventLog(most)
    for batch in batches:
        if batch and batch[0].source == OWN:
            event_log.add(batch)
        else:
            event_log.merge(batch, BEGAN)
    events = event_log.events
    assert len(events) <= most
    assert all(one.at >= other.at for one, other in itertools.pairwise(events))
    theirs = [event for event in events if event.source != OWN]
    assert len(theirs) <= most // 2
    assert all(event.type == "Kubernetes" or event.at < BEGAN for event in theirs)
    once = [
        (event.object, event.reason if event.type == "Kubernetes" else ENDS.get(event.type, event.type))
        for event in theirs
    ]
    assert len(once) == len(set(once))
    event_log.merge(theirs, BEGAN)
    assert event_log.events is events
