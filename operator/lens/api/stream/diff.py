"""The difference between two states, as rows: the events of a stream after its initial snapshot.

The rows are those of the lists, without the tasks' running time, which changes by itself.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from lens.api.endpoints import status as status_view
from lens.api.endpoints.alerts_and_events import alert_row, event_row
from lens.api.endpoints.tasks import task_row
from lens.api.parameters.status import StatusParameters
from lens.api.stream.nodes_by_controller import NodesByController
from lens.concurrency import slices
from lens.model.cluster_state import StateView
from lens.model.k8s import timestamps

Row = dict[str, Any]
EncodedRow = msgspec.Raw
"""A row as JSON."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_encoder = msgspec.json.Encoder()

VOLATILE = ("timestamp", "freshness", "fit_record")
"""Fields of a status that change with time alone."""


class TaskKey(NamedTuple):
    """A pod's key."""

    namespace: str
    pod_name: str
    pod_uid: str


class Diff(NamedTuple):
    """New and changed rows by key, as JSON; None for rows that are gone.

    ``timestamp`` is when they were found, and ``age_seconds`` how old the figures were then. ``status`` is
    None if its figures are the same. ``events`` are the new ones, newest first.
    """

    timestamp: str
    status: Row | None
    nodes: dict[str, EncodedRow | None]
    tasks: dict[TaskKey, EncodedRow | None]
    alerts: dict[str, EncodedRow | None]
    events: list[Row]
    age_seconds: float = 0.0

    @property
    def has_changes(self) -> bool:
        """Return whether anything differs."""
        return bool(self.status or self.nodes or self.tasks or self.alerts or self.events)


def figures(current: StateView, cluster: str, now: float) -> Row:
    """Return the status without its volatile fields."""
    status = status_view.status(current, StatusParameters(cluster=cluster), now)
    return {field: value for field, value in status.items() if field not in VOLATILE}


def new_events(current: StateView, before: StateView) -> list[Row]:
    """Return the events since ``before``, newest first."""
    events, known = current.alerts_and_events.events, before.alerts_and_events.events
    if events is known:
        return []
    # The apiserver's Events are sorted in by their time, so new ones aren't always at the front.
    ids = {id(event) for event in known}
    return [dict(event_row(event)) for event in events if id(event) not in ids]


async def diff_states(
    before: StateView, after: StateView, by_controller: NodesByController, cluster: str, now: float
) -> Diff:
    """Return the difference, in slices and in time that grows with the difference.

    ``by_controller`` finds the pods whose workload has changed, and is advanced for that.
    """
    touched = {
        *after.snapshot.nodes.differing(before.snapshot.nodes),
        *after.telemetry.nodes.differing(before.telemetry.nodes),
    }
    # Whether a missing node is listed depends on other nodes too.
    touched |= set(before.snapshot.missing_names) ^ set(after.snapshot.missing_names)
    if after.owner_chains is not before.owner_chains:
        await by_controller.advance(after.snapshot)
        for controller in after.owner_chains.differing(before.owner_chains):
            touched.update(by_controller.nodes(controller))
    nodes: dict[str, EncodedRow | None] = {}
    tasks: dict[TaskKey, EncodedRow | None] = {}

    def compare(name: str) -> None:
        old = node_row(before, name) if before.snapshot.lists(name) else None
        new = node_row(after, name) if after.snapshot.lists(name) else None
        if new != old:
            nodes[name] = None if new is None else encoded_row(new)
        tasks.update(_differing(task_rows(before, name), task_rows(after, name), encoded_row))

    await slices.each(compare, sorted(touched))
    status = figures(after, cluster, now)
    return Diff(
        # Alerts and events are of a later moment than the figures, which may be old.
        timestamps.render(max(now, after.current_at)),
        status if status != figures(before, cluster, now) else None,
        nodes,
        tasks,
        await _alerts(before, after),
        new_events(after, before),
        round(after.age(now), 3),
    )


def encoded_row(row: Mapping[str, Any]) -> EncodedRow:
    """Return a row as JSON that takes no more memory than it has to, as differences are kept for a while."""
    # Encoder.encode leaves up to half as much memory behind its result.
    buffer = bytearray()
    _encoder.encode_into(row, buffer)
    return EncodedRow(bytes(buffer))


def _differing(
    before: Mapping[K, V], after: Mapping[K, V], encode: Callable[[V], EncodedRow]
) -> dict[K, EncodedRow | None]:
    """Return new and changed rows, and None for rows that are gone."""
    gone: dict[K, EncodedRow | None] = dict.fromkeys(before.keys() - after.keys())
    return gone | {key: encode(row) for key, row in after.items() if before.get(key) != row}


async def _alerts(before: StateView, after: StateView) -> dict[str, EncodedRow | None]:
    """Return new and changed alerts, the most severe first, and None for cleared ones."""
    if after.alerts_and_events.alerts == before.alerts_and_events.alerts:
        return {}
    old = {alert.id: alert for alert in before.alerts_and_events.alerts}
    changed = [alert for alert in after.alerts_and_events.alerts if old.pop(alert.id, None) != alert]
    cleared: dict[str, EncodedRow | None] = dict.fromkeys(old)
    rows = await slices.each(lambda alert: (alert.id, encoded_row(alert_row(alert))), changed)
    return cleared | dict(rows)


def node_row(current: StateView, name: str) -> Row:
    """Return a node's row."""
    return dict(status_view.node_row(current.snapshot.nodes[name], current.telemetry.nodes.get(name)))


def task_rows(current: StateView, name: str, namespace: str | None = None) -> dict[TaskKey, Row]:
    """Return the running tasks on the node ``name``, of one namespace or of all."""
    occupied = current.snapshot.nodes.get(name)
    found: dict[TaskKey, Row] = {}
    for pod in occupied.pods if occupied else ():
        if pod.is_running and namespace in (None, pod.namespace):
            row = found[TaskKey(pod.namespace, pod.name, pod.uid)] = dict(task_row(pod, current, 0))
            del row["running_time_seconds"]
    return found
