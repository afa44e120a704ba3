"""``/api/v1/realtime/pending-tasks``: the pods that request GPUs and aren't bound to a node."""

from collections.abc import Sequence
from functools import partial

from lens.api.endpoints.claims import claim_rows
from lens.api.endpoints.tasks import fraction_row
from lens.api.fit.pending_fits import PendingFits, PodFits
from lens.api.lists.list_queue import ListQueue
from lens.api.lists.listing import PODS, Listing, Rows, Sort
from lens.api.lists.row_cache import RowCache
from lens.api.parameters.pods import PendingParameters
from lens.api.schemas.pending import PendingState, PendingTask, PodFit, WaitingTask
from lens.model.cluster_state import StateView
from lens.model.inventory.list_index import unbound
from lens.model.inventory.objects.pending import UNSCHEDULABLE, Waiting
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.owner_chains import workload
from lens.model.k8s import timestamps

# After every known time.
_NEVER = 2**53


def pending_tasks(queue: ListQueue) -> Listing[PendingParameters, Pod]:
    """Return the list of pending pods; long lists wait in ``queue``."""
    fits = PendingFits()
    cache = RowCache(_pending_row, "waiting_seconds", _created_at)

    async def rows_of(current: StateView, params: PendingParameters, pods: Sequence[Pod]) -> Rows[Pod]:
        # A caller who may see all namespaces may see the nodes. All others share an answer in the cache.
        found = await fits.read(current.fit, pods, names=params.scope is None)
        return Rows(partial(cache.encode, more=found.encoded), partial(pending_row, found), found.tag)

    return Listing(
        kind=PODS,
        source=unbound,
        sorts={
            "created_at": Sort(lambda _, pod: _NEVER if (at := _created_at(pod)) is None else at, int),
            "requested_gpus": Sort(lambda _, pod: pod.gpus, int),
            "priority": Sort(lambda _, pod: _waiting(pod).priority, int),
        },
        rows=Rows(cache.encode, _pending_row),
        columns=(*WaitingTask.__annotations__, *PodFit.__annotations__),
        queue=queue,
        rows_of=rows_of,
        version=lambda current: current.fit.fleet,
    )


def pending_row(fits: PodFits, pod: Pod, current: StateView, now: int) -> PendingTask:
    """Return one pending pod's row at the epoch second ``now``."""
    return {**_pending_row(pod, current, now), **fits.row(pod)}


def _pending_row(pod: Pod, current: StateView, now: int) -> WaitingTask:
    waiting, top = _waiting(pod), workload(pod, current.owner_chains)
    created_at = waiting.created_at
    row: WaitingTask = {
        "pod_uid": pod.uid,
        "pod_name": pod.name,
        "namespace": pod.namespace,
        "workload_type": top[0].kind,
        "workload_name": top[0].name,
        "workload_reason": top[1],
        "owner": pod.owner,
        "requested_gpus": pod.gpus,
        "resources": dict(pod.units),
        "created_at": None if created_at is None else timestamps.render(created_at),
        # The apiserver's clock may be ahead of ours.
        "waiting_seconds": 0 if created_at is None else max(0, now - created_at),
        "priority": waiting.priority,
        "state": _state(waiting),
        "scheduling_gates": list(waiting.gates),
        "reason": waiting.reason,
        "message": waiting.message,
        "node_selector": dict(waiting.node_selector),
        "affinity": waiting.affinity,
        "tolerations": list(waiting.tolerations),
        "terminating": pod.terminating,
    }
    if pod.uses:
        row["claims"] = claim_rows(pod)
    if pod.fraction is not None:
        row["fraction"] = fraction_row(pod.fraction, bound=False)
    if waiting.omitted:
        row["omitted"] = dict(waiting.omitted)
    return row


def _state(waiting: Waiting) -> PendingState:
    if waiting.gates:
        return "gated"
    return "unschedulable" if waiting.reason == UNSCHEDULABLE else "waiting"


def _created_at(pod: Pod) -> int | None:
    return _waiting(pod).created_at


def _waiting(pod: Pod) -> Waiting:
    assert pod.waiting is not None, "the snapshot's pending pods aren't bound"
    return pod.waiting
