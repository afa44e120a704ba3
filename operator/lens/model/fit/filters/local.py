"""The filters that check one node by itself."""

from collections import Counter
from collections.abc import Collection, Sequence

from lens.model.fit.deadline import Check, no_deadline
from lens.model.fit.filters.rejection import Cause, Filter, Rejection, Tally, rejection
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.node import Gate
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.spec.ports import conflict
from lens.model.fit.spec.tolerations import tolerate_cordon, tolerate_taints
from lens.model.fit.state import Fleet, FleetNode

UNSCHEDULABLE = rejection("unschedulable", "node(s) were unschedulable")
UNTOLERATED = rejection("taint", "node(s) had untolerated taint(s)")
UNSELECTED = rejection("node_selector", "node(s) didn't match Pod's node affinity/selector")
NO_PORT = rejection(
    "host_port", "node(s) didn't have free ports for the requested pod ports", resolvable=True
)
NO_FEATURE = rejection("declared_features", "node(s) didn't match Pod's required features")

_PLENTY = 2**62
"""Stands for the free amount of a resource that a claim serves on the node. It isn't counted here."""

TOO_MANY_PODS = Cause("pods", "Too many pods", "pods")


class GateFilter(Filter):
    """NodeUnschedulable and TaintToleration. Nodes that share a gate share the verdict."""

    def __init__(self, asked: AskedPod) -> None:
        """Take the pod that is asked about."""
        self._tolerations = asked.tolerations

    def check(self, node: FleetNode, nominated: Sequence[FitPod] = ()) -> Rejection | None:
        """Return why the pod can't go to a node, or None if it can."""
        return self._verdict(node.gate)

    def filter_nodes(self, positions: Sequence[int], fleet: Fleet, tally: Tally) -> Sequence[int]:
        """Return the positions of the nodes that the pod can go to, and tally what rejects the others."""
        gates, of_nodes = fleet.gates
        verdicts = [self._verdict(gate) for gate in gates]
        if not any(verdicts):
            return positions
        for number, nodes in Counter([of_nodes[position] for position in positions]).items():
            rejected = verdicts[number]
            if rejected is not None:
                tally.add(rejected, nodes)
        return [position for position in positions if verdicts[of_nodes[position]] is None]

    def tolerates_taints(self, gate: Gate) -> bool:
        """Return whether no taint keeps the pod off."""
        return tolerate_taints(self._tolerations, gate)

    def _verdict(self, gate: Gate) -> Rejection | None:
        if not tolerate_cordon(self._tolerations, gate):
            return UNSCHEDULABLE
        return None if tolerate_taints(self._tolerations, gate) else UNTOLERATED


class SelectorFilter(Filter):
    """NodeAffinity: the node's labels and name."""

    def __init__(self, asked: AskedPod, check_time: Check = no_deadline) -> None:
        """Take the pod that is asked about."""
        self._selector = asked.selector
        self._check_time = check_time

    def check(self, node: FleetNode, nominated: Sequence[FitPod] = ()) -> Rejection | None:
        """Return why the pod can't go to a node, or None if it can."""
        return None if self._selector.matches(node.name, node.labels) else UNSELECTED

    def filter_nodes(self, positions: Sequence[int], fleet: Fleet, tally: Tally) -> Sequence[int]:
        """Return the positions of the nodes that the pod can go to, and tally what rejects the others."""
        nodes, selector = fleet.nodes, self._selector
        left = positions
        for key, value in selector.labels:
            left = [position for position in left if nodes[position].labels.get(key) == value]
        if selector.terms is not None:
            # Few labels are read, and most nodes share their values.
            keys = sorted({each.key for term in selector.terms for each in term.labels})
            by_name = any(term.names for term in selector.terms)
            verdicts: dict[tuple[str | None, ...], bool] = {}
            found = []
            for position in left:
                node = nodes[position]
                values = tuple([node.labels.get(key) for key in keys])
                verdict = None if by_name else verdicts.get(values)
                if verdict is None:
                    self._check_time()
                    verdict = verdicts[values] = selector.matches(node.name, node.labels)
                if verdict:
                    found.append(position)
            left = found
        if len(left) < len(positions):
            tally.add(UNSELECTED, len(positions) - len(left))
        return left


class PortFilter(Filter):
    """NodePorts."""

    def __init__(self, asked: AskedPod) -> None:
        """Take the pod that is asked about."""
        self._ports = asked.ports

    def check(self, node: FleetNode, nominated: Sequence[FitPod] = ()) -> Rejection | None:
        """Return why the pod can't go to a node, or None if it can."""
        return NO_PORT if node.ports and conflict(self._ports, node.ports) else None


