"""How a pod ended, by its last object.

The watch line of a deleted pod has its last state. A finished pod no longer matches the watch's field
selector. Its line is DELETED with the object from before, so its outcome is unknown until the pod itself is
read.
"""

from typing import Literal

import msgspec

from lens.model.inventory.objects.pod import FINISHED_PHASES
from lens.model.k8s.bounds import LONGEST_NAME, short
from lens.model.k8s.objects import Condition, Manifest, ObjectMeta

Outcome = Literal["TaskFinished", "TaskFailed", "TaskEvicted", "TaskPreempted", "TaskDeleted", "TaskEnded"]

_PREEMPTIONS = frozenset({"PreemptionByScheduler", "Preempting"})
_EVICTION_REASONS = frozenset({"Evicted", "NodeShutdown", "Terminated", "NodeLost", "Shutdown"})


class _Terminated(Manifest):
    exit_code: int = 0
    reason: str | None = None


class _ContainerState(Manifest):
    terminated: _Terminated | None = None


class _ContainerStatus(Manifest):
    name: str = ""
    state: _ContainerState | None = None


class _Status(Manifest):
    phase: str | None = None
    reason: str | None = None
    conditions: list[Condition] | None = None
    container_statuses: list[_ContainerStatus] | None = None


class _Pod(Manifest):
    metadata: ObjectMeta
    status: _Status = msgspec.field(default_factory=_Status)


class _Line(msgspec.Struct):
    object: _Pod


class Termination(msgspec.Struct, frozen=True, gc=False):
    """The end of a pod; ``reason`` is Kubernetes' own, if there is one.

    The outcome ``TaskEnded`` is that of a pod that ended in an unknown way.
    """

    namespace: str
    name: str
    uid: str
    outcome: Outcome
    reason: str | None


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_pod = msgspec.json.Decoder(_Pod).decode


def read_termination(line: bytes) -> Termination | None:
    """Return the termination that a watch line reports, or None if it can't be decoded."""
    try:
        return _termination(_decode_line(line).object)
    except (ValueError, RecursionError):
        return None


def read_finished(document: bytes) -> Termination | None:
    """Return a finished pod's termination; None if it hasn't finished or can't be decoded."""
    try:
        pod = _decode_pod(document)
    except (ValueError, RecursionError):
        return None
    return _termination(pod) if pod.status.phase in FINISHED_PHASES else None


def _termination(pod: _Pod) -> Termination:
    meta, conditions = pod.metadata, pod.status.conditions or ()
    disrupted = next((c for c in conditions if c.type == "DisruptionTarget" and c.status == "True"), None)
    outcome, reason = _outcome(pod, disrupted)
    name, uid = short(meta.name, LONGEST_NAME), short(meta.uid or "")
    return Termination(short(meta.namespace or ""), name, uid, outcome, reason and short(reason))


def _outcome(pod: _Pod, disrupted: Condition | None) -> tuple[Outcome, str | None]:
    """Return the outcome and reason. A disruption takes precedence: its pods also fail or are being deleted.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
    """
    status = pod.status
    reason = disrupted.reason if disrupted else status.reason
    if reason in _PREEMPTIONS:
        return "TaskPreempted", reason
    if disrupted or reason in _EVICTION_REASONS:
        return "TaskEvicted", reason
    # A pod that is deleted while it runs also gets a final phase (since Kubernetes 1.27).
    if pod.metadata.deletion_timestamp is not None:
        return "TaskDeleted", reason
    if status.phase not in FINISHED_PHASES:
        return "TaskEnded", None
    return ("TaskFinished", None) if status.phase == "Succeeded" else ("TaskFailed", reason or _exit(status))


def _exit(status: _Status) -> str | None:
    for container in status.container_statuses or ():
        ended = container.state.terminated if container.state else None
        if ended is not None and ended.exit_code:
            return f"{container.name}: {ended.reason or 'Error'}, exit code {ended.exit_code}"
    return None
