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

GPUs that DRA hands out have their own states (``dra.gpus``). A node may offer its GPUs both ways.
"""

from collections.abc import Iterable
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

import msgspec

from lens.model.gpu.telemetry import NodeTelemetry, Source
from lens.model.inventory.dra.both_ways import BOTH_WAYS, Joined, Offered, identified, joined
from lens.model.inventory.dra.gpus import HeldGpu
from lens.model.inventory.dra.tally import Tally, tally
from lens.model.inventory.objects.node import Node
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.device_plugins import NO_PLUGINS, Plugins, gpus_by_vendor, plugins_of
from lens.model.inventory.occupancy.gpu_states import GpuStates
from lens.model.inventory.occupancy.node_use import NO_NODES, NodeUse
from lens.model.inventory.occupancy.placement import NO_PLACEMENT, Placement
from lens.model.inventory.occupancy.products import NO_PRODUCTS, CountedGpus, ProductCount, product_counts
from lens.model.inventory.occupancy.reservations import Reservation, with_reservations
from lens.model.inventory.occupancy.resource_count import ResourceCount, by_driver
from lens.model.inventory.occupancy.shared_gpus import UNKNOWN_RATIO, PodGpus, part
from lens.model.k8s.taints import UNSCHEDULABLE, TaintPolicy
from lens.model.k8s.vendors import domain_of, domain_of_driver


class NodeOccupancy(msgspec.Struct, frozen=True, gc=False):
    """A node, the pods that hold GPUs on it (sorted by namespace and name), and its GPUs by state.

    ``node`` is None if it doesn't exist, or has no GPUs. ``takes_gpu_pods`` follows the
    scheduler: cordon and taints count, conditions don't. ``largest_block`` is the most available GPUs of one
    resource or DRA driver, since one pod requests one of these. ``pools`` are in units; everything else is in
    GPUs, whose numbers are approximate if ``approximate_reason`` says why. ``units`` are the pools whose
    units aren't whole GPUs; ``parts`` has the pods' parts of these by the pods' paths.

    ``gpus`` are those that DRA hands out, and ``drivers`` their sums. The states of these are among
    ``states``, where a GPU that is offered both ways counts once. ``unknown_gpus`` are in no state.
    ``held_without_pod`` counts the GPUs that claims, or reservation pods of KAI-Scheduler, hold for no pod.
    ``reservations`` are these pods, which aren't among ``pods``. ``products`` has the
    GPUs by product.
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
    gpus: tuple[HeldGpu, ...] = ()
    drivers: tuple[ResourceCount, ...] = ()
    unknown_gpus: int = 0
    held_without_pod: int = 0
    products: tuple[ProductCount, ...] = ()
    reservations: tuple[Reservation, ...] = ()

    @property
    def offered_both_ways(self) -> bool:
        """Return whether a device plugin and DRA may offer the same GPUs."""
        if not self.pools or not self.drivers:
            return False
        own = {domain_of(pool.resource) for pool in self.pools}
        return any(domain_of_driver(count.resource) in own for count in self.drivers)

    def reportable_gpus(self, source: Source) -> int | None:
        """Return how many of the node's GPUs an agent or exporter has to report; None if that is unknown.

        It reports one vendor's GPUs. Of a node with GPUs of several vendors they are known if they are whole.
        """
        domain = "amd.com" if source == "amd" else "nvidia.com"
        own = [pool for pool in self.pools if domain_of(pool.resource) == domain]
        claimable = [count for count in self.drivers if domain_of_driver(count.resource) == domain]
        if len(own) == len(self.pools) and len(claimable) == len(self.drivers):
            return self.states.total
        if claimable and own:
            return None
        if claimable:
            return sum(count.states.total for count in claimable)
        return None if any(pool in self.units for pool in own) else sum(pool.states.total for pool in own)

    def unreported_gpus(self, telemetry: NodeTelemetry | None) -> int:
        """Return how many of these GPUs its agent or exporter doesn't report; 0 if it reports nothing now.

        On a node whose units count as GPUs, parts of GPUs do, too.
        """
        if telemetry is None or telemetry.state == "unknown":
            return 0
        counts_parts = not self.units or self.approximate_reason == UNKNOWN_RATIO
        reported = sum(max(1, len(gpu.instances)) if counts_parts else 1 for gpu in telemetry.gpus)
        return max(0, (self.reportable_gpus(telemetry.source) or 0) - reported)

    @property
    def approximate(self) -> bool:
        """Return whether the numbers of GPUs may be others."""
        return self.approximate_reason is not None

    @property
    def product(self) -> str | None:
        """Return the product by the node's labels, or else the one that its telemetry reports."""
        if self.node is not None and self.node.product is not None:
            return self.node.product
        return self.products[0].product if len(self.products) == 1 else None

    @property
    def use(self) -> "NodeUse":
        """Return this node in its state of use, as one of all nodes."""
        if self.node is None or not self.states.total:
            return NO_NODES
        if not self.takes_gpu_pods:
            return NodeUse(closed=1)
        if not self.largest_block:
            return NodeUse(full=1)
        return NodeUse(partly_used=1) if self.states.allocated else NodeUse(idle=1)

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
    dra: tuple[HeldGpu, ...] = (),
) -> NodeOccupancy:
    """Return a node's occupancy, with every GPU in its state. ``dra`` are the GPUs that DRA hands out."""
    holders = tuple(sorted(pods, key=_by_key))
    held: dict[str, int] = {}
    for pod in holders:
        for resource, number in pod.units:
            held[resource] = held.get(resource, 0) + number
    takes_gpu_pods = takes(node, taints)
    plugins = NO_PLUGINS
    if held or (node is not None and node.offers):
        plugins = plugins_of(node, holders, held, placement, takes_gpu_pods=takes_gpu_pods)
    alike = tally(dra)
    labelled = node.products if node else ()
    if plugins is NO_PLUGINS and placement.products == NO_PRODUCTS:
        # Many nodes have the same, and share it.
        sums = _claimable_sums(alike, labelled, takes_gpu_pods=takes_gpu_pods)
    else:
        sums = _sums(alike, labelled, plugins, placement, holders, dra, takes_gpu_pods=takes_gpu_pods)
    tasks, reservations = with_reservations(holders)
    return NodeOccupancy(
        name=name,
        node=node,
        pods=tasks,
        pools=plugins.pools,
        states=sums.states,
        takes_gpu_pods=takes_gpu_pods,
        running_tasks=sum([pod.is_running for pod in tasks]),
        largest_block=sums.largest_block,
        overcommitted=sum([each.pool.overcommitted for each in plugins.gpus]) + plugins.beyond,
        approximate_reason=sums.approximate_reason,
        units=plugins.units,
        parts={pod.path: own for pod in tasks if (own := part(pod, plugins.shared)) is not None}
        if plugins.shared
        else {},
        products=sums.products,
        gpus=dra,
        drivers=sums.drivers,
        unknown_gpus=sums.unknown_gpus,
        held_without_pod=sum([each.without_pod for each in dra if (of := each.holders) and of[0].without_pod])
        + sum([each.pod.gpus for each in reservations if not each.tasks]),
        reservations=reservations,
    )


