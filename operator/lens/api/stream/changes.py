"""What differs between two states, as rows: what a stream tells after its first picture.

Rows are those of the lists; of a task the running time isn't told, since it changes by itself.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from lens import slices
from lens.api.endpoints import findings
from lens.api.endpoints.status import node, status
from lens.api.endpoints.tasks import task
from lens.api.parameters import StatusParameters
from lens.model.cluster_state import StateView
from lens.model.inventory.occupancy import NodeOccupancy
from lens.model.k8s import timestamps

Row = dict[str, Any]
Told = msgspec.Raw
"""A row as JSON."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_encode = msgspec.json.encode

PASSING = ("timestamp", "freshness")
"""Fields of a status that move on although nothing has changed."""


class TaskKey(NamedTuple):
    """Which pod."""

    namespace: str
    pod_name: str
    pod_uid: str


class Changes(NamedTuple):
    """Rows that are new or other than before, by key, as JSON; None for those that are gone.

    ``status`` is None where its figures are the same. ``events`` are those that are new, the newest first.
    """

    timestamp: str
    status: Row | None
    nodes: dict[str, Told | None]
    tasks: dict[TaskKey, Told | None]
    alerts: dict[str, Told | None]
    events: list[Row]


def is_other(current: StateView, before: StateView) -> bool:
    """Tell whether anything may show another value, the age apart."""
    return (
        current.snapshot is not before.snapshot
        or current.telemetry is not before.telemetry
        or current.owner_chains is not before.owner_chains
        or current.findings.alerts != before.findings.alerts
        or current.findings.events != before.findings.events
    )


def figures(current: StateView, cluster: str, now: float) -> Row:
    """Return the status without what moves on by itself."""
    whole = status(current, StatusParameters(cluster=cluster), now)
    return {field: value for field, value in whole.items() if field not in PASSING}


def events(current: StateView, before: StateView) -> list[Row]:
    """Return what has happened since ``before``, the newest first."""
    told, known = current.findings.events, before.findings.events
    if told is known:
        return []
    # What the apiserver's Events tell is put where its time is, not always in front.
    ids = {id(each) for each in known}
    return [dict(findings.event(each)) for each in told if id(each) not in ids]


async def changes(before: StateView, after: StateView, cluster: str, now: float) -> Changes:
    """Return what differs, in time that grows with what does, and in slices."""
    touched = {
        *after.snapshot.nodes.differing(before.snapshot.nodes),
        *after.telemetry.nodes.differing(before.telemetry.nodes),
    }
    # A node that doesn't exist may be listed, or not, for the sake of others.
    touched |= set(before.snapshot.missing_names) ^ set(after.snapshot.missing_names)
    if after.owner_chains is not before.owner_chains:
        touched |= await _renamed(before, after)
    nodes: dict[str, Told | None] = {}
    tasks: dict[TaskKey, Told | None] = {}

    def compare(name: str) -> None:
        was = node_row(before, name) if before.snapshot.lists(name) else None
        row = node_row(after, name) if after.snapshot.lists(name) else None
        if row != was:
            nodes[name] = None if row is None else _told(row)
        tasks.update(_differing(task_rows(before, name), task_rows(after, name), _told))

    await slices.each(compare, sorted(touched))
    shown = figures(after, cluster, now)
    return Changes(
        timestamps.render(after.current_at),
        shown if shown != figures(before, cluster, now) else None,
        nodes,
        tasks,
        await _alerts(before, after),
        events(after, before),
    )


def _told(row: Mapping[str, Any]) -> Told:
    return Told(_encode(row))


def _differing(
    before: Mapping[K, V], after: Mapping[K, V], tell: Callable[[V], Told]
) -> dict[K, Told | None]:
    """Return the rows that are new or other, and None for those that are gone."""
    gone: dict[K, Told | None] = dict.fromkeys(before.keys() - after.keys())
    return gone | {key: tell(row) for key, row in after.items() if before.get(key) != row}


async def _alerts(before: StateView, after: StateView) -> dict[str, Told | None]:
    """Return the alerts that are new or other, the gravest first, and None for those that are gone."""
    if after.findings.alerts == before.findings.alerts:
        return {}
    was = {each.id: each for each in before.findings.alerts}
    other = [each for each in after.findings.alerts if was.pop(each.id, None) != each]
    gone: dict[str, Told | None] = dict.fromkeys(was)
    told = await slices.each(lambda alert: (alert.id, _told(findings.alert(alert))), other)
    return gone | dict(told)


async def _renamed(before: StateView, after: StateView) -> set[str]:
    """Return the nodes on which a pod's workload has another name now."""

    def is_other(occupied: NodeOccupancy) -> str | None:
        for pod in occupied.pods:
            if pod.controller is not None and (
                before.owner_chains.get(pod.controller) != after.owner_chains.get(pod.controller)
            ):
                return occupied.name
        return None

    found = await slices.each(is_other, after.snapshot.nodes.values())
    return {name for name in found if name is not None}


def node_row(current: StateView, name: str) -> Row:
    """Return one node."""
    return dict(node(current.snapshot.nodes[name], current.telemetry.nodes.get(name)))


def task_rows(current: StateView, name: str, namespace: str | None = None) -> dict[TaskKey, Row]:
    """Return the running tasks on the node ``name``, those of one namespace or all."""
    occupied = current.snapshot.nodes.get(name)
    found: dict[TaskKey, Row] = {}
    for pod in occupied.pods if occupied else ():
        if pod.is_running and namespace in (None, pod.namespace):
            row = found[TaskKey(pod.namespace, pod.name, pod.uid)] = dict(task(pod, current))
            del row["running_time_seconds"]
    return found
