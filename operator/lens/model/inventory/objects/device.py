"""A ResourceSlice as the ledger stores it: a part of a pool's devices, and the counters that they draw on."""

import contextlib
from collections.abc import Mapping
from functools import lru_cache
from sys import intern
from typing import NamedTuple

import msgspec

from lens.model.gpu.device_ids import pci_bus_id
from lens.model.gpu.identities import identity
from lens.model.inventory.objects.claim import DeviceKey, PoolKey
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
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.dra.objects import (
    Attribute,
    CapacityManifest,
    ConsumptionManifest,
    CounterSetManifest,
    DeviceTaintManifest,
    KnownAttributes,
    ReadDevice,
    SliceManifest,
    SliceSpec,
    read_list,
    read_map,
    read_or_none,
)
from lens.model.k8s.quantity import Exact
from lens.model.k8s.taints import REPELLING_EFFECTS, Taint

NO_NODE = ""
"""The node of devices that no single node has. No node has this name."""

MOST_SHARED_BYTES = 4096
"""Bytes of attributes or capacities that are kept to be compared."""

MOST_COUNTER_BYTES = 16 * 1024
"""Bytes of the counters of one set or one device."""

Counters = tuple[tuple[str, Exact], ...]
"""Amounts of counters, sorted by name."""

_PARTS = ("mig", "partition")
"""Words in the types of devices that are parts of GPUs: ``mig``, ``amdgpu-partition``."""


class Consumption(msgspec.Struct, frozen=True, gc=False):
    """What a device draws on a counter set."""

    counter_set: str
    counters: Counters


class CounterSet(msgspec.Struct, frozen=True, gc=False):
    """What devices that share a GPU may draw in all."""

    name: str
    counters: Counters


class Device(msgspec.Struct, frozen=True, gc=False):
    """A device of a pool: a GPU, or a part of one.

    ``node`` is NO_NODE unless it belongs to one node. ``is_part`` tells a part of a GPU. A ``shareable``
    device can be allocated several times, and its ``capacity`` is shared. What the driver doesn't say is
    None.
    """

    driver: str
    pool: str
    name: str
    node: str
    type: str | None = None
    product: str | None = None
    uuid: str | None = None
    parent_uuid: str | None = None
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
    def key(self) -> DeviceKey:
        """Return the device's key."""
        return DeviceKey(self.driver, self.pool, self.name)


NOTHING_KNOWN: Mapping[int, Device] = {}


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


def read_slice(
    manifest: SliceManifest, drivers: GpuDrivers, known: Mapping[int, Device] = NOTHING_KNOWN
) -> Slice | None:
    """Return a slice, or None for one of a driver without GPUs. What is odd in it is left out.

    ``known`` has devices that were read before, by their places.
    Raise a ValueError if it has no driver and no pool that can be told.
    """
    spec = manifest.spec
    if spec.driver not in drivers:
        return None
    if max(len(spec.driver), len(spec.pool.name), len(spec.node_name or "")) > LONGEST_NAME:
        raise ValueError("a driver, pool or node whose name is too long")
    driver, pool = intern(spec.driver), intern(spec.pool.name)
    node = intern(spec.node_name or NO_NODE)
    of_devices = None if spec.per_device_node_selection else node
    problems: list[str] = []
    devices: list[Device] = []
    for index in range(_entries_number(spec, problems)):
        try:
            devices.append(known.get(index) or _read_device(spec.device(index), driver, pool, of_devices))
        except (ValueError, RecursionError) as error:
            problems.append(short(str(error)))
    counter_sets: list[CounterSet] = []
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
        devices=tuple(devices),
        counter_sets=tuple(counter_sets),
        problem=problems[0] if problems else None,
    )


def _entries_number(spec: SliceSpec, problems: list[str]) -> int:
    """Return how many devices are read."""
    try:
        number = len(spec.entries)
    except (ValueError, RecursionError) as error:
        problems.append(short(str(error)))
        return 0
    if number > MOST_SLICE_DEVICES:
        problems.append(f"{number} entries where {MOST_SLICE_DEVICES} are the most")
    return min(number, MOST_SLICE_DEVICES)


