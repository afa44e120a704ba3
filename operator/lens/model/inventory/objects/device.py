"""A ResourceSlice as the ledger stores it: a part of a pool's devices, and the counters that they draw on."""

import contextlib
from collections.abc import Mapping
from functools import lru_cache
from sys import intern
from typing import NamedTuple

import msgspec

from lens.model.gpu.device_ids import pci_bus_id
from lens.model.gpu.identities import identity
from lens.model.inventory.objects.claim import PoolKey
from lens.model.inventory.objects.taint_rule import read_taint
from lens.model.k8s import quantity
from lens.model.k8s.bounds import (
    LONGEST_NAME,
    MOST_CAPACITIES,
    MOST_CONSUMPTIONS,
    MOST_COUNTER_SETS,
    MOST_COUNTERS,
    MOST_DEVICE_TAINTS,
    MOST_SLICE_DEVICES,
    few,
    short,
)
from lens.model.k8s.dra.device_identities import told
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.dra.objects import (
    MOST_SHARED_BYTES,
    Attribute,
    CapacityManifest,
    ConsumptionManifest,
    CounterSetManifest,
    DeviceTaintManifest,
    KnownAttributes,
    read_list,
    read_map,
    read_or_none,
)
from lens.model.k8s.dra.slices import DeviceTemplate, ListTemplate, SliceManifest, SliceSpec
from lens.model.k8s.quantity import Exact
from lens.model.k8s.taints import REPELLING_EFFECTS, Taint

NO_NODE = ""
"""The node of devices that no single node has. No node has this name."""

MOST_COUNTER_BYTES = 16 * 1024
"""Bytes of the counters of one set or one device."""

Counters = tuple[tuple[str, Exact], ...]
"""Amounts of counters, sorted by name."""

_PARTS = ("mig", "partition")
"""Words in the types of devices that are parts of GPUs: ``mig``, ``amdgpu-partition``."""


GpuKey = tuple[str, str, str, bool]
"""What tells a GPU from all others: its driver, its pool, its name, and whether that is a counter set's."""


class Consumption(msgspec.Struct, frozen=True, gc=False):
    """What a device draws on a counter set."""

    counter_set: str
    counters: Counters


class CounterSet(msgspec.Struct, frozen=True, gc=False):
    """What devices that share a GPU may draw in all."""

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
    """What devices have in common that differ in nothing but their places, names and identities.

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

    @property
    def is_plain(self) -> bool:
        """Tell whether nothing but claims decides who gets the devices, each of which one claim holds."""
        return not (self.consumes or self.taints or self.shareable)


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
        """Tell whether it is a part of a GPU."""
        return self.kind.is_part or self.parent_uuid is not None

    @property
    def gpu_key(self) -> GpuKey:
        """Return what tells it from all other GPUs, if it is one."""
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
        """Tell whether it can be allocated several times."""
        return self.kind.shareable

    @property
    def capacity(self) -> tuple[tuple[str, str], ...]:
        """Return the capacity that is shared, as quantities."""
        return self.kind.capacity


class Slice(msgspec.Struct, frozen=True, weakref=True):
    """A ResourceSlice of a GPU driver.

    Its pool has ``slice_count`` slices of the same ``generation``. ``problem`` says what of it can't be read.
    Two slices are equal if no figure and no list shows a difference.
    """

    name: str
    driver: str
    pool: str
    generation: int
    slice_count: int
    node: str
    devices: tuple[Device, ...] = ()
    counter_sets: tuple[CounterSet, ...] = ()
    problem: str | None = None

    @property
    def key(self) -> PoolKey:
        """Return the pool's key."""
        return PoolKey(self.driver, self.pool)


_attribute = msgspec.json.Decoder(Attribute)
_attributes = msgspec.json.Decoder(KnownAttributes)
_capacity = msgspec.json.Decoder(CapacityManifest | str | int | float)
_counter_set = msgspec.json.Decoder(CounterSetManifest)
_consumption = msgspec.json.Decoder(ConsumptionManifest)
_taint = msgspec.json.Decoder(DeviceTaintManifest)


_FIELDS = {field.encode_name: field for field in msgspec.structs.fields(KnownAttributes)}


