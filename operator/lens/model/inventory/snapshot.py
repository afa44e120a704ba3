"""The cluster's GPUs at one moment, as a value: all readers of a snapshot have the same figures."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from lens.model.gpu.exporters import ExporterPod
from lens.model.inventory.dra.gpus import HeldGpu
from lens.model.inventory.dra.index import NO_PROBLEMS, Problems
from lens.model.inventory.dra.tally import tally
from lens.model.inventory.exporter_index import NO_EXPORTERS
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.gpu_states import GpuStates
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.inventory.occupancy.node_use import NO_NODES, NodeUse
from lens.model.inventory.occupancy.products import NONE_AVAILABLE, ProductCount, claimable_counts, merged
from lens.model.inventory.occupancy.resource_count import ResourceCount
from lens.model.inventory.occupancy.shared_gpus import PodGpus
from lens.model.shards import Shards


class Demand(msgspec.Struct, frozen=True, gc=False):
    """The pods that request GPUs and aren't bound. Of these the scheduler ignores ``gated_pods``."""

    pods: int = 0
    gpus: int = 0
    gated_pods: int = 0

    def with_pod(self, pod: Pod, sign: Literal[1, -1]) -> "Demand":
        """Return the demand with a pod added or removed."""
        gated = pod.waiting is not None and bool(pod.waiting.gates)
        return Demand(self.pods + sign, self.gpus + sign * pod.gpus, self.gated_pods + sign * gated)


class Unattached(msgspec.Struct, frozen=True, gc=False):
    """The GPUs that no single node has, by state, with their sums by driver. Any node may get them."""

    gpus: tuple[HeldGpu, ...] = ()
    drivers: tuple[ResourceCount, ...] = ()

    @property
    def states(self) -> GpuStates:
        """Return the numbers of GPUs by state."""
        return sum((count.states for count in self.drivers), GpuStates())

    @property
    def products(self) -> Iterable[ProductCount]:
        """Return the GPUs by product. They are in no block, since they are on no node."""
        counts = claimable_counts(tally(self.gpus))
        return merged(msgspec.structs.replace(each, largest_block=0) for each in counts)

    @property
    def unknown_gpus(self) -> int:
        """Return how many GPUs are in no state."""
        return sum(each.state == "unknown" for each in self.gpus)

    @property
    def held_without_pod(self) -> int:
        """Return how many GPUs claims hold for no pod."""
        return sum(each.without_pod for each in self.gpus)


NOTHING_UNATTACHED = Unattached()


class Snapshot(msgspec.Struct, frozen=True):
    """All figures of one moment. ``sequence`` grows by one with each visible change.

    ``available_nodes`` counts nodes with an available GPU. ``max_contiguous`` is the most available GPUs of
    one resource on one node. ``overcommitted`` counts the GPUs that pods hold beyond what their nodes have;
    they are in no state. ``missing_nodes`` counts the nodes of such pods that don't exist or have no GPUs,
    ``missing_gpus`` the GPUs that pods hold there, and ``missing_names`` has the first MAX_MISSING names.
    ``pending`` has, by ``namespace/name``, the pods that request GPUs and aren't bound, and ``demand`` their
    sums. ``exporters`` has, by node, the pod that reports telemetry, and
    ``exporter_nodes`` the number of nodes that have or should have one. All numbers are physical GPUs, except
    ``units``, which has the sums of shared resources. ``shared`` names the nodes with shared GPUs, and
    ``both_ways`` those that offer GPUs by a device plugin and by DRA; the figures of ``approximate`` of these
    are approximate.

    ``unattached`` are the GPUs of no node, which are among ``states``. ``problems`` is what of DRA can't be
    counted, and ``unknown_gpus`` the number of their GPUs in the known slices, which are in no state.
    ``held_without_pod`` counts the GPUs that claims and reservations hold for no pod.

    ``products`` has all GPUs by product. ``max_contiguous_product`` is that of ``max_contiguous``, of several
    the first by name, or None and the reason. ``gpu_nodes`` counts the nodes with GPUs by how far these are
    used.
    """

    sequence: int
    states: GpuStates
    running_tasks: int
    available_nodes: int
    max_contiguous: int
    overcommitted: int
    nodes: Shards[str, NodeOccupancy]
    missing_nodes: int = 0
    missing_gpus: int = 0
    missing_names: tuple[str, ...] = ()
    pending: Shards[str, Pod] = Shards()
    demand: Demand = Demand()
    exporters: Shards[str, ExporterPod] = NO_EXPORTERS
    exporter_nodes: int = 0
    shared: frozenset[str] = frozenset()
    approximate: int = 0
    units: Mapping[str, ResourceCount] = {}
    both_ways: frozenset[str] = frozenset()
    unattached: Unattached = NOTHING_UNATTACHED
    problems: Problems = NO_PROBLEMS
    unknown_gpus: int = 0
    held_without_pod: int = 0
    products: tuple[ProductCount, ...] = ()
    max_contiguous_product: tuple[str | None, str | None] = (None, NONE_AVAILABLE)
    gpu_nodes: NodeUse = NO_NODES

    @property
    def allocation_rate(self) -> float:
        """Return the percentage of GPUs that are allocated, one decimal; 0.0 for no GPUs."""
        return round(100 * self.states.allocated / self.states.total, 1) if self.states.total else 0.0

    @property
    def known_unknown_gpus(self) -> int | None:
        """Return how many GPUs are in no state; None while pools may have more than their slices list."""
        return None if self.problems.incomplete else self.unknown_gpus

    def lists(self, name: str) -> bool:
        """Return whether a list of nodes has this one: of the missing nodes it has only the first."""
        occupied = self.nodes.get(name)
        return occupied is not None and (occupied.node is not None or name in self.missing_names)

    def listed(self) -> list[str]:
        """Return the names of all nodes that a list of nodes has, in order."""
        if self.missing_nodes == len(self.missing_names):
            return sorted(self.nodes)
        first = frozenset(self.missing_names)
        return sorted(
            name for name, occupied in self.nodes.items() if occupied.node is not None or name in first
        )

    def pods_at(self, nodes: Iterable[str], pending: Iterable[str]) -> Iterator[Pod]:
        """Yield the pods on some nodes and some pending pods; unknown names are ignored."""
        for name in nodes:
            if (occupied := self.nodes.get(name)) is not None:
                yield from occupied.pods
        for path in pending:
            if (pod := self.pending.get(path)) is not None:
                yield pod

    def part(self, pod: Pod) -> PodGpus | None:
        """Return a pod's part of shared GPUs; None for a pod with whole GPUs only."""
        return self.nodes[pod.node].parts.get(pod.path) if pod.node in self.shared else None


EMPTY = Snapshot(
    sequence=0,
    states=GpuStates(),
    running_tasks=0,
    available_nodes=0,
    max_contiguous=0,
    overcommitted=0,
    nodes=Shards(),
)
"""A cluster without GPUs."""
