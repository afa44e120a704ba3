"""Events that Lens sees itself, found by comparing two moments."""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from lens.model.alerts.alert import Alert, counted, shortened
from lens.model.events.terminations import Outcome, Termination
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy

Type = Literal[
    "TaskStarted",
    "TaskFinished",
    "TaskFailed",
    "TaskEvicted",
    "TaskPreempted",
    "TaskDeleted",
    "TaskEnded",
    "NodeJoined",
    "NodeLeft",
    "NodeReady",
    "NodeNotReady",
    "NodeCordoned",
    "NodeUncordoned",
    "GpuLost",
    "GpuUnhealthy",
    "GpuRecovered",
    "AlertRaised",
    "AlertCleared",
    "Kubernetes",
]

OWN = "lens"
"""The source of the events that Lens sees itself."""

_ENDED: Mapping[Outcome, str] = {
    "TaskFinished": "finished",
    "TaskFailed": "failed",
    "TaskEvicted": "was evicted",
    "TaskPreempted": "was preempted",
    "TaskDeleted": "was deleted",
    "TaskEnded": "ended in an unknown way",
}


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened to ``object`` (named like an alert's source) at epoch second ``at``.

    ``source`` is Lens, or the component that reported it to the apiserver as an Event. Such an event has the
    Event's ``reason``; its type is ``Kubernetes`` if Lens has no type of its own for that reason.
    """

    at: float
    type: Type
    object: str
    message: str
    namespace: str | None = None
    source: str = OWN
    reason: str | None = None


def node_events(
    name: str,
    before: NodeOccupancy | None,
    after: NodeOccupancy | None,
    terminations: Mapping[str, Termination],
    at: float,
) -> Iterator[Event]:
    """Yield the events of a node and its tasks; ``terminations`` has, by uid, how pods ended."""
    yield from _task_events(before, after, terminations, at)
    source = f"Node/{name}"
    was, now = before.node if before else None, after.node if after else None
    if was is None and now is not None:
        yield Event(at, "NodeJoined", source, f"{name} joined with {_gpus(after)}")
    if was is not None and now is None:
        yield Event(at, "NodeLeft", source, f"{name} left with {_gpus(before)}")
    if was is None or now is None:
        return
    if was.ready is not now.ready:
        if now.ready:
            yield Event(at, "NodeReady", source, f"{name} is ready")
        elif was.ready:
            yield Event(at, "NodeNotReady", source, f"{name} is not ready")
    if was.unschedulable is not now.unschedulable:
        if now.unschedulable:
            yield Event(at, "NodeCordoned", source, f"{name} was cordoned")
        else:
            yield Event(at, "NodeUncordoned", source, f"{name} was uncordoned")


def _gpus(occupied: NodeOccupancy | None) -> str:
    node = occupied.node if occupied else None
    return counted(sum(offer.capacity for offer in node.offers) if node else 0, "GPU")


def _task_events(
    before: NodeOccupancy | None,
    after: NodeOccupancy | None,
    terminations: Mapping[str, Termination],
    at: float,
) -> Iterator[Event]:
    was = {pod.uid: pod for pod in before.pods} if before else {}
    now = {pod.uid: pod for pod in after.pods} if after else {}
    for uid, pod in was.items():
        if uid not in now:
            yield _end_event(pod, terminations.get(uid), at)
    for uid, pod in now.items():
        if pod.is_running and not (uid in was and was[uid].is_running):
            message = f"started with {counted(pod.gpus, 'GPU')} on {pod.node}"
            yield _task_event(pod, "TaskStarted", message, at)


def _end_event(pod: Pod, termination: Termination | None, at: float) -> Event:
    if termination is None:
        return _task_event(pod, "TaskEnded", f"is gone from {pod.node}; its end was not seen", at)
    reason = f" ({termination.reason})" if termination.reason else ""
    return _task_event(pod, termination.outcome, f"{_ENDED[termination.outcome]} on {pod.node}{reason}", at)


def _task_event(pod: Pod, type_: Type, message: str, at: float) -> Event:
    name = f"{pod.namespace}/{pod.name}"
    return Event(at, type_, f"Pod/{name}", f"{name} {message}", pod.namespace)


def alert_raised(alert: Alert, at: float) -> Event:
    """Return the event of an alert that was raised."""
    message = shortened(f"{alert.type}: {alert.message}")
    return Event(at, "AlertRaised", alert.source, message, alert.about.namespace)


def alert_cleared(alert: Alert, at: float) -> Event:
    """Return the event of an alert that was cleared, with its last message."""
    seconds = max(0, round(at - alert.since))
    message = shortened(f"{alert.type} cleared after {seconds} s; its last message was: {alert.message}")
    return Event(at, "AlertCleared", alert.source, message, alert.about.namespace)
