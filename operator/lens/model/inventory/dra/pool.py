"""Pools: the newest generation of their slices, their GPUs, and what is wrong with them.

The rules are kube-scheduler's (k8s.io/dynamic-resource-allocation v0.37, structured/internal, ``GatherPools``
and ``buildPool``). Only the newest generation of a pool counts. It is complete if it has as many slices as
each of them says. A device's name, and a counter set's, is unique in the pool, and devices draw only on
counters that there are.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

import msgspec

from lens.model.inventory.dra.outdated import NOTHING_OUTDATED, Outdated, outdated_devices
from lens.model.inventory.dra.physical_gpus import contents, device_name, physical_gpus
from lens.model.inventory.objects.claim import PoolKey
from lens.model.inventory.objects.device import NO_NODE, Counters, Device
from lens.model.inventory.objects.gpu import Gpu, GpuOfDevices
from lens.model.inventory.objects.slice import Slice

Reason = Literal[
    "INCOMPLETE",
    "DUPLICATE_DEVICE",
    "DUPLICATE_COUNTER_SET",
    "MISSING_COUNTER_SET",
    "MISSING_COUNTER",
    "UNREADABLE",
]


class ProblemPool(msgspec.Struct, frozen=True, order=True, gc=False):
    """A pool that can't be counted as a whole: its devices that nobody holds are in no state.

    ``detail`` names what is wrong. ``slices`` of its ``generation`` are known, of ``slice_count``, the most
    that one of them says. A pool that is UNREADABLE in part is counted without that part, and devices of one
    name on several nodes count.
    """

    driver: str
    pool: str
    reason: Reason
    detail: str
    generation: int
    slices: int
    slice_count: int

    @property
    def may_have_more(self) -> bool:
        """Return whether the pool may have GPUs that no known slice has."""
        return self.reason == "UNREADABLE" or (self.reason == "INCOMPLETE" and self.slices < self.slice_count)


NONE_OF_SEVERAL: Mapping[str, tuple[Gpu, ...]] = {}

FEW_DEVICES = 8
"""Up to this many devices are searched one by one: a dictionary isn't faster, and takes 50 bytes for each."""


class Pool(msgspec.Struct, frozen=True):
    """A pool's newest generation: its GPUs by node, and the GPUs of each device.

    ``of_several`` has the devices that are of several GPUs, ``gpu_of`` the first GPU of each device, None
    for a pool of few devices on one node. Nothing but claims decides who gets the GPUs of one that
    ``is_plain``, each of which one claim holds. ``parts`` are the pools that nodes have by this one name, if
    they have such, and ``homes`` the nodes whose parts list a device, in order.
    """

    key: PoolKey
    gpus: Mapping[str, tuple[Gpu, ...]]
    gpu_of: Mapping[str, Gpu] | None
    of_several: Mapping[str, tuple[Gpu, ...]]
    problem: ProblemPool | None = None
    outdated: Outdated = NOTHING_OUTDATED
    is_plain: bool = False
    parts: Mapping[str, "Pool"] = {}
    homes: Mapping[str, Mapping[str, None]] = {}

    def home(self, device: str, node: str | None) -> str:
        """Return the node on which a claim for a ``node`` holds a device of ``parts``; NO_NODE for none.

        Slices say where a device is. Only of several such nodes none is chosen against the claim.
        """
        homes = self.homes.get(device, {})
        if node is None or len(homes) == 1:
            return next(iter(homes), NO_NODE)
        return node if node in homes else NO_NODE

    def _gpu_of(self, device: str) -> Gpu | None:
        if self.gpu_of is not None:
            return self.gpu_of.get(device)
        for gpus in self.gpus.values():
            for gpu in gpus:
                if gpu.name == device if isinstance(gpu, Device) else _find(gpu, device) is not None:
                    return gpu
        return None

    def find(self, device: str) -> tuple[Device | None, tuple[Gpu, ...]]:
        """Return a device, and the GPUs that it is, or is a part of; none if no generation lists it."""
        gpu = self._gpu_of(device)
        if gpu is None:
            outdated = self.outdated.devices.get(device)
            return (None, ()) if outdated is None else (outdated.device, outdated.gpus)
        found = gpu if isinstance(gpu, Device) else _find(gpu, device)
        return found, self.of_several.get(device) or (gpu,)

    def gpus_of(self, device: str) -> tuple[Gpu, ...]:
        """Return the GPUs that a device is, or is a part of; none for a device that no generation lists."""
        return self.find(device)[1]

    def lists(self, device: str, node: str | None) -> bool:
        """Return whether a generation lists a device, which a claim for a ``node`` holds."""
        if self.parts:
            return self.home(device, node) != NO_NODE
        return self._gpu_of(device) is not None or device in self.outdated.devices

    @property
    def device_names(self) -> Iterable[str]:
        """Return the names of the devices that a generation lists."""
        listed = {device.name for gpus in self.gpus.values() for gpu in gpus for device in gpu.devices}
        return listed.union(self.outdated.devices)

    @property
    def nodes(self) -> Iterable[str]:
        """Return the nodes that may have GPUs of the pool."""
        return {**self.gpus, **self.outdated.gpus, **self.parts}

    @property
    def offers(self) -> bool:
        """Return whether the scheduler allocates its devices."""
        return self.problem is None or self.problem.reason == "UNREADABLE"


