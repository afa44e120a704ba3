"""A device of a ResourceSlice as the ledger stores it: a GPU, or a part of one."""

import msgspec

from lens.model.k8s.quantity import Exact
from lens.model.k8s.taints import Taint

NO_NODE = ""
"""The node of devices that no single node has. No node has this name."""

Counters = tuple[tuple[str, Exact], ...]
"""Amounts of counters, sorted by name."""


GpuKey = tuple[str, str, str, bool]
"""The key of a GPU: its driver, its pool, its name, and whether that is a counter set's."""


class Consumption(msgspec.Struct, frozen=True, gc=False):
    """What a device draws on a counter set."""

    counter_set: str
    counters: Counters


class CounterSet(msgspec.Struct, frozen=True, gc=False):
    """A counter set: what devices that share a GPU may draw in all."""

    name: str
    counters: Counters


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where devices are: their driver, their pool and their node, NO_NODE unless they belong to one."""

    driver: str
    pool: str
    node: str


class Placed(msgspec.Struct, frozen=True, gc=False):
    """What is at a place."""

    place: Place

    @property
    def driver(self) -> str:
        """Return the driver."""
        return self.place.driver

    @property
    def pool(self) -> str:
        """Return the pool's name."""
        return self.place.pool

    @property
    def node(self) -> str:
        """Return the node, NO_NODE unless it belongs to one node."""
        return self.place.node


class Kind(msgspec.Struct, frozen=True, gc=False):
    """What devices share that differ in nothing but their places, names and identities.

    They have one object in common.
    """

    type: str | None = None
    product: str | None = None
    pci_bus_id: str | None = None
    profile: str | None = None
    driver_version: str | None = None
    nvlink_clique: str | None = None
    numa_node: int | None = None
    memory_bytes: int | None = None
    is_part: bool = False
    consumes: tuple[Consumption, ...] = ()
    taints: tuple[Taint, ...] = ()
    shareable: bool = False
    capacity: tuple[tuple[str, str], ...] = ()


UNKNOWN_KIND = Kind()


class Device(Placed, frozen=True, gc=False):
    """A device of a pool: a GPU, or a part of one.

    ``is_part`` tells a part of a GPU. A ``shareable`` device can be allocated several times, and its
    ``capacity`` is shared. What the driver doesn't say is None. There are many devices, so one has no more of
    its own than its name and its identities.
    """

    name: str
    kind: Kind = UNKNOWN_KIND
    uuid: str | None = None
    parent_uuid: str | None = None

    @property
    def is_part(self) -> bool:
        """Return whether it is a part of a GPU."""
        return self.kind.is_part or self.parent_uuid is not None

    @property
    def gpu_key(self) -> GpuKey:
        """Return its key as a GPU, if it is one."""
        return self.place.driver, self.place.pool, self.name, False

    @property
    def devices(self) -> "tuple[Device, ...]":
        """Return the devices that it consists of, if it is a GPU."""
        return (self,)

    @property
    def counters(self) -> None:
        """Return what its devices may draw in all, if it is a GPU: it has no counters."""
        return

    @property
    def product(self) -> str | None:
        """Return the product's name."""
        return self.kind.product

    @property
    def pci_bus_id(self) -> str | None:
        """Return the PCI address."""
        return self.kind.pci_bus_id

    @property
    def memory_bytes(self) -> int | None:
        """Return the memory in bytes."""
        return self.kind.memory_bytes

    @property
    def consumes(self) -> tuple[Consumption, ...]:
        """Return what it draws on counter sets."""
        return self.kind.consumes

    @property
    def taints(self) -> tuple[Taint, ...]:
        """Return the taints that its slice has."""
        return self.kind.taints

    @property
    def shareable(self) -> bool:
        """Return whether it can be allocated several times."""
        return self.kind.shareable

    @property
    def capacity(self) -> tuple[tuple[str, str], ...]:
        """Return the capacity that is shared, as quantities."""
        return self.kind.capacity
