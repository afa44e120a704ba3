"""Whether replicas of a pod fit, as kube-scheduler decides it one pod after another.

kube-scheduler chooses nodes by scores, and Lens by the room that is left (``trial``). Where that choice can
change how many replicas fit (a pod that has affinity to its own replicas, or several rules against them), the
answer is not complete: ``node_choice``.
"""

from collections.abc import Iterable

from lens.model.fit.deadline import Check, no_deadline
from lens.model.fit.dra.state import Devices
from lens.model.fit.filters.dynamic_resources import DeviceFilter
from lens.model.fit.result import NO_NODES, FitResult, Reason, scheduler_message
from lens.model.fit.spec.affinity_terms import Terms
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.state import NO_LABELS, Fleet
from lens.model.fit.trial import Trial

MAX_REPLICAS = 10_000
"""The most replicas of a question."""

MAX_BY_DEVICES = 1024
"""Replicas that are tried for ``max_replicas`` where each gets devices."""

MAX_COUNTED = 64
"""Replicas that are tried for ``max_replicas`` where each placement changes what the next one may do."""


def fit(fleet: Fleet, asked: AskedPod, replicas: int = 1, check_time: Check = no_deadline) -> FitResult:
    """Return whether replicas of a pod fit. Raise ValueError for a number out of range.

    ``check_time`` ends the work by what it raises.
    """
    return place(fleet, asked, replicas, check_time)[0]


def place(
    fleet: Fleet, asked: AskedPod, replicas: int = 1, check_time: Check = no_deadline
) -> tuple[FitResult, Devices]:
    """Return whether replicas of a pod fit, as ``fit`` does, and the devices that are held then."""
    if not 0 < replicas <= MAX_REPLICAS:
        raise ValueError(f"replicas: {replicas} is not between 1 and {MAX_REPLICAS}")
    count = len(fleet.nodes)
    if asked.gates:
        text = f"waiting for scheduling gates: [{' '.join(asked.gates)}]"
        result = FitResult("no", replicas, 0, 0, count, reasons=(Reason("gates", text, count),), message=text)
        return result, fleet.devices
    if (refused := _not_enqueued(fleet, asked)) is not None:
        refusal = Reason("claims", refused, count)
        return FitResult("no", replicas, 0, 0, count, reasons=(refusal,), message=refused), fleet.devices
    if not fleet.nodes:
        missing = ("unreadable_objects",) if fleet.unreadable else ()
        result = FitResult(
            "no", replicas, 0, 0, 0, message=NO_NODES, not_checked=missing, complete=not missing
        )
        return result, fleet.devices
    trial = Trial(fleet, asked, check_time)
    if trial.rejected_as_a_whole is not None:
        cause = trial.rejected_as_a_whole
        text = f"0/{count} nodes are available: {cause.message}."
        reasons: tuple[Reason, ...] = (Reason(cause.code, cause.message, count),)
        return FitResult("no", replicas, 0, 0, count, reasons=reasons, message=text), fleet.devices
    reasons = trial.reasons()
    placed = trial.place(replicas)
    message = None
    preemption = False
    if placed < replicas:
        reasons = trial.reasons()
        message = trial.fatal or scheduler_message(count, reasons)
        preemption = trial.can_preempt()
    placements = trial.placements()
    devices = trial.devices.left() if trial.devices is not None else fleet.devices
    met = dict(trial.devices.unknown) if trial.devices is not None else {}
    # An undecided node gets no replica, so replicas that are placed do fit.
    undecided = tuple(name for name, fatal in met.items() if fatal or placed < replicas)
    most = _max_replicas(trial, placed, replicas) if len(undecided) == len(met) else None
    not_checked = (*asked.unchecked, *_not_checked(trial, fleet, asked, replicas), *undecided)
    unknown = bool(asked.unchecked) and (placed == replicas or "scheduler" in asked.unchecked)
    unknown = unknown or bool(undecided)
    if preemption:
        not_checked = (*not_checked, "preemption")
    result = FitResult(
        fits="unknown" if unknown else "yes" if placed == replicas else "no",
        replicas=replicas,
        placed=placed,
        max_replicas=most,
        nodes=count,
        placements=placements,
        reasons=reasons,
        message=message,
        not_checked=not_checked,
        complete=not unknown and set(not_checked) <= set(asked.unchecked),
    )
    return result, devices


def _not_enqueued(fleet: Fleet, asked: AskedPod) -> str | None:
    """Return why the scheduler doesn't try to place a pod; None if it does."""
    return DeviceFilter(asked, fleet.devices).not_enqueued if asked.claims else None


def _max_replicas(trial: Trial, placed: int, replicas: int) -> int | None:
    if placed < replicas:
        return placed
    if not trial.is_wide and trial.devices is None:
        return placed + trial.room()
    if (room := trial.device_room()) is not None:
        return placed + room
    counted = MAX_COUNTED if trial.is_wide else MAX_BY_DEVICES
    more = trial.place(max(0, counted - placed) + 1)
    return placed + more if placed + more <= max(placed, counted) else None


def _not_checked(trial: Trial, fleet: Fleet, asked: AskedPod, replicas: int) -> Iterable[str]:
    unreadable = fleet.unreadable or trial.has_met_unknown
    if unreadable or (trial.devices is not None and fleet.devices.unreadable):
        yield "unreadable_objects"
    if asked.bound:
        return
    if fleet.namespaces is None and _need_namespaces(fleet, asked):
        yield "namespaces"
    shared = trial.devices is not None and trial.devices.uses_shared
    if replicas > 1 and (shared or _choice_matters(fleet, asked)):
        yield "node_choice"


def _need_namespaces(fleet: Fleet, asked: AskedPod) -> bool:
    existing = (pod.anti_terms for each in fleet.repelling for pod in fleet.nodes[each].repelling)
    return any(
        term.namespace_selector is not None and term.namespace_selector.requirements
        for terms in (asked.affinity, asked.anti_affinity, *existing)
        for term in terms
    )


def _choice_matters(fleet: Fleet, asked: AskedPod) -> bool:
    """Return whether other nodes might fit another number of replicas.

    It doesn't without rules between replicas, nor with one rule that only limits how many share a domain:
    a replica then takes no place but that of its like.
    """
    labels = asked.labels
    namespace_labels = (fleet.namespaces or {}).get(asked.namespace, NO_LABELS)

    def about_itself(terms: Terms) -> int:
        return sum(
            term.includes(asked.namespace, namespace_labels) and term.selects(labels) for term in terms
        )

    spread = sum(each.selector is not None and each.selector.matches_flat(labels) for each in asked.spread)
    return about_itself(asked.affinity) > 0 or about_itself(asked.anti_affinity) + spread > 1
