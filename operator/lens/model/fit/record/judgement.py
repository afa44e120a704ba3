"""Whether the scheduler did what Lens predicted, where both must have had the same state.

Lens and the scheduler learn of changes at slightly different times, and the scheduler counts its decisions
before they are written. So a contradiction counts against Lens only if its evidence hasn't changed from some
seconds before the decision until some seconds after it.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from lens.model.fit.deadline import Check, no_deadline
from lens.model.fit.dra.state import Devices
from lens.model.fit.fleet_nodes import FleetNodes
from lens.model.fit.reading import read_fit
from lens.model.fit.record.decisions import Decision
from lens.model.fit.record.device_part import asks_for_devices, changed_nodes
from lens.model.fit.result import FitResult
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.state import NO_LABELS, Fleet, FleetNode
from lens.model.fit.view import FitView

_NODES = frozenset({"fleet", "pending", "policies", "unseen"})
"""The parts of a view that are compared node by node, and those that no reading of a pending pod uses."""


class Moment(msgspec.Struct, frozen=True):
    """The state at one time. A node is the same object as long as nothing about it changes.

    ``repelling`` are those with pods that have required anti-affinity. ``devices`` are those of claims.
    """

    at: float
    nodes: FleetNodes
    others: tuple[Hashable, ...]
    repelling: tuple[FleetNode, ...]
    devices: Devices


def moment(at: float, view: FitView) -> Moment:
    """Return the parts of a view that later views are compared with."""
    others: list[Any] = [getattr(view, name) for name in FitView.__struct_fields__ if name not in _NODES]
    fleet = view.fleet
    repelling = tuple(fleet.nodes[position] for position in fleet.repelling)
    return Moment(at, fleet.shared, (*others, fleet.unreadable), repelling, fleet.devices)


def agrees(decision: Decision, read: FitResult) -> bool:
    """Return whether the scheduler did what a reading says."""
    return (decision.node is not None) is (read.fits == "yes")


def contradicting_node(
    decision: Decision, moments: Sequence[Moment], after: FitView, check_time: Check = no_deadline
) -> FleetNode | None:
    """Return a node about which Lens and the scheduler contradict each other, though it hasn't changed.

    Return None if a change may be the cause. ``moments`` are the states from before the oldest one that the
    scheduler can have used. ``after`` is the state when Lens must know everything that the scheduler knew.
    Raise what ``check_time`` raises.
    """
    before, end = moment(decision.at, decision.view), moment(decision.at, after)
    start, states = moments[0], (*moments, before, end)
    if any(each.others != end.others for each in states):
        return None
    asked, fleet = decision.pod.whole(), decision.view.fleet
    repelling = {id(node): node for each in states for node in each.repelling}
    wide = has_rules_between_pods(asked) or is_repelled(asked, fleet, repelling.values())
    if wide and (
        fleet.namespaces is not after.fleet.namespaces
        or len(start.nodes) != len(end.nodes)
        or len(before.nodes) != len(end.nodes)
    ):
        return None
    changed: frozenset[str] = frozenset()
    if asks_for_devices(asked, fleet.devices):
        found = changed_nodes([each.devices for each in states], asked, bound=decision.node is not None)
        if found is None:
            return None
        changed = found
    first, last = _by_name(start.nodes), _by_name(end.nodes)
    same = [
        node
        for node in fleet.nodes
        if first.get(node.name) is node
        and _is_same(node, last.get(node.name), decision)
        and node.name not in changed
    ]
    if wide and len(same) < len(before.nodes):
        return None
    if decision.node is not None:
        return next((node for node in same if node.name == decision.node), None)
    # The scheduler refused all nodes, those that didn't change included.
    alone = Fleet(tuple(same), fleet.namespaces, fleet.priorities, devices=fleet.devices)
    read = read_fit(msgspec.structs.replace(decision.view, fleet=alone), decision.pod, check_time)
    if not read.placements:
        return None
    return next(node for node in same if node.name == read.placements[0].node)


def is_repelled(asked: AskedPod, fleet: Fleet, nodes: Iterable[FleetNode]) -> bool:
    """Return whether the anti-affinity of a pod on these nodes selects the pod."""
    labels = (fleet.namespaces or {}).get(asked.namespace, NO_LABELS)
    return any(
        term.includes(asked.namespace, labels) and term.selects(asked.labels)
        for node in nodes
        for other in node.repelling
        for term in other.anti_terms
    )


def has_rules_between_pods(asked: AskedPod) -> bool:
    """Return whether pods on other nodes may affect the answer for a pod."""
    return bool(asked.spread or asked.affinity or asked.anti_affinity)


def _by_name(nodes: FleetNodes) -> Mapping[str, FleetNode]:
    return {node.name: node for node in nodes}


def _is_same(node: FleetNode, later: FleetNode | None, decision: Decision) -> bool:
    """Return whether a node hasn't changed, except that the pod itself may be on it."""
    if later is node:
        return True
    if later is None or node.name != decision.node:
        return False
    namespace = decision.key.namespace
    own = later.pods.get(namespace, ())
    others = {id(pod) for pod in node.pods.get(namespace, ())}
    return (
        later.gate is node.gate
        and later.labels == node.labels
        and later.allocatable == node.allocatable
        and later.features == node.features
        and later.nominated == node.nominated
        and later.free_pods == node.free_pods - 1
        and others < {id(pod) for pod in own}
        and len(own) == len(others) + 1
        and all(later.pods.get(name) == pods for name, pods in node.pods.items() if name != namespace)
    )
