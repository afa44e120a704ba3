"""Alerts about pods: those that wait for GPUs, and those that leave theirs idle."""

from collections.abc import Iterator

from lens.model.alerts.alert import AlertObject, AlertTypes, Finding, Severity, Thresholds, counted
from lens.model.alerts.node_rules import GpuNode
from lens.model.gpu.telemetry import GpuTelemetry
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.pod_usage import Devices, utilization_percent

PENDING_ALERTS: AlertTypes[Pod] = AlertTypes()
USAGE_ALERTS: AlertTypes[GpuNode] = AlertTypes()


def _finding(
    pod: Pod,
    message: str,
    severity: Severity | None = None,
    since: float | None = None,
    node: str | None = None,
) -> Finding:
    source, name = f"Pod/{pod.namespace}/{pod.name}", f"{pod.namespace}/{pod.name}"
    return Finding(
        source,
        f"{name} {message}",
        severity,
        # A later pod of the same name has an alert of its own.
        key=_key(pod),
        about=AlertObject(node, namespace=pod.namespace, pod=pod.name),
        since=since,
        telemetry_node=node,
    )


def _key(pod: Pod) -> str:
    return f"Pod/{pod.namespace}/{pod.name}:{pod.uid}"


@PENDING_ALERTS.declare(
    "PodPending",
    severities=("warning", "info"),
    summary="Pods that wait for GPUs",
    meaning="A pod that asks for GPUs is not bound to a node. It is info for a gated pod. The message has "
    "the scheduler's reason, or the names of the gates. The time counts from the pod's creation.",
    action="Read the scheduler's reason, then make room or ask for fewer GPUs. "
    "A gated pod waits for its queue.",
    guide="The reason says whether GPUs are too few, or taints or selectors keep the pod off. "
    '"Largest block" in the dashboard shows '
    "whether the pod would fit on any node.",
    lasting="pending_seconds",
)
def pod_pending(pod: Pod) -> Iterator[Finding]:
    """Find a pod that is not bound."""
    waiting = pod.waiting
    if waiting is None or pod.terminating:
        return
    severity: Severity = "info" if waiting.gates else "warning"
    reason = waiting.message or waiting.reason or "the scheduler has given no reason yet"
    if waiting.gates:
        reason = f"gated by {', '.join(waiting.gates)}"
    # A claim may ask for all GPUs that there are, or not be reserved for the pod yet.
    gpus = counted(pod.gpus, "GPU") if pod.gpus else "GPUs by claim" if pod.uses else "GPUs"
    yield _finding(pod, f"waits for {gpus}: {reason}", severity, since=waiting.created_at)


@USAGE_ALERTS.declare(
    "GpusIdle",
    severities=("warning",),
    summary="Pods with idle GPUs",
    meaning="The utilization of a running pod's GPUs is at most `LENS_ALERT_IDLE_PERCENT` (1).",
    action="Ask the pod's owner whether the pod still needs its GPUs. No other pod can use them.",
    lasting="idle_seconds",
)
def gpus_idle(subject: GpuNode) -> Iterator[Finding]:
    """Find the running pods on a node whose GPUs are idle."""
    occupancy, telemetry, limits = subject.occupancy, subject.telemetry, subject.limits
    if occupancy is None or telemetry is None or telemetry.state == "unknown" or not telemetry.holders:
        return
    if not any(_may_be_idle(gpu, limits) for gpu in telemetry.gpus):
        return
    devices = Devices(telemetry)
    for pod in occupancy.pods:
        if not pod.is_running:
            continue
        percent = utilization_percent(pod, devices, occupancy.parts.get(pod.path))
        if percent is not None and percent <= limits.idle_percent:
            message = f"holds {counted(pod.gpus, 'GPU')} at {percent:g} % utilization"
            yield _finding(pod, message, node=subject.name)


def idle_id(pod: Pod) -> str:
    """Return the id of a pod's condition GpusIdle."""
    return f"{gpus_idle.type}:{_key(pod)}"


def _may_be_idle(gpu: GpuTelemetry, limits: Thresholds) -> bool:
    """Return whether a pod may be idle on a GPU. On a busy one that takes parts: MIG devices or shares."""
    percent = gpu.utilization_percent
    return bool(gpu.instances or gpu.shares) or percent is None or percent <= limits.idle_percent
