"""Reads ResourceSlices for the ledger and for a fit: of one that was read before only what has changed.

A driver that publishes its pool again writes all devices again, and most or all of them are what they were. A
slice is remembered as long as somebody keeps it.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from weakref import WeakValueDictionary

from lens.model.fit.dra.devices import Slice, slice_of
from lens.model.inventory.objects.device import Slice as CountedSlice
from lens.model.inventory.objects.device import read_slice
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.dra.objects import MARK, SliceManifest

T = TypeVar("T")


class SliceReader:
    """What was read of slices, for one cluster."""

    def __init__(self, drivers: GpuDrivers) -> None:
        """Take the drivers of GPUs."""
        self._drivers = drivers
        self._counted: WeakValueDictionary[str, CountedSlice] = WeakValueDictionary()
        self._fit: WeakValueDictionary[str, Slice] = WeakValueDictionary()

    def counted(self, manifest: SliceManifest) -> CountedSlice | None:
        """Return a slice as the ledger stores it, see ``read_slice``."""
        name = manifest.metadata.name
        known, before = self._counted.get(name), self._fit.get(name)
        if known is None or before is None or len(known.devices) != len(before.devices):
            return read_slice(manifest, self._drivers)
        return read_slice(manifest, self._drivers, _unchanged(manifest, before, known.devices))

    def fit(self, manifest: SliceManifest, seen: CountedSlice | None) -> Slice:
        """Return a slice as a fit looks at it, see ``slice_of``. ``seen`` is the ledger's."""
        name = manifest.metadata.name
        known, before = self._counted.get(name), self._fit.get(name)
        try:
            if before is None:
                found = slice_of(manifest)
            else:
                found = slice_of(manifest, _unchanged(manifest, before, before.devices))
        except (ValueError, RecursionError):
            self._forget(name)
            raise
        if seen is None or seen.problem is not None:
            self._counted.pop(name, None)
        # What equals the one before isn't kept by anybody.
        elif seen != known:
            self._counted[name] = seen
        if found != before:
            self._fit[name] = found
        return found

    def _forget(self, name: str) -> None:
        self._counted.pop(name, None)
        self._fit.pop(name, None)


def _unchanged(manifest: SliceManifest, before: Slice, devices: Sequence[T]) -> Mapping[int, T]:
    """Return those of a slice's former ``devices``, by their places, that are what they were."""
    spec = manifest.spec
    of_slice = spec.driver, spec.pool.name, spec.node_name or "", bool(spec.per_device_node_selection)
    if of_slice != (before.driver, before.pool, before.nodes.node, before.per_device):
        return {}
    try:
        if len(spec.entries) != len(devices):
            return {}
    except (ValueError, RecursionError):
        return {}
    marks = (memoryview(each).cast(MARK) for each in (spec.marks, before.marks))
    return {
        index: device
        for index, (device, now, then) in enumerate(zip(devices, *marks, strict=True))
        if now == then
    }