def _find(gpu: GpuOfDevices, device: str) -> Device | None:
    return next((each for each in gpu.devices if each.name == device), None)


def build_pool(key: PoolKey, slices: Collection[Slice]) -> Pool:
    """Return a pool of these slices, of which there is at least one."""
    if len(slices) == 1 and (plain := _plain_pool(key, *slices)) is not None:
        return plain
    generations: dict[int, list[Slice]] = {}
    for each in sorted(slices, key=lambda each: (-each.generation, each.name)):
        generations.setdefault(each.generation, []).append(each)
    (generation, newest), *older = generations.items()
    devices, counter_sets = contents(newest)
    found = _problem(newest, counter_sets)
    most = max(each.slice_count for each in newest)
    by_node: dict[str, list[Gpu]] = {}
    gpu_of: dict[str, Gpu] = {}
    of_several: dict[str, tuple[Gpu, ...]] = {}
    for gpu in physical_gpus(devices.values(), counter_sets):
        by_node.setdefault(gpu.node, []).append(gpu)
        for device in gpu.devices:
            if (first := gpu_of.setdefault(device.name, gpu)) is not gpu:
                of_several[device.name] = (*of_several.get(device.name, (first,)), gpu)
    return Pool(
        key=key,
        gpus={node: tuple(gpus) for node, gpus in by_node.items()},
        gpu_of=gpu_of if len(gpu_of) > FEW_DEVICES or len(by_node) > 1 else None,
        of_several=of_several or NONE_OF_SEVERAL,
        problem=ProblemPool(*key, *found, generation, len(newest), most) if found else None,
        outdated=outdated_devices(gpu_of, by_node, [each for _, each in older])
        if older
        else NOTHING_OUTDATED,
    )


def _plain_pool(key: PoolKey, only: Slice) -> Pool | None:
    """Return a pool of one slice with whole GPUs of one node; None if it may be any other. Most are such."""
    devices, node = only.devices, only.node
    if only.slice_count != 1 or only.problem is not None or only.counter_sets or not devices:
        return None
    names: set[str] = set()
    uuids: list[str] = []
    addresses: list[str] = []
    is_plain = True
    for device in devices:
        kind = device.kind
        if device.place.node != node or kind.is_part or kind.consumes or device.parent_uuid is not None:
            return None
        names.add(device.name)
        if device.uuid is not None:
            uuids.append(device.uuid)
        if kind.pci_bus_id is not None:
            addresses.append(kind.pci_bus_id)
        if kind.taints or kind.shareable:
            is_plain = False
    if len(names) < len(devices) or len(set(uuids)) < len(uuids):
        return None
    # On its node an address is one GPU's.
    if node != NO_NODE and len(set(addresses)) < len(addresses):
        return None
    gpus = tuple(sorted(devices, key=device_name))
    gpu_of = {gpu.name: gpu for gpu in gpus} if len(gpus) > FEW_DEVICES else None
    return Pool(key, {node: gpus}, gpu_of, NONE_OF_SEVERAL, is_plain=is_plain)


def _problem(slices: Collection[Slice], counter_sets: Mapping[str, Counters]) -> tuple[Reason, str] | None:
    """Return the first problem; None for a valid, complete pool."""
    for each in slices:
        if each.slice_count != len(slices):
            return "INCOMPLETE", f"{len(slices)} of {each.slice_count} slices"
    if repeated := _repeated([device.name for each in slices for device in each.devices]):
        return "DUPLICATE_DEVICE", repeated
    if repeated := _repeated([each.name for slice_ in slices for each in slice_.counter_sets]):
        return "DUPLICATE_COUNTER_SET", repeated
    problem = next((each.problem for each in slices if each.problem is not None), None)
    if problem is not None:
        # The part that couldn't be read may have the counter set that seems to be missing.
        return "UNREADABLE", problem
    for each in slices:
        for device in each.devices:
            for drawn in device.kind.consumes:
                there = counter_sets.get(drawn.counter_set)
                if there is None:
                    return "MISSING_COUNTER_SET", drawn.counter_set
                if missing := {name for name, _ in drawn.counters} - {name for name, _ in there}:
                    return "MISSING_COUNTER", f"{min(missing)} of {drawn.counter_set}"
    return None


def _repeated(names: Collection[str]) -> str | None:
    if len(set(names)) == len(names):
        return None
    return min(name for name, number in Counter(names).items() if number > 1)
