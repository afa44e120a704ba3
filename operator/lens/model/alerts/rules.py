"""The rules: what is wrong now, object by object. Whether it has lasted is for the tracker to say."""

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from lens.model.alerts import catalogue
from lens.model.alerts.catalogue import (
    MOST_GPU_ALERTS,
    SEVERITIES,
    AlertType,
    Severity,
    Thresholds,
    shortened,
)
from lens.model.gpu.node_report import ROWS_FAILED, ROWS_PENDING
from lens.model.gpu.telemetry import GpuTelemetry, NodeTelemetry
from lens.model.gpu.xids import classify
from lens.model.inventory.occupancy import NodeOccupancy
from lens.model.inventory.pod import Pod
from lens.model.inventory.pod_usage import Devices, utilization_percent
from lens.model.inventory.snapshot import Snapshot

NO_ACTION = "NONE"
"""NVIDIA's verdict that nothing is to be done to recover a GPU."""

THROTTLES = frozenset({"hw_slowdown", "sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake"})
"""Clock events that nobody wants. ``sw_power_cap`` is none: a GPU under full load runs at its limit."""

MOST_NAMED = 4
"""Missing nodes that an alert names; it counts the others."""

_XID = re.compile(r"XID (\d{1,10})", re.ASCII)


class Condition(msgspec.Struct, frozen=True, gc=False):
    """Something that is wrong with ``source`` now; ``since`` where the object itself tells it.

    ``node`` is the one whose telemetry tells of it, if any does.
    """

    kind: AlertType
    id: str
    source: str
    message: str
    severity: Severity
    namespace: str | None = None
    since: float | None = None
    node: str | None = None


def gpu_source(node: str, gpu: GpuTelemetry) -> str:
    """Name a GPU."""
    return f"GPU/{node}/{gpu.index if gpu.uuid is None else gpu.uuid}"


def of_node(
    name: str, occupied: NodeOccupancy | None, told: NodeTelemetry | None, limits: Thresholds
) -> Iterator[Condition]:
    """Go through what is wrong with a node, its GPUs, and the pods on them."""
    if occupied is not None:
        yield from _of_occupancy(occupied)
    if told is None:
        return
    if told.state != "ok":
        age = "can't be read" if told.state == "unknown" else "is stale"
        why = f": {told.problem}" if told.problem else ""
        yield _on_node(catalogue.AGENT_STALE, name, f"What the GPUs of {name} do {age}{why}")
    if told.state != "unknown":
        yield from _most(name, [found for gpu in told.gpus for found in _of_gpu(name, gpu)])
        if occupied is not None:
            yield from _idle(occupied, told, limits)


def _most(node: str, found: list[Condition]) -> Iterable[Condition]:
    """Return what is wrong with a node's GPUs: of too much the gravest, and how much more there is."""
    if len(found) <= MOST_GPU_ALERTS:
        return found
    found.sort(key=lambda condition: SEVERITIES.index(condition.severity))
    kind, source = catalogue.GPU_ALERTS_OMITTED, f"Node/{node}"
    message = (
        f"The GPUs of {node} have {len(found) - MOST_GPU_ALERTS} more alerts than the {MOST_GPU_ALERTS} shown"
    )
    more = Condition(kind, f"{kind.type}:{source}", source, message, kind.severities[0], node=node)
    return [*found[:MOST_GPU_ALERTS], more]


def _on_node(kind: AlertType, node: str, message: str, severity: Severity | None = None) -> Condition:
    source = f"Node/{node}"
    return Condition(
        kind, f"{kind.type}:{source}", source, shortened(message), severity or kind.severities[0]
    )


def _of_occupancy(occupied: NodeOccupancy) -> Iterator[Condition]:
    name, node, holders = occupied.name, occupied.node, len(occupied.pods)
    if node is None:
        return
    if occupied.overcommitted:
        message = f"{occupied.overcommitted} GPUs are held on {name} beyond what it has"
        yield _on_node(catalogue.OVERCOMMITTED, name, message)
    if not any(offer.capacity for offer in node.offers):
        yield _on_node(catalogue.DEVICE_PLUGIN_GONE, name, f"{name} names GPU resources and has none of them")
    for offer in node.offers:
        if offer.capacity > offer.allocatable:
            unhealthy = offer.capacity - offer.allocatable
            source = f"Node/{name}"
            yield Condition(
                catalogue.DEVICES_UNHEALTHY,
                f"{catalogue.DEVICES_UNHEALTHY.type}:{source}:{offer.resource}",
                source,
                f"{unhealthy} of {offer.capacity} {offer.resource} on {name} are unhealthy",
                "critical",
            )
    if node.ready is False:
        message = f"{name} is not ready, and {holders} pods hold GPUs there"
        yield _on_node(catalogue.NODE_NOT_READY, name, message, "critical" if holders else "warning")
    if node.unschedulable and holders:
        yield _on_node(
            catalogue.NODE_CORDONED, name, f"{name} is cordoned, and {holders} pods hold GPUs there"
        )


def of_missing(snapshot: Snapshot) -> Iterator[Condition]:
    """Return that pods are bound to nodes that don't exist: once for all, since anybody makes up names."""
    if not snapshot.missing_gpus:
        return
    names = snapshot.missing_names[:MOST_NAMED]
    more = snapshot.missing_nodes - len(names)
    where = ", ".join(names) + (f" and {more} more nodes" if more else "")
    lack = "doesn't exist or has none" if snapshot.missing_nodes == 1 else "don't exist or have none"
    yield Condition(
        catalogue.OVERCOMMITTED,
        f"{catalogue.OVERCOMMITTED.type}:missing",
        f"Node/{names[0]}",
        shortened(f"{snapshot.missing_gpus} GPUs are held on {where}, which {lack}"),
        catalogue.OVERCOMMITTED.severities[0],
    )


