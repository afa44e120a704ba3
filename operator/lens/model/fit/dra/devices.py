"""ResourceSlices as a fit looks at them: all of a device that decides who may have it.

Attributes that many devices have are shared: 40,000 devices differ in an identity or two.
"""

from collections.abc import Mapping
from functools import lru_cache
from sys import intern
from typing import NamedTuple

import msgspec

from lens.model.fit.spec.claims import exact
from lens.model.fit.spec.node_selectors import (
    NodeAffinityManifest,
    NodeSelector,
    NodeSelectorManifest,
    read_node_selector,
)
from lens.model.inventory.objects.claim import PoolKey
from lens.model.k8s.bounds import (
    LONGEST_NAME,
    MOST_CAPACITIES,
    MOST_CONSUMPTIONS,
    MOST_COUNTER_SETS,
    MOST_COUNTERS,
    MOST_DEVICE_TAINTS,
    MOST_SLICE_DEVICES,
)
from lens.model.k8s.dra_objects import Int64
from lens.model.k8s.objects import Manifest, ObjectMeta
from lens.model.k8s.quantity import Exact, Quantity
from lens.model.k8s.taints import REPELLING_EFFECTS

MOST_VALID_VALUES = 10
"""Valid values of a capacity (resource/v1, CapacityRequestPolicyDiscreteMaxOptions)."""

LONGEST_VALUE = 64
"""Characters of an attribute's value (resource/v1, DeviceAttributeMaxValueLength)."""


class Attribute(msgspec.Struct, frozen=True, gc=False):
    """An attribute: of type ``string``, ``int``, ``bool`` or ``version``; else of none that is known."""

    name: str
    type: str
    value: str | int | bool


class CapacityRange(msgspec.Struct, frozen=True, gc=False):
    """What may be had of a capacity: from ``min``, in steps, to ``max``."""

    min: Exact | None = None
    max: Exact | None = None
    step: Exact | None = None


class Capacity(msgspec.Struct, frozen=True, gc=False):
    """A capacity, and what may be had of it; the ``default`` is had where nothing is asked for."""

    name: str
    value: Exact
    default: Exact | None = None
    range: CapacityRange | None = None
    values: tuple[Exact, ...] = ()
    has_values: bool = False
    has_policy: bool = False


class DeviceTaint(NamedTuple):
    """A taint that keeps claims off a device."""

    key: str
    value: str
    effect: str


Consumption = tuple[str, tuple[tuple[str, Exact], ...]]
"""What a device draws on a counter set: amounts by counter."""


class NodeChoice(msgspec.Struct, frozen=True, gc=False):
    """The nodes that may use devices: one, all, or those that a selector selects; without these none."""

    node: str = ""
    all_nodes: bool = False
    selector: NodeSelector | None = None

    @property
    def is_any(self) -> bool:
        """Tell whether the nodes are told at all."""
        return bool(self.node) or self.all_nodes or self.selector is not None

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Tell whether a node may."""
        if self.node:
            return self.node == name
        return self.all_nodes or (self.selector is not None and self.selector.matches(name, labels))


NO_CHOICE = NodeChoice()


class Device(msgspec.Struct, frozen=True, gc=False):
    """A device. ``nodes`` count where its slice leaves them to each device.

    ``binds`` ties what is allocated with it to one node; with ``conditions`` it is allocated last.
    """

    name: str
    attributes: tuple[Attribute, ...] = ()
    capacities: tuple[Capacity, ...] = ()
    consumes: tuple[Consumption, ...] = ()
    taints: tuple[DeviceTaint, ...] = ()
    nodes: NodeChoice = NO_CHOICE
    shareable: bool = False
    binds: bool = False
    conditions: bool = False


class Slice(msgspec.Struct, frozen=True, gc=False):
    """A ResourceSlice. ``groups`` tells that it has compatibility groups, which keep its pool incomplete."""

    name: str
    driver: str
    pool: str
    generation: int
    count: int
    nodes: NodeChoice
    per_device: bool
    devices: tuple[Device, ...] = ()
    counter_sets: tuple[Consumption, ...] = ()
    groups: bool = False

    @property
    def key(self) -> PoolKey:
        """Return the pool's key."""
        return PoolKey(self.driver, self.pool)


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


class _CounterManifest(Manifest):
    value: Quantity


class _CounterSetManifest(Manifest):
    name: str = ""
    counters: dict[str, _CounterManifest | Quantity] | None = None


class _ConsumptionManifest(Manifest):
    counter_set: str = ""
    counters: dict[str, _CounterManifest | Quantity] | None = None
    compatibility_groups: list[msgspec.Raw] | None = None


class _TaintManifest(Manifest):
    key: str = ""
    value: str | None = None
    effect: str = ""


class _DeviceFields(Manifest):
    attributes: dict[str, _AttributeManifest] | None = None
    capacity: dict[str, _CapacityManifest | Quantity] | None = None
    consumes_counters: list[_ConsumptionManifest] | None = None
    node_name: str | None = None
    node_selector: NodeSelectorManifest | None = None
    all_nodes: bool | None = None
    taints: list[_TaintManifest] | None = None
    binds_to_node: bool | None = None
    binding_conditions: list[str] | None = None
    allow_multiple_allocations: bool | None = None


class _DeviceManifest(_DeviceFields):
    name: str = ""
    basic: _DeviceFields | None = None


class _PoolManifest(Manifest):
    name: str
    generation: Int64 = 0
    resource_slice_count: Int64 = 0


