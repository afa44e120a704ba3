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

A driver publishes a pool anew slice by slice, under the next generation. A device that the newest generation
doesn't list may be held all the same. What it is then comes from the newest older generation that lists it.
The scheduler allocates no such device, so nobody but its holder brings it into the figures.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Literal

import msgspec

from lens.model.inventory.objects.claim import PoolKey
from lens.model.inventory.objects.device import NO_NODE, Counters, Device, GpuKey, Place, Slice
from lens.model.inventory.objects.gpu import Gpu, GpuOfDevices

Reason = Literal[
    "INCOMPLETE",
    "DUPLICATE_DEVICE",
    "DUPLICATE_COUNTER_SET",
    "MISSING_COUNTER_SET",
    "MISSING_COUNTER",
    "UNREADABLE",
]

# No node has these names, with which _identities qualifies PCI addresses.
_COUNTERS = "/counters"
_UUID = "/uuid"


class ProblemPool(msgspec.Struct, frozen=True, order=True, gc=False):
    """A pool that can't be counted as a whole: its devices that nobody holds are in no state.

    ``detail`` names what is wrong. ``slices`` of its ``generation`` are known, of ``slice_count``, the most
    that one of them says. A pool that is UNREADABLE in part is counted without that part.
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
        return self.reason == "UNREADABLE" or (self.reason == "INCOMPLETE" and self.slices < self.slice_count)


class OutdatedDevice(msgspec.Struct, frozen=True, gc=False):
    """A device that only an older generation lists, and its GPUs, which the newest generation may have."""

    device: Device
    gpus: tuple[Gpu, ...]


class Outdated(msgspec.Struct, frozen=True):
    """What only older generations of a pool list. It counts as far as claims hold it.

    ``gpus`` are those by node of which the newest generation has no device. ``on`` has the names of the
    outdated devices by their GPU, whichever generation has that.
    """

    devices: Mapping[str, OutdatedDevice] = {}
    gpus: Mapping[str, tuple[Gpu, ...]] = {}
    on: Mapping[GpuKey, tuple[str, ...]] = {}


NOTHING_OUTDATED = Outdated()
NONE_OF_SEVERAL: Mapping[str, tuple[Gpu, ...]] = {}

FEW_DEVICES = 8
"""Devices of a pool among which one is found as fast as in a dictionary, which takes 50 bytes for each."""


class Pool(msgspec.Struct, frozen=True):
    """A pool's newest generation: its GPUs by node, and the GPUs of each device.

    ``of_several`` has the devices that are of several GPUs, ``gpu_of`` the first GPU of each device, None
    for a pool of few devices on one node. Nothing but claims decides who gets the GPUs of one that
    ``is_plain``, each of which one claim holds.
    """

    key: PoolKey
    gpus: Mapping[str, tuple[Gpu, ...]]
    gpu_of: Mapping[str, Gpu] | None
    of_several: Mapping[str, tuple[Gpu, ...]]
    problem: ProblemPool | None = None
    outdated: Outdated = NOTHING_OUTDATED
    is_plain: bool = False

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

    def lists(self, device: str) -> bool:
        """Tell whether a generation lists a device."""
        return self._gpu_of(device) is not None or device in self.outdated.devices

    @property
    def nodes(self) -> Iterable[str]:
        """Return the nodes that may have GPUs of the pool."""
        return {**self.gpus, **self.outdated.gpus}

    @property
    def offers(self) -> bool:
        """Tell whether the scheduler allocates its devices."""
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
    devices, counter_sets = _contents(newest)
    found = _problem(newest, counter_sets)
    most = max(each.slice_count for each in newest)
    by_node: dict[str, list[Gpu]] = {}
    gpu_of: dict[str, Gpu] = {}
    of_several: dict[str, tuple[Gpu, ...]] = {}
    for gpu in _gpus(devices.values(), counter_sets):
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
        outdated=_outdated(gpu_of, by_node, [each for _, each in older]) if older else NOTHING_OUTDATED,
    )


def _plain_pool(key: PoolKey, only: Slice) -> Pool | None:
    """Return a pool of one slice with whole GPUs of one node; None if it may be any other. Most are such."""
    devices, node = only.devices, only.node
    names = {device.name for device in devices}
    if (
        only.slice_count != 1
        or only.problem is not None
        or only.counter_sets
        or not devices
        or len(names) < len(devices)
        or not all([device.place.node == node for device in devices])  # noqa: C419
        or not _are_apart(devices)
    ):
        return None
    gpus = tuple([_gpu(device.name, (device,), None) for device in sorted(devices, key=_name)])
    gpu_of = {gpu.name: gpu for gpu in gpus} if len(gpus) > FEW_DEVICES else None
    is_plain = all([device.kind.is_plain for device in devices])  # noqa: C419
    return Pool(key, {node: gpus}, gpu_of, NONE_OF_SEVERAL, is_plain=is_plain)


def _contents(slices: Iterable[Slice]) -> tuple[dict[str, Device], dict[str, Counters]]:
    """Return the devices and the counter sets of a generation by name; of two with one name the first."""
    devices: dict[str, Device] = {}
    counter_sets: dict[str, Counters] = {}
    for each in slices:
        for counter_set in each.counter_sets:
            counter_sets.setdefault(counter_set.name, counter_set.counters)
        for device in each.devices:
            devices.setdefault(device.name, device)
    return devices, counter_sets


class _KnownGpus:
    """The GPUs of the generations so far by what tells them from others; of several the first."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[int, Gpu]] = {}
        self._number = 0

    def add(self, gpu: Gpu, marks: Iterable[tuple[str, str]]) -> None:
        for mark in marks:
            self._known.setdefault(mark, (self._number, gpu))
        self._number += 1

    def same(self, marks: Collection[tuple[str, str]]) -> Gpu | None:
        """Return the GPU with the same counter set, or else the first with another mark in common."""
        found = [(mark, self._known[mark]) for mark in marks if mark in self._known]
        first = min(found, key=lambda each: (each[0][0] != _COUNTERS, each[1][0]), default=None)
        return None if first is None else first[1][1]


