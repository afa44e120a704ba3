"""What device plugins offer on a node, and what is held of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from lens.model.gpu.device_ids import is_replica
from lens.model.gpu.sharing import NO_MIG, share
from lens.model.inventory.objects.node import Node, NodeResource
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.placement import Placement
from lens.model.inventory.occupancy.products import CountedGpus
from lens.model.inventory.occupancy.resource_count import ResourceCount, resource_count
from lens.model.inventory.occupancy.shared_gpus import Block, Group, groups, is_shared
from lens.model.k8s.bounds import MAX_STRANGE
from lens.model.k8s.vendors import domain_of


class PluginGpus(NamedTuple):
    """GPUs that device plugins offer: the domain of their resources, and the most that one pod gets."""

    domain: str
    pool: ResourceCount
    block: int


class Plugins(NamedTuple):
    """What device plugins offer on a node: ``pools`` of all resources, and what is held of them.

    ``units`` are the pools of ``shared`` GPUs, of which there are ``blocks``. ``gpus`` are whole GPUs. Units
    ``beyond`` are of resources without a row.
    """

    pools: tuple[ResourceCount, ...] = ()
    units: tuple[ResourceCount, ...] = ()
    shared: Sequence[Group] = ()
    blocks: Sequence[Block] = ()
    gpus: Sequence[PluginGpus] = ()
    beyond: int = 0


NO_PLUGINS = Plugins()


def plugins_of(
    node: Node | None,
    holders: Sequence[Pod],
    held: Mapping[str, int],
    placement: Placement,
    *,
    takes_gpu_pods: bool,
) -> Plugins:
    """Return what device plugins offer, of whose resources so many units are ``held``."""
    offers = {offer.resource: offer for offer in (node.offers if node else ())}
    missing = sorted(held.keys() - offers.keys())
    # Users may request resources with invented names. Only some of these have a row, but all units count.
    beyond = sum(held[resource] for resource in missing[MAX_STRANGE:])
    for resource in missing[:MAX_STRANGE]:
        offers[resource] = NodeResource(resource, 0, 0, share(resource))
    pools = tuple(
        resource_count(offers[resource], held.get(resource, 0), takes_gpu_pods=takes_gpu_pods)
        for resource in sorted(offers)
    )
    # Most nodes share nothing: this skips the work for them.
    replicated = {device.resource for pod in holders for device in pod.devices if is_replica(device.id)}
    shares = any(is_shared(offer, placement, replicated) for offer in offers.values())
    shared = groups(offers.values(), placement, node.mig if node else NO_MIG, replicated) if shares else []
    blocks = [each.block(holders) for each in shared]
    units = tuple(pool for pool in pools if any(pool.resource in each.resources for each in shared))
    available = {pool.resource: pool.states.available for pool in pools}
    gpus = [
        PluginGpus(domain_of(pool.resource), pool, pool.states.available)
        for pool in pools
        if pool not in units
    ]
    for each, found in zip(shared, blocks, strict=True):
        offer = NodeResource("", found.total, found.usable)
        pool = resource_count(offer, found.held, takes_gpu_pods=takes_gpu_pods)
        # A pod requests one of the resources, so it gets no more GPUs than that has units.
        most = max(available[resource] for resource in each.resources)
        domain = domain_of(next(iter(each.resources)))
        gpus.append(PluginGpus(domain, pool, min(pool.states.available, most)))
    return Plugins(pools, units, shared, blocks, gpus, beyond)


def gpus_by_vendor(gpus: Iterable[PluginGpus]) -> dict[str, CountedGpus]:
    """Return the GPUs that device plugins offer, by the domain of their resources."""
    found: dict[str, CountedGpus] = {}
    for domain, pool, block in gpus:
        before = found.get(domain, CountedGpus(domain))
        largest = max(before.largest_block, block)
        found[domain] = CountedGpus(domain, before.states + pool.states, largest)
    return found
