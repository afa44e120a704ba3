"""Counts the physical GPUs of units that are parts of GPUs.

A GPU is held if one of its units is. The pod's own status or the node's telemetry has the GPU of a unit. If
it isn't known, the number is the lowest possible one, and approximate unless only one number is possible.

The number of GPUs comes, in this order, from the node's telemetry, from labels, and from what the product can
hold.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from lens.model.gpu.device_ids import parse, shared_gpu
from lens.model.gpu.sharing import NO_MIG, WHOLE_GPU, MigGpus, SharedUnit, devices, group, least, measured
from lens.model.inventory.objects.node import NodeResource
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.placement import Placement
from lens.model.k8s.vendors import PartitionModes, sharing_of

UNKNOWN_RATIO = "UNKNOWN_RATIO"
"""It is unknown how many units a GPU has."""

UNKNOWN_DEVICES = "UNKNOWN_DEVICES"
"""It is unknown which GPUs the units are on."""

Held = Mapping[str, int]
"""Units by resource."""


class PodGpus(msgspec.Struct, frozen=True, gc=False):
    """The number of GPUs that a pod is on, and the units of shared GPUs that it holds.

    ``replicated`` are units of devices that are offered several times over.
    """

    gpus: int
    approximate: bool
    units: tuple[tuple[str, int], ...]
    replicated: bool = False


class Block(msgspec.Struct, frozen=True, gc=False):
    """The numbers of GPUs that some resources of a node share: all, allocatable ones and held ones.

    ``approximate_reason`` says why a number may be another one; None if it is exact.
    """

    total: int
    usable: int
    held: int
    approximate_reason: str | None


class Known(msgspec.Struct, gc=False):
    """The GPUs on which units are known to be, and the number of those units."""

    gpus: set[str]
    units: int


class Group:
    """Resources of a node whose units may be on the same GPUs."""

    def __init__(
        self,
        offers: Sequence[NodeResource],
        placement: Placement,
        mig: MigGpus,
        replicated: Collection[str] = (),
    ) -> None:
        """Take the node's resources, the known placement of units, and its GPUs with MIG by the labels.

        ``replicated`` are the resources of which pods hold units that are one of several of a device.
        """
        self._offers = offers
        self._placement = placement
        self._replicated = replicated
        self._products = mig.products
        self._offered = {offer.resource: max(offer.capacity, offer.allocatable) for offer in offers}
        self._shares = {offer.resource: self._share(offer) for offer in offers}
        offered = self._measured(self._offered)
        self._fewest, self._most = least(offered, self._products), devices(offered)
        if any(share.profile for share in self._shares.values()):
            self._count_partitioned(mig)

    def _share(self, offer: NodeResource) -> SharedUnit:
        """Return what a unit is, by the node's telemetry where its labels don't say."""
        share = offer.share or WHOLE_GPU
        if share.replicas == 1 and share.known:
            replicas = self._placement.replicas.get(offer.resource, 1)
            if replicas > 1 and self._offered[offer.resource] % replicas == 0:
                return SharedUnit(replicas, share.profile)
            if offer.resource in self._replicated:
                return SharedUnit(1, share.profile, known=False)
        if not share.known and self._placement.may_be_of(offer.resource):
            reported = self._placement.gpus, self._placement.partitions
            return measured(offer.resource, self._offered[offer.resource], *reported) or share
        return share

    def _count_partitioned(self, mig: MigGpus) -> None:
        """Set how many GPUs MIG has partitioned, by a report or a label if their number is possible."""
        all_reported = all(map(self._placement.may_be_of, self._shares))
        instances = self._placement.instances if all_reported else {}
        partitioned = len(set(instances.values()))
        if partitioned > self._most:
            partitioned = 0
        if partitioned and len(instances) >= self._most:
            self._fewest = self._most = partitioned
        elif mig.number and least(self._measured(self._offered)) <= mig.number <= self._most:
            self._fewest = self._most = mig.number
        else:
            # Devices that aren't reported may be on more GPUs.
            self._fewest = max(self._fewest, partitioned)

    @property
    def is_known(self) -> bool:
        """Return whether it is known how many units a GPU has."""
        return all(share.known for share in self._shares.values())

    @property
    def resources(self) -> Collection[str]:
        """Return the resources."""
        return self._shares.keys()

    def units(self, pod: Pod) -> dict[str, int]:
        """Return the units of these resources that a pod holds."""
        return {resource: units for resource, units in pod.units if resource in self._shares}

    def is_replicated(self, resources: Iterable[str]) -> bool:
        """Return whether several units of any of the resources share a device.

        A partition of AMD's is a device of its own.
        """
        return any(
            self._shares[resource].replicas > 1 and not isinstance(sharing_of(resource), PartitionModes)
            for resource in resources
        )

    def known(self, pod: Pod) -> Known:
        """Return the GPUs on which a pod's units are known to be."""
        gpus: list[str] = []
        for resource, units in self.units(pod).items():
            gpus += self._gpus(pod, resource)[:units]
        return Known(set(gpus), len(gpus))

    def spread(self, held: Held, known: Known) -> tuple[int, int]:
        """Return the fewest and the most GPUs on which the ``held`` units can be."""
        measured = self._measured(held)
        most = self._most
        if any(units > self._offered[resource] for resource, units in held.items()):
            most = max(most, devices(measured))
        low = min(max(least(measured, self._products), len(known.gpus)), most)
        return low, max(low, min(len(known.gpus) + sum(held.values()) - known.units, most))

    def block(self, pods: Iterable[Pod]) -> Block:
        """Return the GPUs, given all pods on the node."""
        held: Counter[str] = Counter()
        known = Known(set(), 0)
        for pod in pods:
            if own := self.units(pod):
                held.update(own)
                of_pod = self.known(pod)
                known.gpus |= of_pod.gpus
                known.units += of_pod.units
        low, high = self.spread(held, known)
        total = max(self._fewest, min(low, self._most))
        usable, perhaps = self._usable(total)
        reason = None
        if not self.is_known and (total or low):
            reason = UNKNOWN_RATIO
        elif (low, total, usable) != (high, self._most, perhaps):
            reason = UNKNOWN_DEVICES
        return Block(total, usable, held=low, approximate_reason=reason)

    def _usable(self, total: int) -> tuple[int, int]:
        """Return the fewest and the most GPUs that can have an allocatable unit."""
        if all(offer.allocatable >= offer.capacity for offer in self._offers):
            return total, total
        usable = self._measured({offer.resource: offer.allocatable for offer in self._offers})
        lost = self._measured(
            {offer.resource: max(0, offer.capacity - offer.allocatable) for offer in self._offers}
        )
        most = min(total, devices(usable))
        return max(min(most, least(usable, self._products)), total - devices(lost)), most

    def _measured(self, units: Held) -> list[tuple[SharedUnit, int]]:
        return [(self._shares[resource], number) for resource, number in units.items()]

    def _gpus(self, pod: Pod, resource: str) -> list[str]:
        """Return the GPU of each of a pod's units whose GPU is known."""
        found: dict[str, str] = {}
        for device in pod.devices:
            if device.resource == resource:
                gpu = shared_gpu(device.id) or self._placement.instances.get(
                    parse(device.id).instance_uuid or ""
                )
                if gpu is not None:
                    found[device.id] = gpu
        reported = [
            placed.gpu
            for placed in self._placement.pods.get(pod.path, ())
            if placed.device_id not in found
            and (placed.resource == resource or (not placed.resource and len(pod.units) == 1))
        ]
        # An exporter's ids differ from the device plugin's: those on other GPUs come first.
        own = set(found.values())
        return [*found.values(), *sorted(reported, key=lambda gpu: gpu in own)]


