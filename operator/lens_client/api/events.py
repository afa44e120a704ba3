"""The events of the stream (server-sent events, WHATWG HTML 9.2.6) with their types."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

from lens_client.api import schema
from lens_client.api.validation import SchemaError, check
from lens_client.exits import CommandError
from lens_client.transport.http import Stream


class Figures(TypedDict):
    """The stream's status: that of the lists without their time and age."""

    cluster: str
    current_gpu_usage: schema.GpuUsage
    running_tasks: int
    available_resources: schema.AvailableResources
    pending: schema.Pending
    telemetry: schema.Telemetry
    gpu_states: schema.GpuStates
    products: list[schema.Product]
    gpu_nodes: schema.GpuNodes
    dra: schema.Dra
    units: list[schema.NodeResource]
    approximate: bool


class ChangedNodes(TypedDict):
    """Nodes that have changed, and the names of those that are gone."""

    changed: list[schema.Node]
    gone: list[str]


class ChangedTasks(TypedDict):
    """Tasks that have changed, and what identifies those that are gone."""

    changed: list[schema.Task]
    gone: list[dict[str, Any]]


class ChangedAlerts(TypedDict):
    """Alerts that have changed, and the ids of those that are gone."""

    changed: list[schema.Alert]
    gone: list[str]


class Snapshot(TypedDict):
    """What there is: the sections that were asked for."""

    cluster: str
    timestamp: str
    status: NotRequired[Figures]
    nodes: NotRequired[list[schema.Node]]
    tasks: NotRequired[list[schema.Task]]
    alerts: NotRequired[list[schema.Alert]]
    recent_events: NotRequired[list[schema.Event]]


class Change(TypedDict):
    """What has changed since: ``nodes``, ``tasks`` and ``alerts`` have ``changed`` rows and ``gone`` ones."""

    timestamp: str
    status: NotRequired[Figures]
    nodes: NotRequired[ChangedNodes]
    tasks: NotRequired[ChangedTasks]
    alerts: NotRequired[ChangedAlerts]
    recent_events: NotRequired[list[schema.Event]]


class Heartbeat(TypedDict):
    """Nothing has changed; the figures are so old."""

    timestamp: str
    age_seconds: float


class _Error(TypedDict):
    code: int
    message: str


class Event(NamedTuple):
    """An event. ``data`` is a Snapshot, a Change or a Heartbeat, as ``type`` says."""

    type: Literal["snapshot", "change", "heartbeat"]
    data: Any
    id: str | None


_TYPES: dict[str, Any] = {"snapshot": Snapshot, "change": Change, "heartbeat": Heartbeat, "error": _Error}


class Events:
    """The open stream: an iterator of its events, and a context manager that closes it."""

    def __init__(self, stream: Stream, unreachable: Callable[[OSError], CommandError]) -> None:
        self._stream, self._unreachable = stream, unreachable

    def __enter__(self) -> "Events":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[Event]:
        """Yield events until the server ends the stream. Raise CommandError, also for an event `error`."""
        name, last_id = "message", None
        data: list[bytes] = []
        try:
            for line in self._stream.lines():
                if not line:
                    if data and name in _TYPES:
                        yield _event(name, b"\n".join(data), last_id)
                    name, data = "message", []
                    continue
                field, _, value = line.partition(b":")
                value = value.removeprefix(b" ")
                if field == b"data":
                    data.append(value)
                elif field == b"event":
                    name = value.decode(errors="replace")
                elif field == b"id":
                    last_id = value.decode(errors="replace")
        except OSError as error:
            raise self._unreachable(error) from None


def _event(name: Any, data: bytes, last_id: str | None) -> Event:
    try:
        decoded = json.loads(data)
        check(_TYPES[name], decoded)
    except SchemaError as error:
        raise CommandError(f"the stream isn't what this version reads: {name}: {error}") from None
    except (ValueError, RecursionError):
        raise CommandError("the stream isn't one of Lens") from None
    if name == "error":
        raise CommandError(f"Lens ends the stream: {decoded['message']!a}")
    return Event(name, decoded, last_id)
