"""``/api/v1/realtime/running-tasks``: the pods that hold GPUs, by default those that are Running."""

from collections.abc import Callable, Mapping
from typing import Literal

from lens.api.endpoints.claims import claim_rows
from lens.api.lists.list_queue import ListQueue
from lens.api.lists.listing import PODS, Listing, Rows, Sort
from lens.api.lists.row_cache import RowCache
from lens.api.parameters.pods import TaskParameters
from lens.api.schemas.tasks import Fraction as FractionRow
from lens.api.schemas.tasks import Task
from lens.model.cluster_state import StateView
from lens.model.inventory.list_index import bound
from lens.model.inventory.objects.fraction import Fraction
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.pod_usage import usage
from lens.model.inventory.owner_chains import workload
from lens.model.inventory.snapshot import Snapshot
from lens.model.k8s import timestamps

# After every known time.
_NEVER = 2**53

STATES: Mapping[str, Callable[[Pod], bool]] = {
    "running": lambda pod: pod.is_running,
    "starting": lambda pod: pod.phase == "Pending",
    "terminating": lambda pod: pod.terminating,
    "all": lambda _: True,
}

SORTS: Mapping[str, Sort[Pod]] = {
    "started_at": Sort(lambda _, pod: _NEVER if pod.started_at is None else pod.started_at, int),
    "allocated_gpus": Sort(lambda snapshot, pod: allocated_gpus(snapshot, pod), int),
    "node": Sort(lambda _, pod: pod.node, str),
}


def running_tasks(queue: ListQueue) -> Listing[TaskParameters, Pod]:
    """Return the list of tasks; long lists wait in ``queue``."""
    return Listing(
        kind=PODS,
        source=bound,
        sorts=SORTS,
        states=STATES,
        rows=Rows(
            RowCache(task_row, "running_time_seconds", lambda pod: pod.started_at).encode,
            task_row,
        ),
        columns=tuple(Task.__annotations__),
        queue=queue,
    )


def allocated_gpus(snapshot: Snapshot, pod: Pod) -> int:
    """Return how many GPUs a pod is on, whole or shared."""
    part = snapshot.part(pod)
    return pod.gpus if part is None else part.gpus


def task_row(pod: Pod, current: StateView, now: int) -> Task:
    """Return one task's row at the epoch second ``now``."""
    started_at, part = pod.started_at, current.snapshot.part(pod)
    used = usage(pod, current.telemetry.nodes.get(pod.node), part)
    top, workload_reason = workload(pod, current.owner_chains)
    row: Task = {
        "pod_uid": pod.uid,
        "pod_name": pod.name,
        "namespace": pod.namespace,
        "workload_type": top.kind,
        "workload_name": top.name,
        "workload_reason": workload_reason,
        "node_name": pod.node,
        "allocated_gpus": pod.gpus if part is None else part.gpus,
        # The node's clock may be ahead of ours.
        "running_time_seconds": 0 if started_at is None else max(0, now - started_at),
        "started_at": None if started_at is None else timestamps.render(started_at),
        "owner": pod.owner,
        "resources": dict(pod.units),
        "phase": pod.phase,
        "terminating": pod.terminating,
        "utilization": used.utilization_percent,
        "memory_used_bytes": used.memory_used_bytes,
        "gpu_uuids": None if used.gpus is None else list(used.gpus),
        "utilization_reason": used.reason,
    }
    if part is not None:
        row["units"], row["approximate"] = dict(part.units), part.approximate
    if pod.uses:
        row["claims"] = claim_rows(pod)
    if pod.fraction is not None:
        row["fraction"] = fraction_row(pod.fraction)
    return row


def fraction_row(fraction: Fraction, *, bound: bool = True) -> FractionRow:
    """Return the fraction that a pod requests from KAI-Scheduler, with its reservations if it is bound."""
    reason: Literal["NO_RESERVATION", "MALFORMED"] | None = None
    if fraction.malformed:
        reason = "MALFORMED"
    elif bound and not fraction.reservations:
        reason = "NO_RESERVATION"
    return {
        "portion": fraction.portion,
        "memory_mib": fraction.memory_mib,
        "devices": fraction.devices,
        "gpu_groups": list(fraction.groups),
        "reservations": ["/".join(key) for key in fraction.reservations],
        "reason": reason,
    }
