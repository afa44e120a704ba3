"""The GPUs of each namespace, kept by recounting only the nodes that changed."""

from collections import Counter
from heapq import nsmallest

from lens.model.inventory.occupancy import NodeOccupancy
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
        self._total: Counter[str] = Counter()

    def count(self, snapshot: Snapshot) -> dict[str, int]:
        """Return the numbers of a snapshot; those of further namespaces are added up under OTHERS."""
        for name in snapshot.nodes.differing(self._snapshot.nodes):
            occupied = snapshot.nodes.get(name)
            self._total.subtract(self._by_node.pop(name, Counter()))
            if occupied is not None and (gpus := _on_node(occupied)):
                self._by_node[name] = gpus
                self._total.update(gpus)
        self._snapshot = snapshot
        self._total = +self._total
        if len(self._total) <= self._limit:
            return dict(self._total)
        first = dict(nsmallest(self._limit, self._total.items(), key=lambda item: (-item[1], item[0])))
        return {**first, OTHERS: self._total.total() - sum(first.values())}


def _on_node(occupied: NodeOccupancy) -> Counter[str]:
    """Return how many GPUs of a node each namespace's pods hold, no more than are allocated there.

    Pods may share a GPU, and may be bound to more GPUs than a node has.
    """
    gpus: Counter[str] = Counter()
    for pod in occupied.pods:
        part = occupied.parts.get(pod.path)
        gpus[pod.namespace] += pod.gpus if part is None else part.gpus
    return Counter({name: min(number, occupied.states.allocated) for name, number in gpus.items()})
