"""The devices that only older generations of a pool list.

A driver publishes a pool slice by slice, under the next generation. A device that the newest generation
doesn't list may be held all the same. It is then what the newest older generation says that lists it. The
scheduler allocates no such device, so it is in the figures only because it is held.
"""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from lens.model.inventory.dra.physical_gpus import (
    COUNTERS,
    contents,
    gpu_of_devices,
    identities,
    physical_gpus,
)
from lens.model.inventory.objects.device import Device, GpuKey
from lens.model.inventory.objects.gpu import Gpu
from lens.model.inventory.objects.slice import Slice


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


class _KnownGpus:
    """The GPUs of the generations so far by their identities; of several with one identity the first."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[int, Gpu]] = {}
        self._number = 0

    def add(self, gpu: Gpu, marks: Iterable[tuple[str, str]]) -> None:
        for mark in marks:
            self._known.setdefault(mark, (self._number, gpu))
        self._number += 1

    def same(self, marks: Collection[tuple[str, str]]) -> Gpu | None:
        """Return the GPU with the same counter set, or else the first with another identity in common."""
        found = [(mark, self._known[mark]) for mark in marks if mark in self._known]
        first = min(found, key=lambda each: (each[0][0] != COUNTERS, each[1][0]), default=None)
        return None if first is None else first[1][1]


def outdated_devices(
    listed: Collection[str], newest: Mapping[str, Iterable[Gpu]], older: Iterable[list[Slice]]
) -> Outdated:
    """Return the devices that only older generations list, newest first. ``listed`` are the newest one's."""
    known = _KnownGpus()
    for gpu in sorted((gpu for gpus in newest.values() for gpu in gpus), key=_rank):
        known.add(gpu, _marks(gpu))
    devices: dict[str, OutdatedDevice] = {}
    by_node: dict[str, list[Gpu]] = {}
    on: dict[GpuKey, list[str]] = {}
    for slices in older:
        of: dict[str, tuple[Device, list[Gpu]]] = {}
        found: list[tuple[Gpu, list[tuple[str, str]]]] = []
        own_devices, counter_sets = contents(slices)
        for gpu in sorted(physical_gpus(own_devices.values(), counter_sets), key=_rank):
            outdated = tuple(
                each for each in gpu.devices if each.name not in listed and each.name not in devices
            )
            marks = _marks(gpu)
            same = known.same(marks)
            if same is None:
                if not outdated:
                    continue
                name = gpu.name if gpu.counters is not None else min(each.name for each in outdated)
                same = gpu_of_devices(name, outdated, gpu.counters)
                by_node.setdefault(same.node, []).append(same)
            found.append((same, marks))
            for each in outdated:
                gpus = of.setdefault(each.name, (each, []))[1]
                if same not in gpus:
                    gpus.append(same)
                    on.setdefault(same.gpu_key, []).append(each.name)
        # Two GPUs of one generation stay apart.
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
    """Return the sort key of a generation's GPUs: those with counters come first."""
    if gpu.counters is not None:
        return False, gpu.name
    return True, min(each.name for each in gpu.devices)


def _marks(gpu: Gpu) -> list[tuple[str, str]]:
    """Return the identities by which a GPU is found in other generations."""
    marks = [(COUNTERS, gpu.name)] if gpu.counters is not None else []
    return marks + [mark for device in gpu.devices for mark in identities(device)]
