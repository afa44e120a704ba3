"""Merges the events that Lens sees itself and the apiserver's Events into one list.

Both report the same things. From its first evaluation on Lens sees them itself, so an Event that has a type
of Lens' own counts only for the time before. If both report the same occurrence, Lens' own event is kept.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lens.model.events.transitions import Event, Type

SAME_SECONDS = 60.0
"""Two events of one occurrence are at most this far apart."""

ENDS: Mapping[Type, str] = dict.fromkeys(
    ("TaskFinished", "TaskFailed", "TaskEvicted", "TaskPreempted", "TaskDeleted", "TaskEnded"), "end"
)
"""A task ends once, whatever the type of its end."""


class _Key(NamedTuple):
    """What happened to which object. Of the apiserver's Events with the same key the latest is kept."""

    object: str
    what: str


def _key(event: Event) -> _Key:
    if event.type == "Kubernetes":
        return _Key(event.object, f"reason {event.reason}")
    return _Key(event.object, ENDS.get(event.type, event.type))


def _newest_first(event: Event) -> tuple[float, str, str, str]:
    return -event.at, event.object, event.type, event.reason or ""


class EventLog:
    """The latest events, newest first.

    The apiserver's Events are at most half of them, so that they can't displace Lens' own.
    """

    def __init__(self, max_events: int) -> None:
        """Start empty, and keep up to ``max_events``."""
        self._max_events = max_events
        self._own: deque[Event] = deque(maxlen=max_events)
        self._kube_events: dict[_Key, Event] = {}
        self.events: tuple[Event, ...] = ()

    def add(self, events: Iterable[Event]) -> None:
        """Add events that Lens has seen, in the order in which they happened."""
        added = list(events)
        if not added:
            return
        self._own.extendleft(added)
        for event in added:
            before = self._kube_events.get(_key(event))
            if before is not None and abs(before.at - event.at) <= SAME_SECONDS:
                del self._kube_events[_key(event)]
        self._order()

    def merge(self, events: Iterable[Event], started_at: float) -> None:
        """Add Events of the apiserver, in any order; adding one again changes nothing.

        ``started_at`` is the epoch second of Lens' first evaluation.
        """
        changed = False
        own: Mapping[_Key, list[float]] | None = None
        for event in events:
            key = _key(event)
            before = self._kube_events.get(key)
            if before is not None and before.at >= event.at:
                continue
            if event.type != "Kubernetes":
                # Most Events have their time cut to the second.
                if event.at >= int(started_at):
                    continue
                if own is None:
                    own = self._own_times()
                if any(abs(at - event.at) <= SAME_SECONDS for at in own.get(key, ())):
                    continue
            self._kube_events[key] = event
            changed = True
        if changed:
            self._order()

    def _own_times(self) -> dict[_Key, list[float]]:
        times: dict[_Key, list[float]] = {}
        for event in self._own:
            times.setdefault(_key(event), []).append(event.at)
        return times

    def _order(self) -> None:
        kube_events = sorted(self._kube_events.values(), key=_newest_first)[: self._max_events // 2]
        if len(kube_events) < len(self._kube_events):
            self._kube_events = {_key(event): event for event in kube_events}
        own = list(self._own)[: self._max_events - len(kube_events)]
        # Own events are in order already, unless the clock was set back.
        own.sort(key=lambda event: -event.at)
        self.events = tuple(heapq.merge(own, kube_events, key=lambda event: -event.at))
