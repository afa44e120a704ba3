"""What the fit engine reads, updated change by change, and immutable views of it.

As in the ledger, a view recounts the nodes that were touched, each from everything that is stored for it.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

from lens.model.fit.dra.signatures import Signature
from lens.model.fit.dra.state import NO_DEVICES, Devices, DeviceState
from lens.model.fit.fleet_node import FleetNode as FleetNode
from lens.model.fit.fleet_nodes import FleetNodes, Piece
from lens.model.fit.spec.node import FitNode, Gate
from lens.model.fit.spec.pod import FitPod

NO_LABELS: Mapping[str, str] = {}


class Fleet:
    """All nodes of one moment, sorted by name. A node's position is its index.

    ``namespaces`` has the labels of each namespace; None where they aren't known. ``priorities`` says how
    many pods on nodes have each priority. ``unreadable`` is the number of objects that can't be read.
    ``devices`` are those of dynamic resource allocation.

    What filters read of thousands of nodes is a list by position. It is made when it is first read, and
    successors take over what of it their changes leave as it was.
    """

    def __init__(
        self,
        nodes: Iterable[FleetNode] | FleetNodes = (),
        namespaces: Mapping[str, Mapping[str, str]] | None = None,
        priorities: Mapping[int, int] = MappingProxyType({}),
        unreadable: int = 0,
        devices: Devices = NO_DEVICES,
    ) -> None:
        """Take what there is; none of it may change any more."""
        self.shared = nodes if isinstance(nodes, FleetNodes) else FleetNodes.of(nodes)
        self.namespaces = namespaces
        self.priorities = priorities
        self.unreadable = unreadable
        self.devices = devices
        self._free: dict[str, list[int]] = {}

    def successor(
        self,
        changes: Mapping[str, FleetNode | None],
        namespaces: Mapping[str, Mapping[str, str]] | None,
        priorities: Mapping[int, int],
        unreadable: int,
        devices: Devices | None = None,
    ) -> "Fleet":
        """Return a fleet in which some nodes are replaced, or removed where they are None."""
        fleet = Fleet(
            self.shared.updated(changes), namespaces, priorities, unreadable, devices or self.devices
        )
        pairs: list[tuple[FleetNode, FleetNode]] = []
        for name, after in changes.items():
            before = self.shared.get(name)
            if before is None or after is None:
                return fleet
            pairs.append((before, after))
        if fleet.devices is self.devices:
            fleet._keep(self, "signatures")
        if all(before.gate is after.gate for before, after in pairs):
            fleet._keep(self, "gates")
        if all(before.allocatable is after.allocatable for before, after in pairs):
            fleet._keep(self, "allocatable")
        if not any(before.repelling or after.repelling for before, after in pairs):
            fleet._keep(self, "repelling")
        if not any(before.nominated or after.nominated for before, after in pairs):
            fleet._keep(self, "nominated")
        return fleet

    def _keep(self, before: "Fleet", name: str) -> None:
        if name in before.__dict__:
            self.__dict__[name] = before.__dict__[name]

    @cached_property
    def nodes(self) -> tuple[FleetNode, ...]:
        """Return all nodes."""
        return tuple(self.shared.joined(lambda piece: piece.nodes))

    @cached_property
    def signatures(self) -> list[Signature | None]:
        """The signature of each node; None for one that can't be compared with others."""
        signature = self.devices.signature
        return [signature(node.name) for node in self.nodes]

    def free(self, resource: str) -> list[int]:
        """Return what each node has left of a resource."""
        found = self._free.get(resource)
        if found is None:
            # A question may name any number of resources that no node has. They are not stored.
            known = resource in self.allocatable
            read = Piece.free if known else Piece.free_now
            found = self.shared.joined(lambda piece: read(piece, resource))
            if known:
                self._free[resource] = found
        return found

    @cached_property
    def free_pods(self) -> list[int]:
        """Return how many more pods each node takes."""
        return self.shared.joined(lambda piece: piece.free_pods)

    @cached_property
    def allocatable(self) -> Mapping[str, int]:
        """Return what all nodes together have of each resource."""
        totals: dict[str, int] = {}
        for node in self.nodes:
            for resource, amount in node.allocatable.items():
                totals[resource] = totals.get(resource, 0) + amount
        return totals

    @cached_property
    def gates(self) -> tuple[list[Gate], list[int]]:
        """Return the different gates, and for each node which one it has."""
        numbers: dict[int, int] = {}
        of_nodes = [numbers.setdefault(id(node.gate), len(numbers)) for node in self.nodes]
        by_id = {id(node.gate): node.gate for node in self.nodes}
        return [by_id[each] for each in numbers], of_nodes

    @cached_property
    def repelling(self) -> list[int]:
        """Return the positions of the nodes with pods that have required anti-affinity."""
        return [position for position, node in enumerate(self.nodes) if node.repelling]

    @property
    def adds_tolerations(self) -> bool:
        """Return whether pods get tolerations for the extended resources that they request.

        The API doesn't have the apiserver's admission plugins. Only a cloud is known by its nodes.
        """
        return any(piece.adds_tolerations for piece in self.shared.pieces)

    @cached_property
    def nominated(self) -> list[int]:
        """Return the positions of the nodes that pods are nominated to."""
        return [position for position, node in enumerate(self.nodes) if node.nominated]


