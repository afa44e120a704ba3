"""The kinds of devices: the JSON that equal devices share, which is read once."""

from functools import lru_cache
from sys import intern

import msgspec

from lens.model.fit.dra.devices import Attribute, Capacity, CapacityRange, DeviceTaint, Kind
from lens.model.fit.spec.claims import exact
from lens.model.k8s.bounds import (
    LONGEST_NAME,
    MAX_CAPACITIES,
    MAX_CONSUMPTIONS,
    MAX_COUNTERS,
    MAX_DEVICE_TAINTS,
)
from lens.model.k8s.dra.devices import DeviceTaintManifest
from lens.model.k8s.objects import Manifest
from lens.model.k8s.quantity import Exact, Quantity
from lens.model.k8s.taints import REPELLING_EFFECTS

MAX_VALID_VALUES = 10
"""Valid values of a capacity (resource/v1, CapacityRequestPolicyDiscreteMaxOptions)."""

LONGEST_VALUE = 64
"""Characters of an attribute's value (resource/v1, DeviceAttributeMaxValueLength)."""


class _AttributeManifest(Manifest):
    string: str | None = None
    version: str | None = None
    number: int | None = msgspec.field(default=None, name="int")
    true: bool | None = msgspec.field(default=None, name="bool")


class _RangeManifest(Manifest):
    min: Quantity | None = None
    max: Quantity | None = None
    step: Quantity | None = None


class _PolicyManifest(Manifest):
    default: Quantity | None = None
    valid_range: _RangeManifest | None = None
    valid_values: list[Quantity] | None = None


class _CapacityManifest(Manifest):
    value: Quantity
    request_policy: _PolicyManifest | None = None


class CounterManifest(Manifest):
    """A counter's amount."""

    value: Quantity


class _ConsumptionManifest(Manifest):
    counter_set: str = ""
    counters: dict[str, CounterManifest | Quantity] | None = None
    compatibility_groups: list[msgspec.Raw] | None = None


_attributes = msgspec.json.Decoder(dict[str, _AttributeManifest] | None).decode
_capacity_map = msgspec.json.Decoder(dict[str, _CapacityManifest | Quantity] | None).decode
_consumptions = msgspec.json.Decoder(list[_ConsumptionManifest] | None).decode
_taints = msgspec.json.Decoder(list[DeviceTaintManifest] | None).decode


def read_kind(
    attributes: bytes,
    capacity: bytes,
    consumes: bytes,
    taints: bytes,
    shareable: bool,
    binds: bool,
    conditions: bool,
) -> Kind:
    """Return a kind of its JSON. Raise ValueError, naming the field, for what can't be read."""
    manifests = (_attributes(attributes) if attributes else None) or {}
    capacities = (_capacity_map(capacity) if capacity else None) or {}
    consumptions = (_consumptions(consumes) if consumes else None) or []
    check_bound(len(manifests), 2 * MAX_CAPACITIES, "attributes")
    check_bound(len(capacities), 2 * MAX_CAPACITIES, "capacity")
    check_bound(len(consumptions), MAX_CONSUMPTIONS, "consumesCounters")
    return Kind(
        tuple([_attribute(name, manifest) for name, manifest in sorted(manifests.items())]),
        tuple([_capacity(name, manifest) for name, manifest in sorted(capacities.items())]),
        tuple([(name_of(each.counter_set), read_counters(each.counters)) for each in consumptions]),
        _repelling(taints) if taints else (),
        groups=any(each.compatibility_groups for each in consumptions),
        shareable=shareable,
        binds=binds,
        conditions=conditions,
    )


shared_kind = lru_cache(maxsize=8192)(read_kind)


def _repelling(raw: bytes) -> tuple[DeviceTaint, ...]:
    taints = _taints(raw) or []
    check_bound(len(taints), MAX_DEVICE_TAINTS, "taints")
    return tuple(
        DeviceTaint(name_of(each.key), name_of(each.value or ""), intern(each.effect))
        for each in taints
        if each.effect in REPELLING_EFFECTS
    )


def _attribute(name: str, manifest: _AttributeManifest) -> Attribute:
    if manifest.string is not None:
        found = Attribute(name_of(name), "string", _value(manifest.string))
    elif manifest.number is not None:
        found = Attribute(name_of(name), "int", manifest.number)
    elif manifest.true is not None:
        found = Attribute(name_of(name), "bool", manifest.true)
    elif manifest.version is not None:
        found = Attribute(name_of(name), "version", _value(manifest.version))
    else:
        found = Attribute(name_of(name), "", "")
    return _share_attribute(found)


def _capacity(name: str, manifest: _CapacityManifest | Quantity) -> Capacity:
    if not isinstance(manifest, _CapacityManifest):
        return _share_capacity(Capacity(name_of(name), exact(manifest)))
    policy = manifest.request_policy
    if policy is None:
        return _share_capacity(Capacity(name_of(name), exact(manifest.value)))
    values, valid = policy.valid_values, policy.valid_range
    check_bound(len(values or ()), MAX_VALID_VALUES, "validValues")
    return _share_capacity(
        Capacity(
            name_of(name),
            exact(manifest.value),
            _optional(policy.default),
            None
            if valid is None
            else CapacityRange(_optional(valid.min), _optional(valid.max), _optional(valid.step)),
            tuple(map(exact, values or ())),
            values is not None,
            True,
        )
    )


def read_counters(counters: dict[str, CounterManifest | Quantity] | None) -> tuple[tuple[str, Exact], ...]:
    """Return amounts by counter, sorted by name."""
    check_bound(len(counters or ()), MAX_COUNTERS, "counters")
    return tuple(
        (name_of(name), exact(each.value if isinstance(each, CounterManifest) else each))
        for name, each in sorted((counters or {}).items())
    )


def _optional(quantity: Quantity | None) -> Exact | None:
    return None if quantity is None else exact(quantity)


@lru_cache(maxsize=8192)
def _share_attribute(attribute: Attribute) -> Attribute:
    return attribute


@lru_cache(maxsize=4096)
def _share_capacity(capacity: Capacity) -> Capacity:
    return capacity


def _value(text: str) -> str:
    # The apiserver's bound; a longer value would make every comparison longer.
    if len(text) > 4 * LONGEST_VALUE:
        raise ValueError(f"a value of {len(text)} characters")
    return text


def name_of(text: str) -> str:
    """Return a name, as one object for all that have it. Raise ValueError for one that is too long."""
    if len(text) > LONGEST_NAME + LONGEST_VALUE + 1:
        raise ValueError(f"a name of {len(text)} characters")
    return intern(text)


def check_bound(count: int, most: int, field: str) -> None:
    """Raise ValueError for a field with more entries than ``most``."""
    if count > most:
        raise ValueError(f"{field}: {count} are more than {most}")
