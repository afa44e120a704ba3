"""The cluster's GPUs at one moment, as a value: whoever reads the same snapshot can't disagree."""

from collections.abc import Iterator

import msgspec

from lens.model.exporters import ExporterPod
from lens.model.occupancy import GpuStates, NodeOccupancy
from lens.model.pod import Pod
from lens.model.shards import Shards


class Snapshot(msgspec.Struct, frozen=True):
    """All figures of one moment. ``sequence`` grows by one with each change that shows.

    ``available_nodes`` counts nodes with an available GPU; ``max_contiguous`` is the most available
    GPUs of one resource on one node. ``exporters`` are the pods to ask for telemetry, by name.
    """

    sequence: int
    states: GpuStates
    running_tasks: int
    available_nodes: int
    max_contiguous: int
    overcommitted: int
    nodes: Shards[NodeOccupancy]
    exporters: tuple[ExporterPod, ...] = ()

    @property
    def allocation_rate(self) -> float:
        """Return the percentage of GPUs that are allocated, one decimal; 0.0 for no GPUs."""
        return round(100 * self.states.allocated / self.states.total, 1) if self.states.total else 0.0

    def running(self, namespace: str | None = None) -> Iterator[Pod]:
        """Go through the running tasks, all or those of one namespace, in no order that means anything."""
        for node in self.nodes.values():
            for pod in node.pods:
                if pod.is_running and (namespace is None or pod.namespace == namespace):
                    yield pod


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
