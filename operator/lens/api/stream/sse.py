"""Server-sent events, each encoded once for all streams with the same filter.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

import asyncio
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple, Self, TypeVar

import msgspec

from lens.api.endpoints.capacity import capacity_json
from lens.api.parameters.cluster import View
from lens.api.parameters.stream import Section, StreamParameters
from lens.api.stream.diff import Diff, TaskKey, encoded_row

K = TypeVar("K", bound=Hashable)

_encode = msgspec.json.encode


class StreamFilter(NamedTuple):
    """The content of a stream: sections, tasks of all namespaces or of one, nodes in full or in part."""

    sections: frozenset[Section]
    namespace: str | None
    view: View | None = None

    @classmethod
    def from_params(cls, params: StreamParameters) -> Self:
        """Return the filter of a request, whose parameters have only what the caller sees.

        Parameters that affect none of its sections are left out, so that equal streams share their events.
        """
        return cls(
            params.include,
            params.namespace if "tasks" in params.include else None,
            params.view if "nodes" in params.include else None,
        )

    def select(self, tasks: Mapping[TaskKey, msgspec.Raw | None]) -> Mapping[TaskKey, msgspec.Raw | None]:
        """Return the ``tasks`` of its namespace."""
        if self.namespace is None:
            return tasks
        return {key: row for key, row in tasks.items() if key.namespace == self.namespace}


_ROW_BYTES = 512
"""The size of a row without its JSON."""

Rows = dict[K, msgspec.Raw | None]
"""Rows as JSON by their keys; None for rows that are gone."""


class DiffEntry:
    """A difference as JSON, and its events by filter, each encoded on first use."""

    def __init__(self, diff: Diff, event_id: str, size_changed: Callable[[], object] = lambda: None) -> None:
        """Take a difference and the id of its events. ``size_changed`` is called when an event was added."""
        self.readers: set[asyncio.Transport] = set()
        self._head = {"timestamp": diff.timestamp, "age_seconds": diff.age_seconds}
        self._status = None if diff.status is None else encoded_row(diff.status)
        self._nodes = diff.nodes
        self._tasks = diff.tasks
        self._alerts = diff.alerts
        self._events = [encoded_row(row) for row in diff.events]
        self._id = event_id
        self._size_changed = size_changed
        self._encoded: dict[StreamFilter, bytes] = {}
        others = (self._status, *self._events)
        self._size = (
            sum(_ROW_BYTES + len(raw or b"") for raw in others)
            + _size(self._nodes)
            + _size(self._alerts)
            + sum(_ROW_BYTES + sum(map(len, key)) + len(raw or b"") for key, raw in self._tasks.items())
        )

    @property
    def size(self) -> int:
        """Return its approximate size in bytes, encoded events included."""
        return self._size

    def event(self, stream_filter: StreamFilter) -> bytes:
        """Return the event for streams with this filter; empty if the filter selects nothing of it."""
        if stream_filter not in self._encoded:
            self._encoded[stream_filter] = self._encode(stream_filter)
            self._size += _ROW_BYTES + len(self._encoded[stream_filter])
            self._size_changed()
        return self._encoded[stream_filter]

    def _encode(self, stream_filter: StreamFilter) -> bytes:
        sections = stream_filter.sections
        data: dict[str, Any] = {}
        if "status" in sections and self._status is not None:
            data["status"] = self._status
        if "nodes" in sections and self._nodes:
            changed = _changed(self._nodes)
            if stream_filter.view is not None:
                changed = [capacity_json(raw) for raw in changed]
            data["nodes"] = {"changed": changed, "gone": _gone(self._nodes)}
        if "tasks" in sections and (tasks := stream_filter.select(self._tasks)):
            data["tasks"] = {"changed": _changed(tasks), "gone": [key._asdict() for key in _gone(tasks)]}
        if "alerts" in sections and self._alerts:
            data["alerts"] = {"changed": _changed(self._alerts), "gone": _gone(self._alerts)}
        if "events" in sections and self._events:
            data["recent_events"] = self._events
        return encode_event("change", {**self._head, **data}, self._id) if data else b""


def _size(rows: Rows[str]) -> int:
    return sum(_ROW_BYTES + len(key) + len(raw or b"") for key, raw in rows.items())


def _changed(rows: Mapping[K, msgspec.Raw | None]) -> list[msgspec.Raw]:
    return [raw for raw in rows.values() if raw is not None]


def _gone(rows: Mapping[K, msgspec.Raw | None]) -> list[K]:
    return [key for key, raw in rows.items() if raw is None]


def encode_event(name: str, data: object, event_id: str | None = None) -> bytes:
    """Return a server-sent event. JSON contains no line breaks."""
    id_line = f"id: {event_id}\n".encode() if event_id else b""
    return b"event: " + name.encode() + b"\n" + id_line + b"data: " + _encode(data) + b"\n\n"