def read_slice(manifest: SliceManifest, drivers: GpuDrivers, known: Slice | None = None) -> Slice | None:
    """Return a slice, or None for one of a driver without GPUs. What is odd in it is left out.

    It shares with ``known``, which it was before, the devices that are what they were: a driver that
    publishes its pool again writes all of them again.
    Raise a ValueError if it has no driver and no pool that can be told.
    """
    spec = manifest.spec
    if spec.driver not in drivers:
        return None
    if max(len(spec.driver), len(spec.pool.name), len(spec.node_name or "")) > LONGEST_NAME:
        raise ValueError("a driver, pool or node whose name is too long")
    driver, pool = intern(spec.driver), intern(spec.pool.name)
    node = intern(spec.node_name or NO_NODE)
    problems: list[str] = []
    counter_sets: list[CounterSet] = []
    devices = _devices(spec, Place(driver, pool, node), problems)
    for raw in _entries(spec.shared_counters, MOST_COUNTER_SETS, problems):
        try:
            each = _counter_set.decode(raw)
            counter_sets.append(CounterSet(_name(each.name), _counters(_small(each.counters))))
        except (ValueError, RecursionError) as error:
            problems.append(short(str(error)))
    return Slice(
        name=manifest.metadata.name,
        driver=driver,
        pool=pool,
        generation=spec.pool.generation,
        slice_count=spec.pool.resource_slice_count,
        node=node,
        devices=devices if known is None else _shared(devices, known.devices),
        counter_sets=tuple(counter_sets),
        problem=problems[0] if problems else None,
    )


def _devices(spec: SliceSpec, place: Place, problems: list[str]) -> tuple[Device, ...]:
    """Return the devices of a slice, and add to ``problems`` what is wrong with others."""
    try:
        read = spec.read_devices
    except (ValueError, RecursionError) as error:
        problems.append(short(str(error)))
        return ()
    if read.number > MOST_SLICE_DEVICES:
        problems.append(f"{read.number} entries where {MOST_SLICE_DEVICES} are the most")
    own_places = bool(spec.per_device_node_selection)
    kinds = (_shared_list if read.template.shared else _read_list)(read.template, place.driver)
    devices: list[Device] = []
    for each, own in zip(kinds, read.own, strict=True):
        if each.problem is not None:
            problems.append(each.problem)
            continue
        try:
            devices.append(
                Device(
                    Place(place.driver, place.pool, _name(each.node) if each.node else NO_NODE)
                    if own_places
                    else place,
                    _name(own[0]),
                    each.kind,
                    each.uuid and identity(told(each.uuid, own)),
                    each.parent_uuid and identity(told(each.parent_uuid, own)),
                )
            )
        except ValueError as error:
            problems.append(short(str(error)))
    return tuple(devices)


def _entries(raw: msgspec.Raw, most: int, problems: list[str]) -> list[msgspec.Raw]:
    try:
        entries = read_list(raw)
    except (ValueError, RecursionError) as error:
        problems.append(short(str(error)))
        return []
    if len(entries) > most:
        problems.append(f"{len(entries)} entries where {most} are the most")
    return entries[:most]


def _shared(devices: tuple[Device, ...], known: tuple[Device, ...]) -> tuple[Device, ...]:
    if devices == known:
        return known
    if len(devices) != len(known):
        return devices
    return tuple([then if now == then else now for now, then in zip(devices, known, strict=True)])


class _ReadKind(NamedTuple):
    """What was read of a template. Identities may be marks; ``node`` counts if each device has its own."""

    kind: Kind
    uuid: str | None = None
    parent_uuid: str | None = None
    node: str | None = None
    problem: str | None = None


def _read_list(template: ListTemplate, driver: str) -> list[_ReadKind]:
    return [(_of_template if each.shared else _read_template)(each, driver) for each in template.devices]


_shared_list = lru_cache(maxsize=256)(_read_list)


def _read_template(template: DeviceTemplate, driver: str) -> _ReadKind:
    if template.problem is not None:
        return _ReadKind(UNKNOWN_KIND, problem=template.problem)
    fields = template.fields
    raw = fields.of_kind
    read = _shared_kind if sum(map(len, raw)) <= MOST_SHARED_BYTES else _read_kind
    try:
        found = read(*raw, bool(fields.allow_multiple_allocations), driver)
    except (ValueError, RecursionError) as error:
        return _ReadKind(UNKNOWN_KIND, problem=short(str(error)))
    return _ReadKind(*found, fields.node_name)


_of_template = lru_cache(maxsize=4096)(_read_template)


def _read_kind(
    attributes: bytes, capacity: bytes, consumes: bytes, taints: bytes, shareable: bool, driver: str
) -> tuple[Kind, str | None, str | None]:
    known = _known_attributes(attributes, driver) if attributes else KnownAttributes()
    pci = _text(
        known.standard_pci or known.pci_bus_id or known.pcie_bus_id or known.pci_addr or known.pci_address
    )
    bus_id = pci_bus_id(pci) if pci else None
    type_ = _word(known.type)
    numa = known.standard_numa or known.numa_node or known.numa
    kind = Kind(
        type=type_,
        product=_word(known.product_name or known.model),
        pci_bus_id=bus_id and intern(bus_id),
        profile=_word(known.profile or known.partition_profile or known.compute_partition),
        driver_version=_word(known.driver_version),
        nvlink_clique=_word(known.clique_id),
        numa_node=numa.number if numa is not None else None,
        memory_bytes=_read_memory(capacity, driver) if capacity else None,
        is_part=any(word in (type_ or "") for word in _PARTS),
        consumes=_consumes(msgspec.Raw(consumes)) if consumes else (),
        taints=_taints(msgspec.Raw(taints)) if taints else (),
        shareable=shareable,
        capacity=_capacities(read_map(msgspec.Raw(capacity))) if shareable and capacity else (),
    )
    return kind, _text(known.uuid) or None, _text(known.parent_uuid) or None


