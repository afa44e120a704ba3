"""The units of one GPU resource by state, on one node or on many."""

from operator import itemgetter

import msgspec

from lens.model.inventory.dra.tally import Tally
from lens.model.inventory.objects.node import NodeResource
from lens.model.inventory.occupancy.gpu_states import GpuStates


class ResourceCount(msgspec.Struct, frozen=True, gc=False):
    """The units of one GPU resource, on one node or on many.

    ``overcommitted`` is the number of held units beyond those that exist; they are in no state.
    """

    resource: str
    capacity: int
    allocatable: int
    states: GpuStates
    overcommitted: int

    def __add__(self, other: "ResourceCount") -> "ResourceCount":
        """Add number by number."""
        return ResourceCount(
            self.resource,
            self.capacity + other.capacity,
            self.allocatable + other.allocatable,
            self.states + other.states,
            self.overcommitted + other.overcommitted,
        )

    def __sub__(self, other: "ResourceCount") -> "ResourceCount":
        """Subtract number by number."""
        return ResourceCount(
            self.resource,
            self.capacity - other.capacity,
            self.allocatable - other.allocatable,
            self.states - other.states,
            self.overcommitted - other.overcommitted,
        )


def by_driver(gpus: Tally) -> tuple[ResourceCount, ...]:
    """Return the numbers of DRA's GPUs by driver; those in no state don't count."""
    counts: dict[str, GpuStates] = {}
    for (driver, _, _, state), number in gpus:
        of_state = GpuStates() if state == "unknown" else GpuStates(**{state: number})
        counts[driver] = counts.get(driver, GpuStates()) + of_state
    return tuple(
        ResourceCount(driver, states.total, states.total - states.unhealthy, states, 0)
        for driver, states in sorted(counts.items(), key=itemgetter(0))
    )


def resource_count(offer: NodeResource, held: int, *, takes_gpu_pods: bool) -> ResourceCount:
    """Return the units of a node's resource by state, of which so many are ``held``."""
    free = max(0, offer.allocatable - held)
    there = max(offer.allocatable, offer.capacity)
    return ResourceCount(
        resource=offer.resource,
        capacity=offer.capacity,
        allocatable=offer.allocatable,
        states=GpuStates(
            allocated=min(held, there),
            # Only the number of held GPUs is known: they are assumed to be healthy ones.
            unhealthy=max(0, offer.capacity - max(offer.allocatable, held)),
            unavailable=0 if takes_gpu_pods else free,
            available=free if takes_gpu_pods else 0,
        ),
        overcommitted=max(0, held - there),
    )
