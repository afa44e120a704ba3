"""Pools: the newest generation of their slices, what is wrong with it, and the physical GPUs of the devices.

The rules are kube-scheduler's (k8s.io/dynamic-resource-allocation v0.37, structured/internal, ``GatherPools``
and ``buildPool``). Only the newest generation of a pool counts. It is complete if it has as many slices as
each of them says. A device's name, and a counter set's, is unique in the pool, and devices draw only on
counters that there are.

Several devices may be of one GPU:

| a device | is of the GPU |
| --- | --- |
| that draws on counter sets | of these sets (KEP-4815: by convention one set for each GPU) |
| with ``parentUUID`` | with that uuid |
| with the uuid, or on its node the PCI address, of another one | of that one |
| else | by itself |
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from lens.model.inventory.dra.claim import PoolKey
from lens.model.inventory.dra.device import NO_NODE, Counters, Device, Slice

Reason = Literal[
    "INCOMPLETE",
    "DUPLICATE_DEVICE",
    "DUPLICATE_COUNTER_SET",
    "MISSING_COUNTER_SET",
    "MISSING_COUNTER",
    "UNREADABLE",
]

GpuKey = tuple[str, str, str, bool]

_PARTS = ("mig", "partition")
"""Words in the types of devices that are parts of GPUs: ``mig``, ``amdgpu-partition``."""


class Gpu(msgspec.Struct, frozen=True, gc=False):
    """A physical GPU of a pool, with all devices that are it or parts of it.

    ``name`` is its counter set's, or else its first device's. ``node`` is NO_NODE unless all its devices
    belong to one node. ``devices`` is empty if only a claim tells of it: its slice is gone. ``counters`` are
    what its devices may draw in all; None without counters. What no device says is None.
    """

    driver: str
    pool: str
    name: str
    node: str
    product: str | None = None
    uuid: str | None = None
    pci_bus_id: str | None = None
    memory_bytes: int | None = None
    devices: tuple[Device, ...] = ()
    counters: Counters | None = None

    @property
    def key(self) -> GpuKey:
        """Return what tells the GPU from all others. A counter set may be called like a device."""
        return self.driver, self.pool, self.name, self.counters is not None


class ProblemPool(msgspec.Struct, frozen=True, order=True, gc=False):
    """A pool that can't be counted as a whole: its devices that nobody holds are in no state.

    ``detail`` names what is wrong. ``slices`` of its ``generation`` are known, of ``slice_count``. A pool
    that is UNREADABLE in part is counted without that part.
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
        """Tell whether the pool may have GPUs that no known slice has."""
        return self.reason in ("INCOMPLETE", "UNREADABLE")


class Pool(msgspec.Struct, frozen=True):
    """A pool's newest generation: its devices by name, its GPUs by node, and the GPUs of each device."""

    key: PoolKey
    devices: Mapping[str, Device]
    gpus: Mapping[str, tuple[Gpu, ...]]
    gpus_of: Mapping[str, tuple[Gpu, ...]]
    counter_sets: Mapping[str, Counters]
    problem: ProblemPool | None = None

    @property
    def offers(self) -> bool:
        """Tell whether the scheduler allocates its devices."""
        return self.problem is None or self.problem.reason == "UNREADABLE"


def build_pool(key: PoolKey, slices: Collection[Slice]) -> Pool:
    """Return a pool of these slices, of which there is at least one; older generations are left out."""
    generation = max(each.generation for each in slices)
    newest = sorted((each for each in slices if each.generation == generation), key=lambda each: each.name)
    counter_sets: dict[str, Counters] = {}
    for each in newest:
        for counter_set in each.counter_sets:
            counter_sets.setdefault(counter_set.name, counter_set.counters)
    devices: dict[str, Device] = {}
    for each in newest:
        for device in each.devices:
            devices.setdefault(device.name, device)
    found = _problem(newest, counter_sets)
    by_node: dict[str, list[Gpu]] = {}
    gpus_of: dict[str, tuple[Gpu, ...]] = {}
    for gpu in _gpus(devices.values(), counter_sets):
        by_node.setdefault(gpu.node, []).append(gpu)
        for device in gpu.devices:
            gpus_of[device.name] = (*gpus_of.get(device.name, ()), gpu)
    return Pool(
        key=key,
        devices=devices,
        gpus={node: tuple(gpus) for node, gpus in by_node.items()},
        gpus_of=gpus_of,
        counter_sets=counter_sets,
        problem=ProblemPool(*key, *found, generation, len(newest), newest[0].slice_count) if found else None,
    )


