"""What Lens has seen itself, and what the apiserver's Events add to it, as one list.

Both tell of the same things. From its first look on Lens tells of them itself, so of what it has a name for
Events count for the time before. Where both tell of the same moment, Lens' own word stands.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lens.model.events.transitions import Event, Type

SAME_SECONDS = 60.0
"""Two tellings of one thing are no further apart."""

ENDS: Mapping[Type, str] = dict.fromkeys(
    ("TaskFinished", "TaskFailed", "TaskEvicted", "TaskPreempted", "TaskDeleted", "TaskEnded"), "end"
)
"""A task ends once, whatever its end is called."""


class _Key(NamedTuple):
    """What happened to which object: of the apiserver's Events with the same one the latest is kept."""

    object: str
    what: str


def _key(event: Event) -> _Key:
    if event.type == "Kubernetes":
        return _Key(event.object, f"reason {event.reason}")
    return _Key(event.object, ENDS.get(event.type, event.type))


def _newest_first(event: Event) -> tuple[float, str, str, str]:
    return -event.at, event.object, event.type, event.reason or ""


class EventLog:
    """The latest events, newest first; older ones fall out.

    What the apiserver tells takes at most half of the places, so that it can't push out what Lens has seen.
    """

    def __init__(self, most: int) -> None:
        """Start empty. ``most`` is how many are kept."""
        self._most = most
        self._own: deque[Event] = deque(maxlen=most)
        self._told: dict[_Key, Event] = {}
        self.events: tuple[Event, ...] = ()

    def add(self, events: Iterable[Event]) -> None:
        """Take what Lens has seen, in the order in which it happened."""
        seen = list(events)
        if not seen:
            return
        self._own.extendleft(seen)
        for event in seen:
            before = self._told.get(_key(event))
            if before is not None and abs(before.at - event.at) <= SAME_SECONDS:
                del self._told[_key(event)]
        self._order()

    def merge(self, events: Iterable[Event], began: float) -> None:
        """Take what the apiserver's Events tell, in any order and as often as it comes.

        ``began`` is the epoch second of Lens' first look.
        """
        changed = False
        own: Mapping[_Key, list[float]] | None = None
        for event in events:
            key = _key(event)
            before = self._told.get(key)
            if before is not None and before.at >= event.at:
                continue
            if event.type != "Kubernetes":
                # Events' times are mostly cut to the second.
                if event.at >= int(began):
                    continue
                if own is None:
                    own = self._moments()
                if any(abs(at - event.at) <= SAME_SECONDS for at in own.get(key, ())):
                    continue
            self._told[key] = event
            changed = True
        if changed:
            self._order()

    def _moments(self) -> dict[_Key, list[float]]:
        moments: dict[_Key, list[float]] = {}
        for event in self._own:
            moments.setdefault(_key(event), []).append(event.at)
        return moments

    def _order(self) -> None:
        told = sorted(self._told.values(), key=_newest_first)[: self._most // 2]
        if len(told) < len(self._told):
            self._told = {_key(event): event for event in told}
        own = list(self._own)[: self._most - len(told)]
        # The sort is for a clock that was set back: what it did not put right is in order already.
        own.sort(key=lambda event: -event.at)
        self.events = tuple(heapq.merge(own, told, key=lambda event: -event.at))