class FitState:
    """The pods on nodes, the nodes, the namespaces and the ``devices``. It has one writer."""

    def __init__(self) -> None:
        """Start empty, without knowing any namespaces."""
        self.devices = DeviceState()
        self._nodes: dict[str, FitNode] = {}
        self._node_of: dict[Hashable, str] = {}
        self._pods: dict[str, dict[Hashable, FitPod]] = {}
        self._namespaces: Mapping[str, Mapping[str, str]] | None = None
        self._priorities: Counter[int] = Counter()
        self._unreadable: set[Hashable] = set()
        self._touched: set[str] = set()
        self._fleet = Fleet()
        self._stale = False

    def put_pod(self, key: Hashable, pod: FitPod | None) -> None:
        """Store a pod under its key; None removes it."""
        self._note_read(key)
        node = self._node_of.get(key)
        if node is not None:
            holders = self._pods[node]
            before = holders[key]
            if before == pod:
                return
            del holders[key], self._node_of[key]
            if not holders:
                del self._pods[node]
            self._touched.add(node)
            if not before.nominated:
                self._priorities[before.priority] -= 1
                if not self._priorities[before.priority]:
                    del self._priorities[before.priority]
        if pod is not None:
            self._node_of[key] = pod.node
            self._pods.setdefault(pod.node, {})[key] = pod
            self._touched.add(pod.node)
            if not pod.nominated:
                self._priorities[pod.priority] += 1

    def put_node(self, name: str, node: FitNode | None) -> None:
        """Store a node under its name; None removes it."""
        self._note_read(name)
        if self._nodes.get(name) == node:
            return
        self._touched.add(name)
        if node is None:
            del self._nodes[name]
        else:
            self._nodes[name] = node

    def put_namespace(self, name: str, labels: Mapping[str, str] | None) -> None:
        """Store a namespace's labels; None removes it. From the first on, all others don't exist."""
        namespaces = dict(self._namespaces or {})
        namespaces.pop(name, None)
        if labels is not None:
            namespaces[name] = dict(labels)
        if namespaces != self._namespaces:
            self._namespaces = namespaces
            self._stale = True

    def set_namespaces(self, namespaces: Mapping[str, Mapping[str, str]] | None) -> None:
        """Set the labels of all namespaces, in a mapping that doesn't change any more; None for unknown."""
        if namespaces is not self._namespaces:
            self._namespaces = namespaces
            self._stale = True

    def pod_keys(self) -> Iterable[Any]:
        """Return the keys of the stored pods."""
        return self._node_of

    def node_names(self) -> Iterable[str]:
        """Return the names of the stored nodes."""
        return self._nodes

    def put_unreadable(self, key: Hashable) -> None:
        """Store that the pod or node with a key can't be read. Its last readable version stays."""
        self._unreadable.add(key)
        self._stale = True

    def fleet(self) -> Fleet:
        """Return the current view; the same object as before if nothing has changed."""
        devices = self.devices.view()
        if not self._touched and not self._stale and devices is self._fleet.devices:
            return self._fleet
        changes: dict[str, FleetNode | None] = {}
        for name in self._touched:
            node = self._nodes.get(name)
            if node is not None:
                changes[name] = _count(node, self._pods.get(name, {}).values())
            elif self._fleet.shared.get(name) is not None:
                changes[name] = None
        priorities = dict(self._priorities)
        fleet = self._fleet.successor(changes, self._namespaces, priorities, len(self._unreadable), devices)
        self._fleet, self._stale = fleet, False
        self._touched.clear()
        return fleet

    def _note_read(self, key: Hashable) -> None:
        if key in self._unreadable:
            self._unreadable.remove(key)
            self._stale = True


def _count(node: FitNode, pods: Iterable[FitPod]) -> FleetNode:
    bound: list[FitPod] = []
    nominated: list[FitPod] = []
    for pod in pods:
        (nominated if pod.nominated else bound).append(pod)
    return FleetNode(
        name=node.name,
        labels=node.labels,
        gate=node.gate,
        features=node.features,
        allocatable=node.allocatable,
        free=node.allocatable,
        free_pods=node.pods,
        pods={},
        nominated=tuple(nominated),
    ).with_pods(bound)