def _outdated(
    listed: Collection[str], newest: Mapping[str, Iterable[Gpu]], older: Iterable[list[Slice]]
) -> Outdated:
    """Return what only older generations list, newest first. ``listed`` are the newest one's devices."""
    known = _KnownGpus()
    for gpu in sorted((gpu for gpus in newest.values() for gpu in gpus), key=_rank):
        known.add(gpu, _marks(gpu))
    devices: dict[str, OutdatedDevice] = {}
    by_node: dict[str, list[Gpu]] = {}
    on: dict[GpuKey, list[str]] = {}
    for slices in older:
        of: dict[str, tuple[Device, list[Gpu]]] = {}
        found: list[tuple[Gpu, list[tuple[str, str]]]] = []
        own_devices, counter_sets = _contents(slices)
        for gpu in sorted(_gpus(own_devices.values(), counter_sets), key=_rank):
            outdated = tuple(
                each for each in gpu.devices if each.name not in listed and each.name not in devices
            )
            marks = _marks(gpu)
            same = known.same(marks)
            if same is None:
                if not outdated:
                    continue
                name = gpu.name if gpu.counters is not None else min(each.name for each in outdated)
                same = _gpu(name, outdated, gpu.counters)
                by_node.setdefault(same.node, []).append(same)
            found.append((same, marks))
            for each in outdated:
                gpus = of.setdefault(each.name, (each, []))[1]
                if same not in gpus:
                    gpus.append(same)
                    on.setdefault(same.gpu_key, []).append(each.name)
        # Two GPUs of one generation stay two.
        for gpu, marks in found:
            known.add(gpu, marks)
        for name, (device, gpus) in of.items():
            devices[name] = OutdatedDevice(device, tuple(gpus))
    return Outdated(
        devices=devices,
        gpus={node: tuple(gpus) for node, gpus in by_node.items()},
        on={key: tuple(names) for key, names in on.items()},
    )


def _rank(gpu: Gpu) -> tuple[bool, str]:
    """Return what sorts the GPUs of a generation: those with counters first."""
    if gpu.counters is not None:
        return False, gpu.name
    return True, min(each.name for each in gpu.devices)


def _marks(gpu: Gpu) -> list[tuple[str, str]]:
    """Return what tells a GPU from those of other generations."""
    marks = [(_COUNTERS, gpu.name)] if gpu.counters is not None else []
    return marks + [mark for device in gpu.devices for mark in _identities(device)]


