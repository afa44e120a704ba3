"""The kinds of devices: the JSON that equal devices share, which is read once."""

import contextlib
from collections.abc import Mapping
from functools import lru_cache
from sys import intern

import msgspec

from lens.model.gpu.device_ids import pci_bus_id
from lens.model.inventory.objects.device import Consumption, Counters, Kind
from lens.model.inventory.objects.taint_rule import read_taint
from lens.model.k8s import quantity
from lens.model.k8s.bounds import (
    LONGEST_NAME,
    MAX_CAPACITIES,
    MAX_CONSUMPTIONS,
    MAX_COUNTERS,
    MAX_DEVICE_TAINTS,
    few,
    short,
)
from lens.model.k8s.dra.devices import (
    Attribute,
    CapacityManifest,
    ConsumptionManifest,
    DeviceTaintManifest,
    KnownAttributes,
)
from lens.model.k8s.dra.entries import read_list, read_map, read_or_none
from lens.model.k8s.quantity import Exact
from lens.model.k8s.taints import REPELLING_EFFECTS, Taint

MAX_COUNTER_BYTES = 16 * 1024
"""Bytes of the counters of one set or one device."""

_PARTS = ("mig", "partition")
"""Words in the types of devices that are parts of GPUs: ``mig``, ``amdgpu-partition``."""


_attribute = msgspec.json.Decoder(Attribute)
_attributes = msgspec.json.Decoder(KnownAttributes)
_capacity = msgspec.json.Decoder(CapacityManifest | str | int | float)
_consumption = msgspec.json.Decoder(ConsumptionManifest)
_taint = msgspec.json.Decoder(DeviceTaintManifest)


_FIELDS = {field.encode_name: field for field in msgspec.structs.fields(KnownAttributes)}


def read_kind(
    attributes: bytes, capacity: bytes, consumes: bytes, taints: bytes, shareable: bool, driver: str
) -> tuple[Kind, str | None, str | None]:
    """Return a kind, and the device's uuid and its parent's. Raise ValueError for what can't be read."""
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


shared_kind = lru_cache(maxsize=4096)(read_kind)


def _known_attributes(raw: bytes, driver: str) -> KnownAttributes:
    """Return a device's attributes without invalid ones."""
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
    """Return a text, as one object for all devices that have it."""
    text = None if value is None else value.string or value.version
    return text and intern(short(text))


def device_name(text: str) -> str:
    """Return a name, as one object for all that have it. Raise ValueError if it is missing or too long."""
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
    return few(found, MAX_CAPACITIES)


def _consumes(raw: msgspec.Raw) -> tuple[Consumption, ...]:
    entries = read_list(raw)
    if len(entries) > MAX_CONSUMPTIONS:
        raise ValueError(f"{len(entries)} counter sets where {MAX_CONSUMPTIONS} are the most")
    found: list[Consumption] = []
    for entry in entries:
        each = _consumption.decode(entry)
        found.append(Consumption(device_name(each.counter_set), read_counters(each.counters)))
    return tuple(found)


def _taints(raw: msgspec.Raw) -> tuple[Taint, ...]:
    """Return the taints; of too many, first those that repel.

    Raise ValueError for an invalid one: it may repel.
    """
    taints = [read_taint(_taint.decode(entry)) for entry in read_list(raw)]
    if len(taints) > MAX_DEVICE_TAINTS:
        taints.sort(key=lambda taint: taint.effect not in REPELLING_EFFECTS)
    return few(taints, MAX_DEVICE_TAINTS)


def read_counters(raw: msgspec.Raw) -> Counters:
    """Return amounts of counters. Raise ValueError for what can't be read."""
    # Kept as a key of a cache. The apiserver's own bounds allow about 5 kB.
    if len(raw) > MAX_COUNTER_BYTES:
        raise ValueError(f"{len(raw)} bytes of counters")
    return _counters(bytes(raw))


@lru_cache(maxsize=4096)
def _counters(raw: bytes) -> Counters:
    """Return amounts of counters. Most partitions of one profile have the same, and share the value."""
    entries = read_map(msgspec.Raw(raw))
    if len(entries) > MAX_COUNTERS:
        raise ValueError(f"{len(entries)} counters where {MAX_COUNTERS} are the most")
    found: list[tuple[str, Exact]] = []
    for name, value in sorted(entries.items()):
        amount = _quantity(value)
        if amount is None:
            raise ValueError(f"counter {name:.80}: no quantity")
        exact = quantity.parse(amount)
        found.append((device_name(name), exact.numerator if exact.denominator == 1 else exact))
    return tuple(found)