class _SpecManifest(Manifest):
    driver: str
    pool: _PoolManifest
    node_name: str | None = None
    node_selector: NodeSelectorManifest | None = None
    all_nodes: bool | None = None
    per_device_node_selection: bool | None = None
    devices: list[_DeviceManifest] | None = None
    shared_counters: list[_CounterSetManifest] | None = None


class _SliceManifest(Manifest):
    metadata: ObjectMeta
    spec: _SpecManifest


_decode = msgspec.json.Decoder(_SliceManifest).decode


def read_slice(document: bytes) -> Slice:
    """Return a ResourceSlice. Raise ValueError, naming the field, for what can't be read."""
    try:
        manifest = _decode(document)
    except RecursionError:
        raise ValueError("the slice is nested too deep") from None
    spec = manifest.spec
    devices, counter_sets = spec.devices or [], spec.shared_counters or []
    _bound(len(devices), MOST_SLICE_DEVICES, "spec.devices")
    _bound(len(counter_sets), MOST_COUNTER_SETS, "spec.sharedCounters")
    fields = [each.basic or each for each in devices]
    return Slice(
        name=manifest.metadata.name,
        driver=_name(spec.driver),
        pool=_name(spec.pool.name),
        generation=spec.pool.generation,
        count=spec.pool.resource_slice_count,
        nodes=_nodes(spec.node_name, spec.all_nodes, spec.node_selector),
        per_device=bool(spec.per_device_node_selection),
        devices=tuple(_device(each.name, own) for each, own in zip(devices, fields, strict=True)),
        counter_sets=tuple((_name(each.name), _counters(each.counters)) for each in counter_sets),
        groups=any(one.compatibility_groups for each in fields for one in each.consumes_counters or ()),
    )


def _device(name: str, fields: _DeviceFields) -> Device:
    consumes, taints = fields.consumes_counters or [], fields.taints or []
    _bound(len(fields.attributes or ()), 2 * MOST_CAPACITIES, "attributes")
    _bound(len(fields.capacity or ()), 2 * MOST_CAPACITIES, "capacity")
    _bound(len(consumes), MOST_CONSUMPTIONS, "consumesCounters")
    _bound(len(taints), MOST_DEVICE_TAINTS, "taints")
    return Device(
        name=_name(name),
        attributes=tuple(_attribute(key, value) for key, value in sorted((fields.attributes or {}).items())),
        capacities=tuple(_capacity(key, value) for key, value in sorted((fields.capacity or {}).items())),
        consumes=_share_consumptions(
            tuple((_name(each.counter_set), _counters(each.counters)) for each in consumes)
        ),
        taints=tuple(
            DeviceTaint(_name(each.key), _name(each.value or ""), intern(each.effect))
            for each in taints
            if each.effect in REPELLING_EFFECTS
        ),
        nodes=_nodes(fields.node_name, fields.all_nodes, fields.node_selector),
        shareable=bool(fields.allow_multiple_allocations),
        binds=bool(fields.binds_to_node),
        conditions=fields.binding_conditions is not None,
    )


def _nodes(name: str | None, all_nodes: bool | None, selector: NodeSelectorManifest | None) -> NodeChoice:
    if not name and not all_nodes and selector is None:
        return NO_CHOICE
    return _share_nodes(
        NodeChoice(
            _name(name or ""),
            bool(all_nodes),
            None if selector is None else read_node_selector(None, NodeAffinityManifest(selector)),
        )
    )


def _attribute(name: str, manifest: _AttributeManifest) -> Attribute:
    if manifest.string is not None:
        found = Attribute(_name(name), "string", _value(manifest.string))
    elif manifest.number is not None:
        found = Attribute(_name(name), "int", manifest.number)
    elif manifest.true is not None:
        found = Attribute(_name(name), "bool", manifest.true)
    elif manifest.version is not None:
        found = Attribute(_name(name), "version", _value(manifest.version))
    else:
        found = Attribute(_name(name), "", "")
    return _share_attribute(found)


def _capacity(name: str, manifest: _CapacityManifest | Quantity) -> Capacity:
    if not isinstance(manifest, _CapacityManifest):
        return _share_capacity(Capacity(_name(name), exact(manifest)))
    policy = manifest.request_policy
    if policy is None:
        return _share_capacity(Capacity(_name(name), exact(manifest.value)))
    values, valid = policy.valid_values, policy.valid_range
    _bound(len(values or ()), MOST_VALID_VALUES, "validValues")
    return _share_capacity(
        Capacity(
            _name(name),
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


def _counters(counters: dict[str, _CounterManifest | Quantity] | None) -> tuple[tuple[str, Exact], ...]:
    _bound(len(counters or ()), MOST_COUNTERS, "counters")
    return tuple(
        (_name(name), exact(each.value if isinstance(each, _CounterManifest) else each))
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


@lru_cache(maxsize=4096)
def _share_consumptions(consumptions: tuple[Consumption, ...]) -> tuple[Consumption, ...]:
    return consumptions


@lru_cache(maxsize=1024)
def _share_nodes(nodes: NodeChoice) -> NodeChoice:
    return nodes


def _value(text: str) -> str:
    # The apiserver's bound; what is longer would make every look at it longer.
    if len(text) > 4 * LONGEST_VALUE:
        raise ValueError(f"a value of {len(text)} characters")
    return text


def _name(text: str) -> str:
    if len(text) > LONGEST_NAME + LONGEST_VALUE + 1:
        raise ValueError(f"a name of {len(text)} characters")
    return intern(text)


def _bound(count: int, most: int, field: str) -> None:
    if count > most:
        raise ValueError(f"{field}: {count} are more than {most}")
