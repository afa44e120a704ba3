"""How a pod came to its end, by the last that was seen of it.

The line of a pod that is deleted has the last of it. One that finishes leaves the watch by its field
selector, and is reported as DELETED with the object as it was before that: how it ended then stays open.
"""

from typing import Literal

import msgspec

from lens.model.inventory.pod import FINISHED_PHASES
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

    ``TaskEnded`` is one that finished, nobody knows how.
    """

    namespace: str
    name: str
    uid: str
    outcome: Outcome
    reason: str | None


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_pod = msgspec.json.Decoder(_Pod).decode


def read_termination(line: bytes) -> Termination | None:
    """Read the watch's line after which a pod was gone; None for one that tells nothing."""
    try:
        return _termination(_decode_line(line).object)
    except (ValueError, RecursionError):
        return None


def read_finished(document: bytes) -> Termination | None:
    """Read a pod that has finished; None for one that has not, or can't be read."""
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
    """Judge an end. A disruption comes first: what it ends has failed too, or is just being deleted.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
    """
    status = pod.status
    reason = disrupted.reason if disrupted else status.reason
    if reason in _PREEMPTIONS:
        return "TaskPreempted", reason
    if disrupted or reason in _EVICTION_REASONS:
        return "TaskEvicted", reason
    # A pod that is deleted while it runs gets a final phase too (since Kubernetes 1.27).
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