_by_key = attrgetter("namespace", "name")


class _Sums(NamedTuple):
    """The numbers of a node's GPUs."""

    states: GpuStates
    largest_block: int
    approximate_reason: str | None
    drivers: tuple[ResourceCount, ...]
    products: tuple[ProductCount, ...]
    unknown_gpus: int


def _sums(
    alike: Tally,
    labelled: Iterable[tuple[str, str]],
    plugins: Plugins = NO_PLUGINS,
    placement: Placement = NO_PLACEMENT,
    holders: Iterable[Pod] = (),
    dra: tuple[HeldGpu, ...] = (),
    *,
    takes_gpu_pods: bool,
) -> _Sums:
    """Return the numbers of GPUs. ``alike`` counts those that DRA hands out, ``labelled`` has products."""
    gpus = plugins.gpus
    states = sum((each.pool.states for each in gpus), GpuStates())
    largest_block = max((each.block for each in gpus), default=0)
    counted = gpus_by_vendor(gpus)
    drivers = by_driver(alike)
    approximate_reason = max(
        (block.approximate_reason for block in plugins.blocks if block.approximate_reason is not None),
        default=UNKNOWN_RATIO if plugins.beyond else None,
    )
    domains = _by_domain(drivers)
    for domain, counts in domains.items():
        claimable = sum((count.states for count in counts), GpuStates())
        if not claimable.total:
            continue  # All of them are in no state.
        block = max(count.states.available for count in counts)
        plugin = sum((each.pool.states for each in gpus if each.domain == domain), GpuStates())
        if plugin.total:
            both = _join(domain, plugin, claimable, holders, dra, placement)
            claimable = _states(both.offered, takes_gpu_pods=takes_gpu_pods) - plugin
            if both.approximate:
                approximate_reason = approximate_reason or BOTH_WAYS
        states += claimable
        largest_block = max(largest_block, block)
        before = counted.get(domain, CountedGpus(domain))
        counted[domain] = CountedGpus(
            domain,
            before.states + claimable,
            max(before.largest_block, block),
            alike
            if len(domains) == 1
            else tuple(each for each in alike if domain_of_driver(each[0][0]) == domain),
            both_ways=before.states.total > 0,
        )
    return _Sums(
        states,
        # A plugin may offer what DRA has given away, and the other way round.
        min(largest_block, states.available),
        approximate_reason,
        drivers,
        product_counts(
            counted.values(),
            labelled,
            placement.products,
            {path: [each.gpu for each in placed] for path, placed in placement.pods.items()}
            if placement.products.gpus
            else {},
            holders,
        ),
        sum(number for (_, _, _, state), number in alike if state == "unknown"),
    )


_claimable_sums = lru_cache(maxsize=1024)(_sums)


def takes(node: Node | None, taints: TaintPolicy) -> bool:
    """Return whether the scheduler puts GPU pods on a node."""
    return node is not None and not taints.repels(
        (*node.taints, UNSCHEDULABLE) if node.unschedulable else node.taints
    )


def _by_domain(drivers: Iterable[ResourceCount]) -> dict[str, list[ResourceCount]]:
    found: dict[str, list[ResourceCount]] = {}
    for count in drivers:
        found.setdefault(domain_of_driver(count.resource), []).append(count)
    return found


def _join(
    domain: str,
    plugin: GpuStates,
    dra: GpuStates,
    pods: Iterable[Pod],
    gpus: Iterable[HeldGpu],
    placement: Placement,
) -> Joined:
    return joined(
        _offered(plugin),
        _offered(dra),
        identified(
            domain,
            plugin.allocated,
            pods,
            (each for each in gpus if domain_of_driver(each.gpu.driver) == domain),
        ),
        placement.reported if placement.reported_domain == domain and placement.reported else None,
    )


def _offered(states: GpuStates) -> Offered:
    return Offered(states.allocated, states.unhealthy, states.unavailable + states.available)


def _states(offered: Offered, *, takes_gpu_pods: bool) -> GpuStates:
    return GpuStates(
        allocated=offered.held,
        unhealthy=offered.unhealthy,
        unavailable=0 if takes_gpu_pods else offered.free,
        available=offered.free if takes_gpu_pods else 0,
    )
