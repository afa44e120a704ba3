"""Physical GPUs of DRA's pools: most are one device, and others consist of several."""

from lens.model.inventory.objects.device import Counters, Device, GpuKey, Placed


class GpuOfDevices(Placed, frozen=True, gc=False):
    """A physical GPU with all its devices; without any if no slice lists them.

    ``name`` is its counter set's, or else its first device's. Its ``place`` has a node if all its devices
    belong to one. ``counters`` are what its devices may draw in all; None without counters. What no device
    says is None, and so is the memory of a GPU that has only parts.
    """

    name: str
    devices: tuple[Device, ...] = ()
    counters: Counters | None = None
    product: str | None = None
    uuid: str | None = None
    pci_bus_id: str | None = None
    memory_bytes: int | None = None

    @property
    def gpu_key(self) -> GpuKey:
        """Return the GPU's key. A counter set may have the name of a device."""
        return self.place.driver, self.place.pool, self.name, self.counters is not None


Gpu = Device | GpuOfDevices
"""A physical GPU. A device that is a whole GPU is this GPU: there are many."""