def _of_gpu(node: str, gpu: GpuTelemetry) -> Iterator[Condition]:
    health = gpu.health
    if health.state == "ok" and not gpu.clock_events and not gpu.ecc_uncorrected:
        return
    source = gpu_source(node, gpu)
    where = f"GPU {gpu.index} of {node}"

    def on(kind: AlertType, message: str, severity: Severity | None = None, detail: str = "") -> Condition:
        return Condition(
            kind,
            f"{kind.type}:{source}{detail}",
            source,
            shortened(f"{where} {message}"),
            severity or kind.severities[0],
            node=node,
        )

    if health.state == "lost":
        yield on(catalogue.GPU_LOST, f"is lost: {', '.join(health.because)}")
        return
    explained = False
    if gpu.recovery_action not in (None, NO_ACTION):
        explained = True
        yield on(catalogue.GPU_RECOVERY_ACTION, f"needs the recovery action {gpu.recovery_action}")
    if ROWS_FAILED in health.because:
        explained = True
        yield on(catalogue.GPU_ROWS_FAILED, "could not replace failing memory rows")
    if ROWS_PENDING in health.because:
        yield on(catalogue.GPU_ROWS_PENDING, "waits for a reset to replace failing memory rows")
    for cause in health.because:
        if (match := _XID.fullmatch(cause)) is None:
            continue
        severity, meaning = classify(int(match[1]), alone=True)
        if severity == "application":
            continue
        grave = health.state == "critical" and severity == "critical"
        explained |= grave
        yield on(
            catalogue.GPU_XID,
            f"reported {cause}: {meaning}",
            "critical" if grave else "warning",
            f":{match[1]}",
        )
    if health.state == "critical" and not explained:
        yield on(catalogue.GPU_UNHEALTHY, f"is unhealthy: {', '.join(health.because) or 'no reason is told'}")
    if gpu.ecc_uncorrected:
        yield on(
            catalogue.GPU_ECC, f"had {gpu.ecc_uncorrected} uncorrected memory errors since its last reset"
        )
    if held_down := sorted(THROTTLES.intersection(gpu.clock_events)):
        yield on(catalogue.GPU_THROTTLED, f"is slowed down: {', '.join(held_down)}")


def _idle(occupied: NodeOccupancy, told: NodeTelemetry, limits: Thresholds) -> Iterator[Condition]:
    if not told.holders or not any(_may_be_idle(gpu, limits) for gpu in told.gpus):
        return
    devices = Devices(told)
    for pod in occupied.pods:
        if not pod.is_running:
            continue
        percent = utilization_percent(pod, devices)
        if percent is not None and percent <= limits.idle_percent:
            message = f"{pod.namespace}/{pod.name} holds {pod.gpus} GPUs at {percent:g} % utilization"
            yield _on_pod(catalogue.GPUS_IDLE, pod, message, node=occupied.name)


def _may_be_idle(gpu: GpuTelemetry, limits: Thresholds) -> bool:
    """Tell whether some pod may be idle there: on a busy GPU only where it is divided."""
    percent = gpu.utilization_percent
    return bool(gpu.instances or gpu.shares) or percent is None or percent <= limits.idle_percent


def _on_pod(
    kind: AlertType,
    pod: Pod,
    message: str,
    *,
    severity: Severity | None = None,
    since: float | None = None,
    node: str | None = None,
) -> Condition:
    source = f"Pod/{pod.namespace}/{pod.name}"
    return Condition(
        kind,
        # A pod of the same name that comes after it waits, or is idle, for itself.
        f"{kind.type}:{source}:{pod.uid}",
        source,
        shortened(message),
        severity or kind.severities[0],
        namespace=pod.namespace,
        since=since,
        node=node,
    )


def of_pending(pod: Pod) -> Condition | None:
    """Return that a pod waits to be bound, for a pod that does."""
    waiting = pod.waiting
    if waiting is None or pod.terminating:
        return None
    if waiting.gates:
        why, severity = f"gated by {', '.join(waiting.gates)}", "info"
    else:
        why, severity = waiting.message or waiting.reason or "the scheduler has not said why", "warning"
    return _on_pod(
        catalogue.POD_PENDING,
        pod,
        f"{pod.namespace}/{pod.name} waits for {pod.gpus} GPUs: {why}",
        severity="info" if severity == "info" else "warning",
        since=waiting.created_at,
    )


def of_watches(contacts: Mapping[str, float], limits: Thresholds, now: float) -> Iterator[Condition]:
    """Go through the watches that have shown no sign of life for too long."""
    for resource, contact in contacts.items():
        if now - contact > limits.watch_age:
            source = f"Watch/{resource}"
            message = f"The watch of {resource} has given no sign of life for over {limits.watch_age:g} s"
            kind = catalogue.WATCH_STALE
            yield Condition(kind, f"{kind.type}:{source}", source, message, kind.severities[0], since=contact)


def of_skipped(skipped: Mapping[str, int]) -> Iterator[Condition]:
    """Go through the resources of which objects can't be read, and so aren't counted."""
    for resource, number in skipped.items():
        if number:
            source = f"Watch/{resource}"
            kind = catalogue.OBJECTS_SKIPPED
            message = f"{number} {resource} can't be read and are left out of all figures"
            yield Condition(kind, f"{kind.type}:{source}", source, message, kind.severities[0])
