"""The occupancy of a node: every GPU is in exactly one state.

| state | a GPU that |
| --- | --- |
| allocated | its node has and a pod holds, in whatever health the node is |
| unhealthy | its node counts in capacity but not in allocatable, and nobody holds |
| unavailable | is free on a node that GPU pods can't go to |
| available | is free on a node that takes GPU pods |

GPUs that pods hold beyond what the node has are in no state, because they don't exist: anybody who may create
a pod may bind it to any node, existing or not, and request any number. They are counted as overcommitted.

A GPU that many units share is held if any of them is, unhealthy if none of them is allocatable, and else
free. The units are counted separately, by the same rules.
"""

from collections.abc import Iterable

import msgspec

from lens.model.gpu.sharing import NO_MIG, share
from lens.model.gpu.telemetry import NodeTelemetry, Source
from lens.model.inventory.node import Node, NodeResource
from lens.model.inventory.placement import NO_PLACEMENT, Placement
from lens.model.inventory.pod import Pod
from lens.model.inventory.shared_gpus import UNKNOWN_RATIO, PodGpus, groups, part
from lens.model.k8s.bounds import MOST_STRANGE
from lens.model.k8s.taints import UNSCHEDULABLE, TaintPolicy
from lens.model.k8s.vendors import domain_of


class GpuStates(msgspec.Struct, frozen=True, gc=False):
    """Numbers of GPUs by state."""

    allocated: int = 0
    unhealthy: int = 0
    unavailable: int = 0
    available: int = 0

    @property
    def total(self) -> int:
        """Return the number of GPUs in all states."""
        return self.allocated + self.unhealthy + self.unavailable + self.available

    def __add__(self, other: "GpuStates") -> "GpuStates":
        """Add state by state."""
        return GpuStates(
            self.allocated + other.allocated,
            self.unhealthy + other.unhealthy,
            self.unavailable + other.unavailable,
            self.available + other.available,
        )

    def __sub__(self, other: "GpuStates") -> "GpuStates":
        """Subtract state by state."""
        return GpuStates(
            self.allocated - other.allocated,
            self.unhealthy - other.unhealthy,
            self.unavailable - other.unavailable,
            self.available - other.available,
        )


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


class NodeOccupancy(msgspec.Struct, frozen=True, gc=False):
    """A node, the pods that hold GPUs on it (sorted by namespace and name), and its GPUs by state.

    ``node`` is None if the pods' node doesn't exist or names no GPU resource. ``takes_gpu_pods`` follows the
    scheduler: cordon and taints count, conditions don't. ``largest_block`` is the most available GPUs of one
    resource, since one pod requests one resource. ``pools`` are in units; everything else is in GPUs, whose
    numbers are approximate if ``approximate_reason`` says why. ``units`` are the pools whose units aren't
    whole GPUs; ``parts`` has the pods' parts of these by the pods' paths.
    """

    name: str
    node: Node | None
    pods: tuple[Pod, ...]
    pools: tuple[ResourceCount, ...]
    states: GpuStates
    takes_gpu_pods: bool
    running_tasks: int
    largest_block: int
    overcommitted: int
    approximate_reason: str | None = None
    units: tuple[ResourceCount, ...] = ()
    parts: dict[str, PodGpus] = {}

    def reportable_gpus(self, source: Source) -> int | None:
        """Return how many of the node's GPUs an agent or exporter has to report; None if that is unknown.

        It reports one vendor's GPUs. Of a node with GPUs of several vendors they are known if they are whole.
        """
        domain = "amd.com" if source == "amd" else "nvidia.com"
        own = [pool for pool in self.pools if domain_of(pool.resource) == domain]
        if len(own) == len(self.pools):
            return self.states.total
        return None if any(pool in self.units for pool in own) else sum(pool.states.total for pool in own)

    def unreported_gpus(self, telemetry: NodeTelemetry | None) -> int:
        """Return how many of these GPUs its agent or exporter doesn't report; 0 if it reports nothing now.

        On a node whose units count as GPUs, parts of GPUs do, too.
        """
        if telemetry is None or telemetry.state == "unknown":
            return 0
        counts_parts = not self.units or self.approximate_reason == UNKNOWN_RATIO
        told = sum(max(1, len(gpu.instances)) if counts_parts else 1 for gpu in telemetry.gpus)
        return max(0, (self.reportable_gpus(telemetry.source) or 0) - told)

    @property
    def approximate(self) -> bool:
        """Tell whether the numbers of GPUs may be others."""
        return self.approximate_reason is not None

    @property
    def status(self) -> str:
        """Return Ready, NotReady, Unknown (no Ready condition) or Missing (no such GPU node)."""
        if self.node is None:
            return "Missing"
        return {True: "Ready", False: "NotReady", None: "Unknown"}[self.node.ready]


def occupancy(
    name: str,
    node: Node | None,
    pods: Iterable[Pod],
    taints: TaintPolicy,
    placement: Placement = NO_PLACEMENT,
) -> NodeOccupancy:
    """Return a node's occupancy, with every GPU in its state."""
    holders = tuple(sorted(pods, key=lambda pod: pod.key))
    held: dict[str, int] = {}
    for pod in holders:
        for resource, number in pod.units:
            held[resource] = held.get(resource, 0) + number
    takes_gpu_pods = node is not None and not taints.repels(
        (*node.taints, UNSCHEDULABLE) if node.unschedulable else node.taints
    )
    offers = {offer.resource: offer for offer in (node.offers if node else ())}
    strange = sorted(held.keys() - offers.keys())
    # Anybody who may create pods may make up resources: only some of these have a row, and all units count.
    beyond = sum(held[resource] for resource in strange[MOST_STRANGE:])
    for resource in strange[:MOST_STRANGE]:
        offers[resource] = NodeResource(resource, 0, 0, share(resource))
    pools = tuple(
        _pool(offers[resource], held.get(resource, 0), takes_gpu_pods=takes_gpu_pods)
        for resource in sorted(offers)
    )
    # Most nodes share nothing: this skips the work for them.
    shares = any(offer.share is not None for offer in offers.values())
    shared = groups(offers.values(), placement, node.mig if node else NO_MIG) if shares else []
    blocks = [each.block(holders) for each in shared]
    units = tuple(pool for pool in pools if any(pool.resource in each.resources for each in shared))
    gpus = [pool for pool in pools if pool not in units] + [
        _pool(NodeResource("", block.total, block.usable), block.held, takes_gpu_pods=takes_gpu_pods)
        for block in blocks
    ]
    return NodeOccupancy(
        name=name,
        node=node,
        pods=holders,
        pools=pools,
        states=sum((pool.states for pool in gpus), GpuStates()),
        takes_gpu_pods=takes_gpu_pods,
        running_tasks=sum(pod.is_running for pod in holders),
        largest_block=max((pool.states.available for pool in gpus), default=0),
        overcommitted=sum(pool.overcommitted for pool in gpus) + beyond,
        approximate_reason=max(
            (block.approximate_reason for block in blocks if block.approximate_reason is not None),
            default=UNKNOWN_RATIO if beyond else None,
        ),
        units=units,
        parts={pod.path: own for pod in holders if (own := part(pod, shared)) is not None} if shared else {},
    )


def _pool(offer: NodeResource, held: int, *, takes_gpu_pods: bool) -> ResourceCount:
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