_shared_kind = lru_cache(maxsize=4096)(_read_kind)


def _known_attributes(raw: bytes, driver: str) -> KnownAttributes:
    """Return a device's attributes; what is odd in them is left out."""
    qualified = f"{driver}/"
    if qualified.encode() not in raw:
        with contextlib.suppress(ValueError, RecursionError):
            return _attributes.decode(raw)
    # One by one. A name with the driver's domain is the same as one without.
    return KnownAttributes(
        **{
            field.name: read_or_none(_attribute, value)
            for name, value in read_map(msgspec.Raw(raw)).items()
            if (field := _FIELDS.get(name.removeprefix(qualified))) is not None
        }
    )


def _text(value: Attribute | None) -> str | None:
    text = None if value is None else value.string or value.version
    return text if text is None or len(text) <= LONGEST_NAME else None


def _word(value: Attribute | None) -> str | None:
    """Return a text that many devices have."""
    text = None if value is None else value.string or value.version
    return text and intern(short(text))


def _name(text: str) -> str:
    if not text or len(text) > LONGEST_NAME:
        raise ValueError(f"a name of {len(text)} characters")
    return intern(text)


def _quantity(raw: msgspec.Raw) -> str | int | float | None:
    value = read_or_none(_capacity, raw)
    return value.value if isinstance(value, CapacityManifest) else value


def _read_memory(raw: bytes, driver: str) -> int | None:
    """Return a device's memory; None if it is unknown, for which AMD's driver writes 0."""
    capacities = read_map(msgspec.Raw(raw))
    own = capacities.get("memory") or capacities.get(f"{driver}/memory")
    value = None if own is None or len(own) > LONGEST_NAME else _quantity(own)
    if value is None:
        return None
    try:
        return int(quantity.parse(value)) or None
    except ValueError:
        return None


def _capacities(capacities: Mapping[str, msgspec.Raw]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for name, raw in sorted(capacities.items()):
        if (value := _quantity(raw)) is not None:
            found.append((intern(short(name)), short(str(value))))
    return few(found, MOST_CAPACITIES)


def _consumes(raw: msgspec.Raw) -> tuple[Consumption, ...]:
    entries = read_list(raw)
    if len(entries) > MOST_CONSUMPTIONS:
        raise ValueError(f"{len(entries)} counter sets where {MOST_CONSUMPTIONS} are the most")
    found: list[Consumption] = []
    for entry in entries:
        each = _consumption.decode(entry)
        found.append(Consumption(_name(each.counter_set), _counters(_small(each.counters))))
    return tuple(found)


def _taints(raw: msgspec.Raw) -> tuple[Taint, ...]:
    """Return the taints; of too many, first those that repel. One that is odd may repel, too: it raises."""
    taints = [read_taint(_taint.decode(entry)) for entry in read_list(raw)]
    if len(taints) > MOST_DEVICE_TAINTS:
        taints.sort(key=lambda taint: taint.effect not in REPELLING_EFFECTS)
    return few(taints, MOST_DEVICE_TAINTS)


def _small(raw: msgspec.Raw) -> bytes:
    # Kept as a key of a cache. The apiserver's own bounds allow about 5 kB.
    if len(raw) > MOST_COUNTER_BYTES:
        raise ValueError(f"{len(raw)} bytes of counters")
    return bytes(raw)


@lru_cache(maxsize=4096)
def _counters(raw: bytes) -> Counters:
    """Return amounts of counters. Most partitions of one profile have the same, and share the value."""
    entries = read_map(msgspec.Raw(raw))
    if len(entries) > MOST_COUNTERS:
        raise ValueError(f"{len(entries)} counters where {MOST_COUNTERS} are the most")
    found: list[tuple[str, Exact]] = []
    for name, value in sorted(entries.items()):
        amount = _quantity(value)
        if amount is None:
            raise ValueError(f"counter {name:.80}: no quantity")
        exact = quantity.parse(amount)
        found.append((_name(name), exact.numerator if exact.denominator == 1 else exact))
    return tuple(found)
