"""What a stream is sent: server-sent events, each made into bytes once for all who see the same.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self, TypeVar

import msgspec

from lens.api.parameters import Section, StreamParameters
from lens.api.stream.changes import Changes, Row, TaskKey

R = TypeVar("R", bound=Row | None)

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

    def among(self, tasks: Mapping[TaskKey, R]) -> Mapping[TaskKey, R]:
        """Return those of ``tasks`` that are in it."""
        if self.namespace is None:
            return tasks
        return {key: row for key, row in tasks.items() if key.namespace == self.namespace}


class Entry:
    """One difference, made into bytes once for each view."""

    def __init__(self, changed: Changes, event_id: str) -> None:
        """Take a difference and the id of its events."""
        self._changed = changed
        self._id = event_id
        self._made: dict[View, bytes] = {}

    def for_view(self, view: View) -> bytes:
        """Return the event that a stream with this view is sent; empty if nothing of it concerns it."""
        if view not in self._made:
            self._made[view] = self._event(view)
        return self._made[view]

    def _event(self, view: View) -> bytes:
        changed = self._changed
        data: dict[str, Any] = {}
        if view.namespace is None and changed.status is not None:
            data["status"] = changed.status
        if "nodes" in view.sections and changed.nodes:
            data["nodes"] = {
                "changed": [row for row in changed.nodes.values() if row is not None],
                "gone": [name for name, row in changed.nodes.items() if row is None],
            }
        if "tasks" in view.sections and (tasks := view.among(changed.tasks)):
            data["tasks"] = {
                "changed": [row for row in tasks.values() if row is not None],
                "gone": [key._asdict() for key, row in tasks.items() if row is None],
            }
        if "alerts" in view.sections and (wrong := changed.alerts):
            data["alerts"] = {
                "changed": [row for row in wrong.values() if row is not None],
                "gone": [name for name, row in wrong.items() if row is None],
            }
        if "events" in view.sections and (happened := changed.events):
            data["recent_events"] = happened
        return event("change", {"timestamp": changed.timestamp, **data}, self._id) if data else b""


def event(name: str, data: object, event_id: str | None = None) -> bytes:
    """Return a server-sent event; JSON has no line breaks of its own."""
    identified = f"id: {event_id}\n".encode() if event_id else b""
    return b"event: " + name.encode() + b"\n" + identified + b"data: " + _encode(data) + b"\n\n"
