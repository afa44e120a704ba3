"""The GPUs of each namespace, kept by recounting only the nodes that changed."""

from collections import Counter
from collections.abc import Iterable
from heapq import nsmallest

from lens.model.inventory.dra.gpus import HeldGpu
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.inventory.snapshot import EMPTY, Snapshot

OTHERS = "_others"
"""Stands for the namespaces beyond the limit. No namespace can have this name."""


class NamespaceGpus:
    """The numbers of allocated GPUs by namespace. For use in one event loop."""

    def __init__(self, limit: int) -> None:
        """Name up to ``limit`` namespaces: those with the most GPUs, by name among equals."""
        self._limit = limit
        self._snapshot = EMPTY
        self._by_node: dict[str, Counter[str]] = {}
        self._on_nodes: Counter[str] = Counter()

    def count(self, snapshot: Snapshot) -> dict[str, int]:
        """Return the numbers of a snapshot; those of further namespaces are added up under OTHERS."""
        for name in snapshot.nodes.differing(self._snapshot.nodes):
            occupied = snapshot.nodes.get(name)
            self._on_nodes.subtract(self._by_node.pop(name, Counter()))
            if occupied is not None and (gpus := on_node(occupied)):
                self._by_node[name] = gpus
                self._on_nodes.update(gpus)
        self._snapshot = snapshot
        self._on_nodes = +self._on_nodes
        total = self._on_nodes + claimed(snapshot.unattached.gpus)
        if len(total) <= self._limit:
            return dict(total)
        first = dict(nsmallest(self._limit, total.items(), key=lambda item: (-item[1], item[0])))
        return {**first, OTHERS: total.total() - sum(first.values())}


def on_node(occupied: NodeOccupancy) -> Counter[str]:
    """Return how many GPUs of a node each namespace has, no more than are allocated there.

    Pods may share a GPU, and may be bound to more GPUs than a node has.
    """
    gpus = claimed(occupied.gpus)
    for pod in occupied.pods:
        part = occupied.parts.get(pod.path)
        gpus[pod.namespace] += (pod.gpus if part is None else part.gpus) - pod.claimed_gpus
    return +Counter({name: min(number, occupied.states.allocated) for name, number in gpus.items()})


def claimed(gpus: Iterable[HeldGpu]) -> Counter[str]:
    """Return how many GPUs the claims of each namespace hold, however many pods share a claim."""
    found: Counter[str] = Counter()
    for each in gpus:
        if each.state == "allocated":
            found.update({holder.claim.namespace for holder in each.holders})
    return found