def _problem(slices: Collection[Slice], counter_sets: Mapping[str, Counters]) -> tuple[Reason, str] | None:
    """Return the first thing that is wrong."""
    for each in slices:
        if each.slice_count != len(slices):
            return "INCOMPLETE", f"{len(slices)} of {each.slice_count} slices"
    if repeated := _repeated([device.name for each in slices for device in each.devices]):
        return "DUPLICATE_DEVICE", repeated
    if repeated := _repeated([each.name for slice_ in slices for each in slice_.counter_sets]):
        return "DUPLICATE_COUNTER_SET", repeated
    problem = next((each.problem for each in slices if each.problem is not None), None)
    if problem is not None:
        # What couldn't be read may be the very counter set that seems to be missing.
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


def _gpus(devices: Collection[Device], counter_sets: Mapping[str, Counters]) -> Iterator[Gpu]:
    """Yield the physical GPUs, in the order of their first devices."""
    if _are_apart(devices):
        for device in sorted(devices, key=_name):
            yield _gpu(device.name, (device,), None)
        return
    groups: dict[tuple[str, str], list[Device]] = {}
    known: dict[tuple[str, str], tuple[str, str]] = {}
    # First those that say which GPU they are of, then whole GPUs, then their parts.
    for device in sorted(devices, key=lambda each: (not each.consumes, each.parent_uuid is not None)):
        identities = _identities(device)
        names = list(dict.fromkeys((_COUNTERS, each.counter_set) for each in device.consumes))
        if not names:
            same = list(dict.fromkeys(known[each] for each in identities if each in known))
            same.sort(key=lambda each: each[0] != _COUNTERS)
            names = same[:1] or [("device", device.name)]
            for other in same[1:]:
                # This device tells that others are of one GPU, of a counter set if one is; two sets stay two.
                if other[0] == "device":
                    groups[names[0]] += groups.pop(other)
                    known = {each: names[0] if name == other else name for each, name in known.items()}
        for name in names:
            groups.setdefault(name, []).append(device)
            for identity in identities:
                known.setdefault(identity, name)
    for (kind, title), members in sorted(groups.items(), key=lambda each: each[1][0].name):
        yield _gpu(title, tuple(members), counter_sets.get(title, ()) if kind == _COUNTERS else None)


_name = attrgetter("name")


def _are_apart(devices: Iterable[Device]) -> bool:
    """Tell whether nothing says of two devices that they are of one GPU. On most nodes nothing does."""
    seen: set[object] = set()
    number = 0
    for device in devices:
        # As _identities, for 40,000 devices in a row.
        kind, identity = device.kind, device.parent_uuid
        if kind.consumes:
            return False
        if identity is None and not kind.is_part:
            identity = device.uuid
        if identity is not None:
            seen.add(identity)
            number += 1
        if kind.pci_bus_id is not None and device.place.node != NO_NODE:
            seen.add((device.place.node, kind.pci_bus_id))
            number += 1
    return len(seen) == number


def _identities(device: Device) -> list[tuple[str, str]]:
    """Return what tells the GPU of a device from others. A PCI address does so only on one node."""
    found = []
    if device.parent_uuid is not None:
        found.append((_UUID, device.parent_uuid))
    elif device.uuid is not None and not device.is_part:
        found.append((_UUID, device.uuid))
    if device.pci_bus_id is not None and device.node != NO_NODE:
        found.append((device.node, device.pci_bus_id))
    return found


def _gpu(name: str, devices: tuple[Device, ...], counters: Counters | None) -> Gpu:
    first = devices[0]
    if len(devices) == 1 and counters is None and name == first.name and not first.is_part:
        return first
    # Whole GPUs first: what is said of them is said of the GPU.
    ordered = sorted(devices, key=lambda each: each.is_part)
    place = first.place
    if any(device.node != place.node for device in devices):
        place = Place(place.driver, place.pool, NO_NODE)
    uuids = (device.parent_uuid if device.is_part else device.uuid for device in ordered)
    return GpuOfDevices(
        place,
        name,
        devices,
        counters,
        product=next((each.product for each in ordered if each.product is not None), None),
        uuid=next((uuid for uuid in uuids if uuid is not None), None),
        pci_bus_id=next((each.pci_bus_id for each in ordered if each.pci_bus_id is not None), None),
        memory_bytes=max(
            (each.memory_bytes for each in devices if each.memory_bytes and not each.is_part), default=None
        ),
    )
