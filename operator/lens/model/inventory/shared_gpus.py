"""How many physical GPUs the units of a node are on, where a unit is a part of one.

A GPU is held as soon as one of its units is. Which GPU a unit is on is known from the pod's own status or
from the node's telemetry. Where it isn't, the number given is the least that can be, and it is called
approximate unless it can't be any other.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from lens.model.gpu.device_ids import gpu_uuid, parse
from lens.model.gpu.sharing import WHOLE, SharedUnit, devices, group, least
from lens.model.inventory.node import NodeResource
from lens.model.inventory.placement import Placement
from lens.model.inventory.pod import Pod

_GPU = SharedUnit(1, WHOLE)

Held = Mapping[str, int]
"""Units by resource."""


class PodGpus(msgspec.Struct, frozen=True, gc=False):
    """The GPUs that a pod is on, and the units that it holds of shared ones."""

    gpus: int
    approximate: bool
    units: tuple[tuple[str, int], ...]


class Block(msgspec.Struct, frozen=True, gc=False):
    """GPUs that some resources of a node share: all, those that may be handed out, those that are held."""

    total: int
    usable: int
    held: int
    approximate: bool


class Known(msgspec.Struct, gc=False):
    """Where units are known to be: the GPUs, and how many units it is known of."""

    gpus: set[str]
    units: int


class Group:
    """Resources of a node whose units may be on the same GPUs."""

    def __init__(self, offers: Sequence[NodeResource], placement: Placement) -> None:
        """Take their offers, and what is known of the node's GPUs."""
        self._offers = offers
        self._placement = placement
        self._shares = {offer.resource: offer.share or _GPU for offer in offers}
        self._offered = {offer.resource: max(offer.capacity, offer.allocatable) for offer in offers}
        offered = self._measured(self._offered)
        self._fewest, self._most = least(offered), devices(offered)
        cut = len(set(placement.instances.values()))
        if self._fewest <= cut <= self._most:
            self._fewest = self._most = cut

    @property
    def resources(self) -> Collection[str]:
        """Return the resources."""
        return self._shares.keys()

    def units(self, pod: Pod) -> dict[str, int]:
        """Return what a pod holds of these resources."""
        return {resource: units for resource, units in pod.units if resource in self._shares}

    def known(self, pod: Pod) -> Known:
        """Return where a pod's units are known to be."""
        gpus: list[str] = []
        for resource, units in self.units(pod).items():
            gpus += self._gpus(pod, resource)[:units]
        return Known(set(gpus), len(gpus))

    def spread(self, held: Held, known: Known) -> tuple[int, int]:
        """Return the fewest and the most GPUs that so many units can be on."""
        measured = self._measured(held)
        most = self._most
        if any(units > self._offered[resource] for resource, units in held.items()):
            most = max(most, devices(measured))
        low = max(least(measured), min(len(known.gpus), most))
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
        return Block(
            total=total,
            usable=usable,
            held=low,
            approximate=low != high or total != self._most or usable != perhaps,
        )

    def _usable(self, total: int) -> tuple[int, int]:
        """Return the fewest and the most GPUs that have a unit that may be handed out."""
        if all(offer.allocatable >= offer.capacity for offer in self._offers):
            return total, total
        usable = self._measured({offer.resource: offer.allocatable for offer in self._offers})
        lost = self._measured(
            {offer.resource: max(0, offer.capacity - offer.allocatable) for offer in self._offers}
        )
        most = min(total, devices(usable))
        return max(min(most, least(usable)), total - devices(lost)), most

    def _measured(self, units: Held) -> list[tuple[SharedUnit, int]]:
        return [(self._shares[resource], number) for resource, number in units.items()]

    def _gpus(self, pod: Pod, resource: str) -> list[str]:
        """Return the GPU of each of a pod's units that it is known of."""
        found: dict[str, str] = {}
        for device in pod.devices:
            if device.resource == resource:
                gpu = gpu_uuid(device.id) or self._placement.instances.get(
                    parse(device.id).instance_uuid or ""
                )
                if gpu is not None:
                    found[device.id] = gpu
        told = [
            placed.gpu
            for placed in self._placement.pods.get(pod.path, ())
            if placed.device_id not in found
            and (placed.resource == resource or (not placed.resource and len(pod.units) == 1))
        ]
        # An exporter's ids are not the plugin's: what tells of another GPU goes first.
        own = set(found.values())
        return [*found.values(), *sorted(told, key=lambda gpu: gpu in own)]


def groups(offers: Iterable[NodeResource], placement: Placement) -> list[Group]:
    """Return the groups that share GPUs, of offers that have all resources that are held too."""
    together: dict[str, list[NodeResource]] = {}
    for offer in offers:
        together.setdefault(group(offer.resource), []).append(offer)
    return [
        Group(members, placement)
        for members in together.values()
        if any(offer.share is not None for offer in members)
    ]


def part(pod: Pod, shared: Iterable[Group]) -> PodGpus | None:
    """Return the GPUs that a pod is on; None for one that has whole GPUs only."""
    units: dict[str, int] = {}
    low = high = 0
    for each in shared:
        if own := each.units(pod):
            units |= own
            fewest, most = each.spread(own, each.known(pod))
            low, high = low + fewest, high + most
    if not units:
        return None
    whole = sum(number for resource, number in pod.units if resource not in units)
    return PodGpus(low + whole, low != high, tuple(units.items()))
