"""The totals of all nodes: a snapshot's are those of the last one, changed by the nodes that changed."""

from collections import Counter
from collections.abc import Mapping
from heapq import nsmallest

from lens.model.gpu.exporters import ExporterPod
from lens.model.inventory.dra.index import Problems
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.gpu_states import GpuStates
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.inventory.occupancy.products import ProductTotals
from lens.model.inventory.occupancy.resource_count import ResourceCount
from lens.model.inventory.snapshot import Snapshot, Unattached
from lens.model.k8s.bounds import MAX_MISSING, MAX_UNITS
from lens.model.shards import Shards


class Totals:
    """The sums from which a snapshot is made, beyond the last snapshot. It has one writer."""

    def __init__(self) -> None:
        """Start with no node."""
        self._blocks: Counter[int] = Counter()
        self._units: dict[str, ResourceCount] = {}
        self._missing: dict[str, int] = {}
        self._products = ProductTotals()

    def next_snapshot(
        self,
        last: Snapshot,
        changes: Mapping[str, NodeOccupancy | None],
        waiting: Mapping[str, Pod | None],
        exporters: tuple[Shards[str, ExporterPod], int],
        unattached: Unattached,
        problems: Problems,
    ) -> Snapshot:
        """Return the snapshot after ``last``, in which some nodes and pods that wait are others, or gone."""
        states, running_tasks, overcommitted = last.states, last.running_tasks, last.overcommitted
        unknown_gpus, held_without_pod = last.unknown_gpus, last.held_without_pod
        approximate, missing_gpus, gpu_nodes = last.approximate, last.missing_gpus, last.gpu_nodes
        units, missing_names = last.units, last.missing_names
        joining: set[str] = set()
        leaving: set[str] = set()
        if unattached is not last.unattached:
            states += unattached.states - last.unattached.states
            self._products.remove(last.unattached.products)
            self._products.add(unattached.products)
            unknown_gpus += unattached.unknown_gpus - last.unattached.unknown_gpus
            held_without_pod += unattached.held_without_pod - last.unattached.held_without_pod
        for name, after in changes.items():
            before = last.nodes.get(name)
            if before is not None:
                states -= before.states
                running_tasks -= before.running_tasks
                overcommitted -= before.overcommitted
                unknown_gpus -= before.unknown_gpus
                held_without_pod -= before.held_without_pod
                approximate -= before.approximate
                gpu_nodes -= before.use
                self._products.remove(before.products)
                missing_gpus -= self._missing.pop(name, 0)
                for pool in before.units:
                    self._units[pool.resource] = self._units_of(pool.resource) - pool
                if before.units:
                    leaving.add(name)
                self._count_block(before.largest_block, -1)
            if after is not None:
                states += after.states
                running_tasks += after.running_tasks
                overcommitted += after.overcommitted
                unknown_gpus += after.unknown_gpus
                held_without_pod += after.held_without_pod
                approximate += after.approximate
                gpu_nodes += after.use
                self._products.add(after.products)
                if after.node is None:
                    self._missing[name] = after.overcommitted
                    missing_gpus += after.overcommitted
                for pool in after.units:
                    self._units[pool.resource] = self._units_of(pool.resource) + pool
                if after.units:
                    joining.add(name)
                self._count_block(after.largest_block, 1)
        both_ways_changed = any(
            (after is not None and after.offered_both_ways) != (name in last.both_ways)
            for name, after in changes.items()
        )
        if joining or leaving:
            units = self._shown_units()
        if any(name in self._missing or name in missing_names for name in changes):
            missing_names = tuple(nsmallest(MAX_MISSING, self._missing))
        max_contiguous = max(self._blocks, default=0)
        demand = last.demand
        for path, pod in waiting.items():
            if (left := last.pending.get(path)) is not None:
                demand = demand.with_pod(left, -1)
            if pod is not None:
                demand = demand.with_pod(pod, 1)
        return Snapshot(
            sequence=last.sequence + 1,
            states=states,
            running_tasks=running_tasks,
            available_nodes=self._blocks.total(),
            max_contiguous=max_contiguous,
            max_contiguous_product=self._products.of_block(max_contiguous),
            products=self._products.shown(),
            gpu_nodes=gpu_nodes,
            overcommitted=overcommitted,
            missing_nodes=len(self._missing),
            missing_gpus=missing_gpus,
            missing_names=missing_names,
            nodes=last.nodes.updated(changes) if changes else last.nodes,
            pending=last.pending.updated(waiting) if waiting else last.pending,
            demand=demand,
            exporters=exporters[0],
            exporter_nodes=exporters[1],
            # The names are mostly the same, and then the set is the same object.
            shared=last.shared - (leaving - joining) | joining if leaving != joining else last.shared,
            approximate=approximate,
            units=units,
            both_ways=_replaced(last.both_ways, changes) if both_ways_changed else last.both_ways,
            unattached=unattached,
            problems=problems,
            unknown_gpus=unknown_gpus,
            held_without_pod=held_without_pod,
        )

    def _units_of(self, resource: str) -> ResourceCount:
        return self._units.get(resource) or _no_units(resource)

    def _shown_units(self) -> Mapping[str, ResourceCount]:
        """Return the cluster's units by resource; of too many, first those of resources that a node has."""
        self._units = {name: pool for name, pool in self._units.items() if pool != _no_units(name)}
        if len(self._units) <= MAX_UNITS:
            return dict(self._units)
        return dict(nsmallest(MAX_UNITS, self._units.items(), lambda each: (not each[1].capacity, each[0])))

    def _count_block(self, size: int, nodes: int) -> None:
        """Count the nodes by their largest block: there are few sizes, even with many nodes."""
        if size:
            self._blocks[size] += nodes
            if not self._blocks[size]:
                del self._blocks[size]


def _replaced(names: frozenset[str], changes: Mapping[str, NodeOccupancy | None]) -> frozenset[str]:
    """Return the names of nodes that offer GPUs both ways."""
    now = {name for name, after in changes.items() if after is not None and after.offered_both_ways}
    return names - changes.keys() | now


def _no_units(resource: str) -> ResourceCount:
    return ResourceCount(resource, 0, 0, GpuStates(), 0)