class ResourceFilter(Filter):
    """NodeResourcesFit. A resource that the pod doesn't request is never short, even if it is overcommitted.

    ``most_free`` is the most of each resource that is free on a node that has too little of it, with the
    first such node by name. What claims may serve is not short on nodes that don't have it.
    """

    def __init__(self, asked: AskedPod, served: Collection[str] = ()) -> None:
        """Take the pod that is asked about, and the resources that claims may serve."""
        self._request = asked.request
        self._served = served
        self._rejections: dict[tuple[tuple[bool, ...], bool], Rejection] = {}
        self._short: list[FleetNode] = []
        self.most_free: dict[str, tuple[int, str]] = {}

    def check(self, node: FleetNode, nominated: Sequence[FitPod] = ()) -> Rejection | None:
        """Return why the pod can't go to a node, or None if it can."""
        short = (node.free_pods <= 0, *[self._free(node, name) < amount for name, amount in self._request])
        if not any(short):
            return None
        for (name, _), is_short in zip(self._request, short[1:], strict=True):
            if is_short:
                self._note_free(name, node.free.get(name, 0), node.name)
        return self._rejection(short, resolvable=self._is_resolvable(node))

    def filter_nodes(self, positions: Sequence[int], fleet: Fleet, tally: Tally) -> Sequence[int]:
        """Return the positions of the nodes that the pod can go to, and tally what rejects the others."""
        free_pods = fleet.free_pods
        columns = [(name, amount, self._column(fleet, name)) for name, amount in self._request]
        left = [position for position in positions if free_pods[position] > 0]
        for _, amount, free in columns:
            left = [position for position in left if free[position] >= amount]
        if len(left) == len(positions):
            return positions
        fitting = set(left)
        rejected = [position for position in positions if position not in fitting]
        short = [[free_pods[position] <= 0 for position in rejected]]
        for name, amount, free in columns:
            short.append([free[position] < amount for position in rejected])
            found = [free[position] for position in rejected if free[position] < amount]
            if found:
                most = max(found)
                first = next(position for position in rejected if free[position] == most)
                self._note_free(name, most, fleet.nodes[first].name)
        for combination, nodes in Counter(zip(*short, strict=True)).items():
            tally.add(self._rejection(combination), nodes)
        self._short = [fleet.nodes[position] for position in rejected]
        return left

    def room(self, node: FleetNode) -> int:
        """Return how many more replicas a node has room for."""
        room = node.free_pods
        for name, amount in self._request:
            room = min(room, self._free(node, name) // amount)
        return max(0, room)

    def rooms(self, positions: Sequence[int], fleet: Fleet) -> list[int]:
        """Return how many more replicas each node at some sorted positions has room for; all have some."""
        rooms = _at(positions, fleet.free_pods)
        for name, amount in self._request:
            free = _at(positions, self._column(fleet, name))
            rooms = [
                room if room <= (more := here // amount) else more
                for room, here in zip(rooms, free, strict=True)
            ]
        return rooms

    def could_be_resolved(self) -> bool:
        """Return whether a node that was sifted out has, but for its pods, all that is short."""
        return any(map(self._is_resolvable, self._short))

    def _free(self, node: FleetNode, name: str) -> int:
        if name in self._served and node.allocatable.get(name, 0) <= 0:
            return _PLENTY
        return node.free.get(name, 0)

    def _column(self, fleet: Fleet, name: str) -> list[int]:
        if name not in self._served:
            return fleet.free(name)
        return [self._free(node, name) for node in fleet.nodes]

    def _note_free(self, name: str, free: int, node: str) -> None:
        free = max(0, free)
        before = self.most_free.get(name)
        if before is None or (-free, node) < (-before[0], before[1]):
            self.most_free[name] = free, node

    def _is_resolvable(self, node: FleetNode) -> bool:
        return all(
            amount <= node.allocatable.get(name, 0)
            for name, amount in self._request
            if self._free(node, name) < amount
        )

    def _rejection(self, short: tuple[bool, ...], *, resolvable: bool = False) -> Rejection:
        found = self._rejections.get((short, resolvable))
        if found is None:
            causes = [TOO_MANY_PODS] if short[0] else []
            for (name, _), is_short in zip(self._request, short[1:], strict=True):
                if is_short:
                    causes.append(Cause("resource", f"Insufficient {name}", name))
            found = self._rejections[short, resolvable] = Rejection(tuple(causes), resolvable)
        return found


class FeatureFilter(Filter):
    """NodeDeclaredFeatures."""

    def __init__(self, asked: AskedPod) -> None:
        """Take the pod that is asked about."""
        self._features = asked.features

    def check(self, node: FleetNode, nominated: Sequence[FitPod] = ()) -> Rejection | None:
        """Return why the pod can't go to a node, or None if it can."""
        return None if self._features <= node.features else NO_FEATURE


def _at(positions: Sequence[int], column: list[int]) -> list[int]:
    """Return what a column has at sorted positions."""
    return column if len(positions) == len(column) else [column[position] for position in positions]