def _problem(slices: Collection[Slice], counter_sets: Mapping[str, Counters]) -> tuple[Reason, str] | None:
    """Return the first thing that is wrong."""
    for each in slices:
        if each.slice_count != len(slices):
            return "INCOMPLETE", f"{len(slices)} of {each.slice_count} slices"
    names = Counter(device.name for each in slices for device in each.devices)
    if repeated := _repeated(names):
        return "DUPLICATE_DEVICE", repeated
    if repeated := _repeated(Counter(each.name for slice_ in slices for each in slice_.counter_sets)):
        return "DUPLICATE_COUNTER_SET", repeated
    problem = next((each.problem for each in slices if each.problem is not None), None)
    if problem is not None:
        # What couldn't be read may be the very counter set that seems to be missing.
        return "UNREADABLE", problem
    for each in slices:
        for device in each.devices:
            for drawn in device.consumes:
                there = counter_sets.get(drawn.counter_set)
                if there is None:
                    return "MISSING_COUNTER_SET", drawn.counter_set
                if missing := {name for name, _ in drawn.counters} - {name for name, _ in there}:
                    return "MISSING_COUNTER", f"{min(missing)} of {drawn.counter_set}"
    return None


def _repeated(names: Counter[str]) -> str | None:
    return min((name for name, number in names.items() if number > 1), default=None)


def _gpus(devices: Iterable[Device], counter_sets: Mapping[str, Counters]) -> Iterator[Gpu]:
    """Yield the physical GPUs, in the order of their first devices."""
    groups: dict[tuple[str, str], list[Device]] = {}
    known: dict[tuple[str, str], tuple[str, str]] = {}
    # First those that say which GPU they are of, then whole GPUs, then their parts.
    for device in sorted(devices, key=lambda each: (not each.consumes, each.parent_uuid is not None)):
        for name in _group_names(device, known):
            groups.setdefault(name, []).append(device)
            for identity in _identities(device):
                known.setdefault(identity, name)
    for (kind, own), members in sorted(groups.items(), key=lambda each: each[1][0].name):
        yield _gpu(own, tuple(members), counter_sets.get(own, ()) if kind == "counters" else None)


def _group_names(device: Device, known: Mapping[tuple[str, str], tuple[str, str]]) -> list[tuple[str, str]]:
    if device.consumes:
        return [("counters", each.counter_set) for each in device.consumes]
    for identity in _identities(device):
        if identity in known:
            return [known[identity]]
    return [("device", device.name)]


def _identities(device: Device) -> Iterator[tuple[str, str]]:
    """Yield what tells the GPU of a device from others. A PCI address does so only on one node."""
    if device.parent_uuid is not None:
        yield "uuid", device.parent_uuid
    elif device.uuid is not None and not is_part(device):
        yield "uuid", device.uuid
    if device.pci_bus_id is not None and device.node != NO_NODE:
        yield device.node, device.pci_bus_id


def is_part(device: Device) -> bool:
    """Tell whether a device is a part of a GPU by what its driver says."""
    return device.parent_uuid is not None or any(word in (device.type or "") for word in _PARTS)


def _gpu(name: str, devices: tuple[Device, ...], counters: Counters | None) -> Gpu:
    first = devices[0]
    # Whole GPUs first: what is said of them is said of the GPU.
    ordered = sorted(devices, key=is_part)
    nodes = {device.node for device in devices}
    uuids = (device.parent_uuid if is_part(device) else device.uuid for device in ordered)
    return Gpu(
        driver=first.driver,
        pool=first.pool,
        name=name,
        node=first.node if len(nodes) == 1 else NO_NODE,
        product=next((each.product for each in ordered if each.product is not None), None),
        uuid=next((uuid for uuid in uuids if uuid is not None), None),
        pci_bus_id=next((each.pci_bus_id for each in ordered if each.pci_bus_id is not None), None),
        memory_bytes=max((each.memory_bytes for each in devices if each.memory_bytes), default=None),
        devices=devices,
        counters=counters,
    )
