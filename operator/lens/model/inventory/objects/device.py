"""A ResourceSlice as the ledger stores it: a part of a pool's devices, and the counters that they draw on."""

import contextlib
from collections.abc import Mapping
from functools import lru_cache
from sys import intern

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
from lens.model.k8s.dra_objects import (
    Attribute,
    CapacityManifest,
    ConsumptionManifest,
    CounterSetManifest,
    DeviceFields,
    DeviceManifest,
    DeviceTaintManifest,
    KnownAttributes,
    SliceManifest,
    read_list,
    read_map,
    read_or_none,
)
from lens.model.k8s.gpu_drivers import GpuDrivers
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


class Slice(msgspec.Struct, frozen=True, gc=False):
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


_device = msgspec.json.Decoder(DeviceManifest)
_attribute = msgspec.json.Decoder(Attribute)
_attributes = msgspec.json.Decoder(KnownAttributes)
_capacity = msgspec.json.Decoder(CapacityManifest | str | int | float)
_counter_set = msgspec.json.Decoder(CounterSetManifest)
_consumption = msgspec.json.Decoder(ConsumptionManifest)
_taint = msgspec.json.Decoder(DeviceTaintManifest)


NO_ATTRIBUTES = KnownAttributes()

_FIELDS = {field.encode_name: field for field in msgspec.structs.fields(KnownAttributes)}


def read_slice(manifest: SliceManifest, drivers: GpuDrivers) -> Slice | None:
    """Return a slice, or None for one of a driver without GPUs. What is odd in it is left out.

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
    for raw in _entries(spec.devices, MOST_SLICE_DEVICES, problems):
        try:
            devices.append(_read_device(_device.decode(raw), driver, pool, of_devices))
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


def _entries(raw: msgspec.Raw, most: int, problems: list[str]) -> list[msgspec.Raw]:
    try:
        entries = read_list(raw)
    except (ValueError, RecursionError) as error:
        problems.append(short(str(error)))
        return []
    if len(entries) > most:
        problems.append(f"{len(entries)} entries where {most} are the most")
    return entries[:most]


def _read_device(manifest: DeviceManifest, driver: str, pool: str, node: str | None) -> Device:
    """Return a device. Of a slice with a ``node`` of None each device has its own."""
    fields: DeviceFields = manifest.basic or manifest
    own = _name(fields.node_name) if node is None and fields.node_name else node or NO_NODE
    known = _known_attributes(fields.attributes, driver) if fields.attributes else NO_ATTRIBUTES
    capacities = read_map(fields.capacity) if fields.capacity else {}
    pci = _text(
        known.standard_pci or known.pci_bus_id or known.pcie_bus_id or known.pci_addr or known.pci_address
    )
    bus_id = pci_bus_id(pci) if pci else None
    type_, parent = _word(known.type), identity(_text(known.parent_uuid))
    numa = known.standard_numa or known.numa_node or known.numa
    return Device(
        driver=driver,
        pool=pool,
        name=_name(manifest.name),
        node=own,
        type=type_,
        product=_word(known.product_name or known.model),
        uuid=identity(_text(known.uuid)),
        parent_uuid=parent,
        pci_bus_id=bus_id and intern(bus_id),
        profile=_word(known.profile or known.partition_profile or known.compute_partition),
        driver_version=_word(known.driver_version),
        nvlink_clique=_word(known.clique_id),
        numa_node=numa.number if numa is not None else None,
        memory_bytes=_bytes(capacities.get("memory") or capacities.get(f"{driver}/memory")),
        is_part=parent is not None or any(word in (type_ or "") for word in _PARTS),
        consumes=_consumes(fields.consumes_counters) if fields.consumes_counters else (),
        taints=_taints(fields.taints) if fields.taints else (),
        shareable=bool(fields.allow_multiple_allocations),
        capacity=_capacities(capacities) if fields.allow_multiple_allocations else (),
    )


def _known_attributes(raw: msgspec.Raw, driver: str) -> KnownAttributes:
    """Return a device's attributes; what is odd in them is left out."""
    qualified = f"{driver}/"
    if qualified.encode() not in bytes(raw):
        with contextlib.suppress(ValueError, RecursionError):
            return _attributes.decode(raw)
    # One by one. A name with the driver's domain is the same as one without.
    return KnownAttributes(
        **{
            field.name: read_or_none(_attribute, value)
            for name, value in read_map(raw).items()
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


def _bytes(raw: msgspec.Raw | None) -> int | None:
    return None if raw is None or len(raw) > LONGEST_NAME else _memory(bytes(raw))


@lru_cache(maxsize=1024)
def _memory(raw: bytes) -> int | None:
    """Return a memory; None if it is unknown, for which AMD's driver writes 0."""
    value = _quantity(msgspec.Raw(raw))
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