def _entries(raw: msgspec.Raw, most: int, problems: list[str]) -> list[msgspec.Raw]:
    try:
        entries = read_list(raw)
    except (ValueError, RecursionError) as error:
        problems.append(short(str(error)))
        return []
    if len(entries) > most:
        problems.append(f"{len(entries)} entries where {most} are the most")
    return entries[:most]


def _read_device(read: ReadDevice, driver: str, pool: str, node: str | None) -> Device:
    """Return a device. Of a slice with a ``node`` of None each device has its own."""
    fields, told = read.fields, read.attributes
    own = _name(fields.node_name) if node is None and fields.node_name else node or NO_NODE
    kind, uuid, parent = _NO_KIND, None, None
    if told is not None:
        kind = _kind(told.template, driver)
        uuid = kind.uuid and identity(told.of(kind.uuid))
        parent = kind.parent_uuid and identity(told.of(kind.parent_uuid))
    shareable = bool(fields.allow_multiple_allocations)
    return Device(
        driver=driver,
        pool=pool,
        name=_name(read.name),
        node=own,
        type=kind.type,
        product=kind.product,
        uuid=uuid,
        parent_uuid=parent,
        pci_bus_id=kind.pci_bus_id,
        profile=kind.profile,
        driver_version=kind.driver_version,
        nvlink_clique=kind.nvlink_clique,
        numa_node=kind.numa_node,
        memory_bytes=_memory(bytes(fields.capacity), driver) if fields.capacity else None,
        is_part=kind.is_part or parent is not None,
        consumes=_consumes(fields.consumes_counters) if fields.consumes_counters else (),
        taints=_taints(fields.taints) if fields.taints else (),
        shareable=shareable,
        capacity=_capacities(read_map(fields.capacity)) if shareable and fields.capacity else (),
    )


class _Kind(NamedTuple):
    """What devices have in common that have the same attributes but for their identities.

    ``uuid`` and ``parent_uuid`` are marks where the identities have been taken out.
    """

    type: str | None = None
    product: str | None = None
    uuid: str | None = None
    parent_uuid: str | None = None
    pci_bus_id: str | None = None
    profile: str | None = None
    driver_version: str | None = None
    nvlink_clique: str | None = None
    numa_node: int | None = None
    is_part: bool = False


_NO_KIND = _Kind()


def _read_kind(template: bytes, driver: str) -> _Kind:
    known = _known_attributes(template, driver)
    pci = _text(
        known.standard_pci or known.pci_bus_id or known.pcie_bus_id or known.pci_addr or known.pci_address
    )
    bus_id = pci_bus_id(pci) if pci else None
    type_ = _word(known.type)
    numa = known.standard_numa or known.numa_node or known.numa
    return _Kind(
        type=type_,
        product=_word(known.product_name or known.model),
        uuid=_text(known.uuid) or None,
        parent_uuid=_text(known.parent_uuid) or None,
        pci_bus_id=bus_id and intern(bus_id),
        profile=_word(known.profile or known.partition_profile or known.compute_partition),
        driver_version=_word(known.driver_version),
        nvlink_clique=_word(known.clique_id),
        numa_node=numa.number if numa is not None else None,
        is_part=any(word in (type_ or "") for word in _PARTS),
    )


_shared_kind = lru_cache(maxsize=2048)(_read_kind)


def _kind(template: bytes, driver: str) -> _Kind:
    return (_shared_kind if len(template) <= MOST_SHARED_BYTES else _read_kind)(template, driver)


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


_shared_memory = lru_cache(maxsize=1024)(_read_memory)


def _memory(raw: bytes, driver: str) -> int | None:
    return (_shared_memory if len(raw) <= MOST_SHARED_BYTES else _read_memory)(raw, driver)


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
