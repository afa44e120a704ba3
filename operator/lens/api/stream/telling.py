"""What a stream is sent: server-sent events, each made into bytes once for all who see the same.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

import asyncio
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple, Self, TypeVar

import msgspec

from lens.api.parameters import Section, StreamParameters
from lens.api.stream.changes import Changes, TaskKey

K = TypeVar("K", bound=Hashable)

_encode = msgspec.json.encode


class View(NamedTuple):
    """What a stream tells of: sections of the whole cluster, or of one namespace its tasks.

    Who may list the pods of a namespace may ask for its tasks, and so for no more than these.
    """

    sections: frozenset[Section]
    namespace: str | None

    @classmethod
    def of(cls, asked: StreamParameters) -> Self:
        """Return the view that is asked for."""
        sections = asked.include if asked.namespace is None else asked.include & {"tasks"}
        return cls(sections, asked.namespace)

    def among(self, tasks: Mapping[TaskKey, msgspec.Raw | None]) -> Mapping[TaskKey, msgspec.Raw | None]:
        """Return those of ``tasks`` that are in it."""
        if self.namespace is None:
            return tasks
        return {key: row for key, row in tasks.items() if key.namespace == self.namespace}


_ROW_BYTES = 512
"""What a row takes beside its JSON."""

Raws = dict[K, msgspec.Raw | None]
"""Rows as JSON by their keys; None for those that are gone."""


class Entry:
    """One difference: its rows as JSON, and events of them, each made once for all who see the same."""

    def __init__(self, changed: Changes, event_id: str, grown: Callable[[], object] = lambda: None) -> None:
        """Take a difference and the id of its events. ``grown`` is called when it takes more room."""
        self.readers: set[asyncio.Transport] = set()
        self._timestamp = changed.timestamp
        self._status = None if changed.status is None else msgspec.Raw(_encode(changed.status))
        self._nodes = changed.nodes
        self._tasks = changed.tasks
        self._alerts = changed.alerts
        self._events = [msgspec.Raw(_encode(row)) for row in changed.events]
        self._id = event_id
        self._grown = grown
        self._made: dict[View, bytes] = {}
        raws = (self._status, *self._events)
        self._size = (
            sum(_ROW_BYTES + len(raw or b"") for raw in raws)
            + _size(self._nodes)
            + _size(self._alerts)
            + sum(_ROW_BYTES + sum(map(len, key)) + len(raw or b"") for key, raw in self._tasks.items())
        )

    @property
    def size(self) -> int:
        """Return about how many bytes it takes, with the events that were made."""
        return self._size

    def for_view(self, view: View) -> bytes:
        """Return the event that a stream with this view is sent; empty if nothing of it concerns it."""
        if view not in self._made:
            self._made[view] = self._event(view)
            self._size += _ROW_BYTES + len(self._made[view])
            self._grown()
        return self._made[view]

    def _event(self, view: View) -> bytes:
        data: dict[str, Any] = {}
        if view.namespace is None and self._status is not None:
            data["status"] = self._status
        if "nodes" in view.sections and self._nodes:
            data["nodes"] = {"changed": _there(self._nodes), "gone": _gone(self._nodes)}
        if "tasks" in view.sections and (tasks := view.among(self._tasks)):
            data["tasks"] = {"changed": _there(tasks), "gone": [key._asdict() for key in _gone(tasks)]}
        if "alerts" in view.sections and self._alerts:
            data["alerts"] = {"changed": _there(self._alerts), "gone": _gone(self._alerts)}
        if "events" in view.sections and self._events:
            data["recent_events"] = self._events
        return event("change", {"timestamp": self._timestamp, **data}, self._id) if data else b""


def _size(raws: Raws[str]) -> int:
    return sum(_ROW_BYTES + len(key) + len(raw or b"") for key, raw in raws.items())


def _there(raws: Mapping[K, msgspec.Raw | None]) -> list[msgspec.Raw]:
    return [raw for raw in raws.values() if raw is not None]


def _gone(raws: Mapping[K, msgspec.Raw | None]) -> list[K]:
    return [key for key, raw in raws.items() if raw is None]


def event(name: str, data: object, event_id: str | None = None) -> bytes:
    """Return a server-sent event; JSON has no line breaks of its own."""
    identified = f"id: {event_id}\n".encode() if event_id else b""
    return b"event: " + name.encode() + b"\n" + identified + b"data: " + _encode(data) + b"\n\n"
