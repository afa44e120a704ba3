"""Which pods could be evicted for others, as far as priorities and PodDisruptionBudgets say.

Source: ``FilterVictimsWithPDBViolation`` in pkg/scheduler/framework/preemption. kube-scheduler evicts pods
that a budget protects only where no others will do.

No eviction frees the devices of claims: preemption asks the filters about a node without its pods of a lower
priority, and the plugin DynamicResources takes no note of that (``PreFilterExtensions`` is nil).
"""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence

import msgspec

from lens.model.fit.admission.policies import Budget
from lens.model.fit.deadline import Check
from lens.model.fit.result import Verdict
from lens.model.fit.spec.labels import UNKNOWN_LABELS
from lens.model.fit.spec.matched_labels import MatchedLabels
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.state import Fleet, FleetNode
from lens.model.inventory.objects.pod_key import PodKey

MAX_NAMESPACES = 20
"""The most namespaces of evictable pods that are named."""

Place = Callable[[Fleet], Verdict]
"""Returns whether all pods of the question fit a fleet."""


class Evictable(msgspec.Struct, frozen=True):
    """Pods of a lower priority with GPUs that are asked for, and whether all fits without them.

    ``protected`` are those of them that budgets don't allow to evict beside the others, and
    ``fits_within_budgets`` says whether all fits if none is evicted against a budget; both are None where
    budgets aren't known, or a pod's labels that one may select.
    """

    gpus: int
    pods: int
    fits: Verdict
    namespaces: tuple[tuple[str, int], ...]
    protected: int | None = None
    fits_within_budgets: Verdict | None = None


def evictable(
    fleet: Fleet,
    priority: int,
    gpus: Collection[str],
    budgets: Mapping[PodKey, Budget] | None,
    place: Place,
    check_time: Check,
    *,
    labels_count: bool = True,
) -> Evictable | None:
    """Return what pods below a priority hold of these resources; None if they hold nothing.

    ``labels_count``: whether the labels of existing pods may affect the answer. Raise what
    ``check_time`` raises.
    """
    found: Counter[str] = Counter()
    lower: dict[int, Sequence[FitPod]] = {}
    for position, node in enumerate(fleet.nodes):
        below = pods_below(node, priority)
        held = {pod.namespace: 0 for pod in below}
        own = _own(node, gpus)
        for pod in below:
            held[pod.namespace] += _held(pod, own)
        if any(held.values()):
            found.update(held)
            lower[position] = below
    found = +found
    if not found:
        return None
    fits = place(_without(fleet, lower))
    protected: int | None = None
    within: Verdict | None = None
    if budgets is not None and not _may_select_unknown(lower, budgets):
        kept, least = _protected(lower, budgets, labels_count, check_time)
        protected = _holders(fleet, kept, gpus)
        within = fits
        if kept and fits == "yes":
            within = place(_without(fleet, _less(lower, kept)))
            if within == "no" and place(_without(fleet, _less(lower, least))) != "no":
                # Others could be evicted within the same budgets.
                within = "unknown"
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return Evictable(
        gpus=found.total(),
        pods=_holders(fleet, lower, gpus),
        fits=fits,
        namespaces=tuple(ordered[:MAX_NAMESPACES]),
        protected=protected,
        fits_within_budgets=within,
    )


Positions = Mapping[int, Sequence[FitPod]]


def _own(node: FleetNode, gpus: Collection[str]) -> Collection[str]:
    """Return the resources that a node has itself. Claims serve the others that its pods request."""
    return [name for name in gpus if node.allocatable.get(name, 0) > 0]


def _held(pod: FitPod, gpus: Collection[str]) -> int:
    return sum(amount for name, amount in pod.request if name in gpus)


def _holders(fleet: Fleet, pods: Positions, gpus: Collection[str]) -> int:
    """Return how many pods hold something of these resources."""
    return sum(
        _held(pod, own) > 0
        for position, of_node in pods.items()
        for own in (_own(fleet.nodes[position], gpus),)
        for pod in of_node
    )


def _may_select_unknown(pods: Positions, budgets: Iterable[PodKey]) -> bool:
    """Return whether a budget is in the namespace of a pod whose labels aren't known."""
    namespaces = {key.namespace for key in budgets}
    return any(
        pod.labels is UNKNOWN_LABELS and pod.namespace in namespaces for each in pods.values() for pod in each
    )


def _protected(
    lower: Positions, budgets: Mapping[PodKey, Budget], labels_count: bool, check_time: Check
) -> tuple[Positions, Positions]:
    """Return pods that can't be evicted if all others are, and as many as can't be whichever the others are.

    Those of the lowest priority are evicted first. The latter stand for any of pods that are all the same on
    a node, and so for none where pods differ. ``labels_count``: pods with other labels aren't the same.
    """
    by_namespace: dict[str, list[_Rest]] = {}
    for key in sorted(budgets):
        by_namespace.setdefault(key.namespace, []).append(_Rest(budgets[key]))
    kept: dict[int, list[FitPod]] = {}
    same: dict[Hashable, tuple[int, int, list[FitPod]]] = {}
    victims = [(pod.priority, position, pod) for position, pods in lower.items() for pod in pods]
    victims.sort(key=lambda victim: victim[:2])
    for _, position, pod in victims:
        if pod.namespace not in by_namespace or not pod.labels:
            continue
        check_time()
        of_pod = [each for each in by_namespace[pod.namespace] if each.selected.of(pod.labels)]
        if not of_pod:
            continue
        labels = pod.labels if labels_count else ()
        shape = position, tuple(map(id, of_pod)), pod.request, pod.ports, pod.anti_terms, labels
        same.setdefault(shape, (position, min(each.allowed for each in of_pod), []))[2].append(pod)
        if all(each.left > 0 for each in of_pod):
            for each in of_pod:
                each.left -= 1
        else:
            kept.setdefault(position, []).append(pod)
    least: dict[int, list[FitPod]] = {}
    for position, allowed, pods in same.values():
        least.setdefault(position, []).extend(pods[max(0, allowed) :])
    return kept, least


class _Rest:
    """How many more evictions a budget allows."""

    def __init__(self, budget: Budget) -> None:
        self.allowed = self.left = budget.allowed
        # One without requirements selects nothing, as for the scheduler.
        selects = budget.selector is not None and budget.selector.requirements
        self.selected = MatchedLabels(budget.selector if selects else None)


def _less(pods: Positions, kept: Positions) -> Positions:
    """Return pods without those that are kept."""
    return {
        position: [pod for pod in each if not any(pod is other for other in kept.get(position, ()))]
        for position, each in pods.items()
    }


def _without(fleet: Fleet, gone: Positions) -> Fleet:
    """Return a fleet without some of its pods."""
    nodes = list(fleet.nodes)
    for position, pods in gone.items():
        nodes[position] = node_without(nodes[position], pods)
    return Fleet(tuple(nodes), fleet.namespaces, fleet.priorities, fleet.unreadable, fleet.devices)


def pods_below(node: FleetNode, priority: int) -> list[FitPod]:
    """Return the pods on a node that have a lower priority."""
    return [pod for on in node.pods.values() for pod in on if pod.priority < priority]


def node_without(node: FleetNode, gone: Iterable[FitPod]) -> FleetNode:
    """Return a node without some of its pods."""
    left_out = {id(each) for each in gone}
    count = sum(map(len, node.pods.values()))
    empty = msgspec.structs.replace(
        node, free=node.allocatable, free_pods=node.free_pods + count, pods={}, ports=(), repelling=()
    )
    return empty.with_pods(each for on in node.pods.values() for each in on if id(each) not in left_out)