def groups(
    offers: Iterable[NodeResource],
    placement: Placement,
    mig: MigGpus = NO_MIG,
    replicated: Collection[str] = (),
) -> list[Group]:
    """Return the groups of resources that share GPUs. ``offers`` must have all held resources.

    ``replicated`` are the resources of which pods hold units that are one of several of a device.
    """
    together: dict[str, list[NodeResource]] = {}
    for offer in offers:
        together.setdefault(group(offer.resource), []).append(offer)
    return [
        Group(members, placement, mig, replicated)
        for members in together.values()
        if any(is_shared(offer, placement, replicated) for offer in members)
    ]


def is_shared(offer: NodeResource, placement: Placement, replicated: Collection[str]) -> bool:
    """Return whether a resource's units may be parts of GPUs."""
    return offer.share is not None or offer.resource in placement.replicas or offer.resource in replicated


def part(pod: Pod, shared: Iterable[Group]) -> PodGpus | None:
    """Return the number of GPUs that a pod is on; None for a pod with whole GPUs only."""
    units: dict[str, int] = {}
    replicated = False
    low = 0
    approximate = False
    for each in shared:
        if own := each.units(pod):
            units |= own
            replicated = replicated or each.is_replicated(own)
            fewest, most = each.spread(own, each.known(pod))
            low += fewest
            approximate |= fewest != most or not each.is_known
    if not units:
        return None
    whole = sum(number for resource, number in pod.units if resource not in units) + pod.claimed_gpus
    return PodGpus(low + whole, approximate, tuple(units.items()), replicated)
