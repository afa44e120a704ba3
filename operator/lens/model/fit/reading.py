"""Lens' own answer for a pending pod: whether it would fit now, and what is short."""

import msgspec

from lens.model.fit.answer.unseen_devices import as_unknown, may_need_unseen
from lens.model.fit.deadline import Check, no_deadline
from lens.model.fit.engine import fit
from lens.model.fit.pending import PendingPod
from lens.model.fit.result import FitResult, Reason
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.state import Fleet
from lens.model.fit.view import FitView

DELETED = FitResult("no", 1, 0, 0, 0, message="it is being deleted")
"""The scheduler ignores a pod that is being deleted."""

_WORDS = {
    "unschedulable": "cordoned",
    "taint": "a taint that the pod doesn't tolerate",
    "node_selector": "not selected by the pod",
    "node_name": "not named by the pod",
    "host_port": "a host port is taken",
    "pods": "no room for more pods",
    "claims": "devices are short for its claims",
    "claim_elsewhere": "its claim has devices elsewhere",
    "invalid_pools": "the pool of devices is invalid",
}

_BYTES = ("memory", "ephemeral-storage", "hugepages-")


def read_fit(view: FitView, pending: PendingPod, check_time: Check = no_deadline) -> FitResult:
    """Return whether a pending pod fits now. Raise what ``check_time`` raises.

    Quotas and admission have let it pass already.
    """
    asked = pending.whole()
    fleet = view.fleet
    if pending.nominated is not None:
        fleet = _without(fleet, pending.nominated)
    result = fit(fleet, asked, 1, check_time)
    if may_need_unseen(asked, view) and not asked.gates:
        return as_unknown(result, asked)
    return result


def _without(fleet: Fleet, pod: FitPod) -> Fleet:
    """Return the fleet without a nominated pod, which must not compete with itself."""
    for position in fleet.nominated:
        node = fleet.nodes[position]
        if node.name == pod.node and pod in node.nominated:
            others = list(node.nominated)
            others.remove(pod)
            changed = msgspec.structs.replace(node, nominated=tuple(others))
            return fleet.successor({node.name: changed}, fleet.namespaces, fleet.priorities, fleet.unreadable)
    return fleet


def in_words(result: FitResult, *, names: bool) -> str:
    """Return a result in plain words; with ``names`` it names nodes, for callers who may see them."""
    if result.placed:
        where = f": {result.placements[0].node}" if names else ""
        but = f", but this isn't checked: {', '.join(result.not_checked)}" if result.fits == "unknown" else ""
        return f"a node has room for it{where}{but}"
    first = result.reasons[0] if result.reasons else None
    if first is None or first.code == "gates" or first.message == result.message:
        return result.message or ""
    return "; ".join(_reason_in_words(each, names=names) for each in result.reasons)


def _reason_in_words(reason: Reason, *, names: bool) -> str:
    nodes = "1 node" if reason.nodes == 1 else f"{reason.nodes} nodes"
    if reason.resource is None or reason.asked is None or reason.most_free is None:
        return f"{nodes}: {_WORDS.get(reason.code, reason.message)}"
    asked, free = _amount(reason.resource, reason.asked), _amount(reason.resource, reason.most_free)
    where = f", on {reason.most_free_on}" if names and reason.most_free_on else ""
    return f"{nodes}: needs {asked} {reason.resource} on one node; most free is {free}{where}"


def _amount(resource: str, amount: int) -> str:
    if resource == "cpu":
        return f"{amount / 1000:g}"
    return f"{amount / 2**30:.4g} GiB" if resource.startswith(_BYTES) else str(amount)
