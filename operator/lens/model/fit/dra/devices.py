"""ResourceSlices as a fit looks at them: all of a device that decides who may have it.

What many devices have is shared: 40,000 devices differ in a name and an identity or two.
"""

from collections.abc import Mapping
from functools import cached_property, lru_cache
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
from lens.model.k8s.dra.device_identities import Identities, is_mark, told
from lens.model.k8s.dra.objects import MOST_SHARED_BYTES, DeviceFields
from lens.model.k8s.dra.slices import DeviceTemplate, ListTemplate, SliceManifest, SliceSpec
from lens.model.k8s.objects import Manifest
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


class Kind:
    """What devices have in common that differ in nothing but their names and identities.

    ``attributes`` have marks at those ``places`` where the devices have their identities. ``groups`` tells
    that they have compatibility groups. ``binds`` ties what is allocated with them to one node; with
    ``conditions`` they are allocated last. Devices have one object in common, and others have other ones, or
    perhaps an equal one.
    """

    __slots__ = (
        "attributes",
        "binds",
        "capacities",
        "conditions",
        "consumes",
        "groups",
        "places",
        "shareable",
        "taints",
    )

    def __init__(
        self,
        attributes: tuple[Attribute, ...] = (),
        capacities: tuple[Capacity, ...] = (),
        consumes: tuple[Consumption, ...] = (),
        taints: tuple[DeviceTaint, ...] = (),
        *,
        groups: bool = False,
        shareable: bool = False,
        binds: bool = False,
        conditions: bool = False,
    ) -> None:
        """Take what they have in common."""
        self.attributes = attributes
        self.places = tuple(
            [
                place
                for place, each in enumerate(attributes)
                if isinstance(each.value, str) and is_mark(each.value)
            ]
        )
        self.capacities = capacities
        self.consumes = consumes
        self.taints = taints
        self.groups = groups
        self.shareable = shareable
        self.binds = binds
        self.conditions = conditions


class Device(msgspec.Struct, frozen=True, gc=False):
    """A device. ``nodes`` count where its slice leaves them to each device.

    ``kind`` is what it has in common with others. It has no more of its own than these, since there are many.
    """

    name: str
    kind: Kind
    uuid: str = ""
    parent_uuid: str = ""
    nodes: NodeChoice = NO_CHOICE

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Return its attributes, sorted by name."""
        kind = self.kind
        if not kind.places:
            return kind.attributes
        attributes = list(kind.attributes)
        for place in kind.places:
            mark = attributes[place]
            attributes[place] = Attribute(mark.name, mark.type, self.identity(mark))
        return tuple(attributes)

    def identity(self, mark: Attribute) -> str:
        """Return the identity that an attribute of its kind stands for."""
        return told(str(mark.value), (self.name, self.uuid, self.parent_uuid))

    @property
    def capacities(self) -> tuple[Capacity, ...]:
        """Return its capacities."""
        return self.kind.capacities

    @property
    def consumes(self) -> tuple[Consumption, ...]:
        """Return what it draws on counter sets."""
        return self.kind.consumes

    @property
    def taints(self) -> tuple[DeviceTaint, ...]:
        """Return its taints that repel."""
        return self.kind.taints

    @property
    def shareable(self) -> bool:
        """Tell whether it can be allocated several times."""
        return self.kind.shareable


KindAt = tuple[Kind, NodeChoice]
"""What devices have in common, and the nodes of those that their slice leaves them to."""


class Slice(msgspec.Struct, frozen=True, weakref=True, dict=True):
    """A ResourceSlice. ``groups`` tells that it has compatibility groups, which keep its pool incomplete.

    Its devices are of the ``kinds``, which slices that are alike share, and have what is their ``own``.
    """

    name: str
    driver: str
    pool: str
    generation: int
    count: int
    nodes: NodeChoice
    per_device: bool
    kinds: tuple[KindAt, ...] = ()
    own: tuple[Identities, ...] = ()
    counter_sets: tuple[Consumption, ...] = ()
    groups: bool = False

    @property
    def key(self) -> PoolKey:
        """Return the pool's key."""
        return PoolKey(self.driver, self.pool)

    @cached_property
    def devices(self) -> tuple[Device, ...]:
        """The devices. Of most slices nobody asks for them: there are others of the same kinds."""
        return tuple(
            [
                Device(name, kind, uuid, parent_uuid, nodes)
                for (kind, nodes), (name, uuid, parent_uuid) in zip(self.kinds, self.own, strict=True)
            ]
        )


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


_attributes = msgspec.json.Decoder(dict[str, _AttributeManifest] | None).decode
_capacity_map = msgspec.json.Decoder(dict[str, _CapacityManifest | Quantity] | None).decode
_consumptions = msgspec.json.Decoder(list[_ConsumptionManifest] | None).decode
_counter_sets = msgspec.json.Decoder(list[_CounterSetManifest] | None).decode
_taints = msgspec.json.Decoder(list[_TaintManifest] | None).decode
_selector = msgspec.json.Decoder(NodeSelectorManifest | None).decode
_flag = msgspec.json.Decoder(bool | None).decode
_conditions = msgspec.json.Decoder(list[str] | None).decode
_manifest = msgspec.json.Decoder(SliceManifest).decode


def read_slice(document: bytes) -> Slice:
    """Return a ResourceSlice. Raise ValueError, naming the field, for what can't be read."""
    try:
        return slice_of(_manifest(document))
    except RecursionError:
        raise ValueError("the slice is nested too deep") from None


def slice_of(manifest: SliceManifest) -> Slice:
    """Return a ResourceSlice. Raise ValueError or RecursionError for what can't be read."""
    spec = manifest.spec
    read = spec.read_devices
    counter_sets = (_counter_sets(spec.shared_counters) if spec.shared_counters else None) or []
    _bound(read.number, MOST_SLICE_DEVICES, "spec.devices")
    _bound(len(counter_sets), MOST_COUNTER_SETS, "spec.sharedCounters")
    for name, _, _ in read.own:
        _name(name)
    kinds = (_shared_list if read.template.shared else _read_list)(read.template)
    return Slice(
        name=manifest.metadata.name,
        driver=_name(spec.driver),
        pool=_name(spec.pool.name),
        generation=spec.pool.generation,
        count=spec.pool.resource_slice_count,
        nodes=_nodes(spec),
        per_device=bool(spec.per_device_node_selection),
        kinds=kinds,
        own=read.own,
        counter_sets=tuple((_name(each.name), _counters(each.counters)) for each in counter_sets),
        groups=any([kind.groups for kind, _ in kinds]),  # noqa: C419
    )


def _read_list(template: ListTemplate) -> tuple[KindAt, ...]:
    return tuple([(_of_template if each.shared else _read_template)(each) for each in template.devices])


_shared_list = lru_cache(maxsize=256)(_read_list)


def _read_template(template: DeviceTemplate) -> KindAt:
    if template.problem is not None:
        raise ValueError(template.problem)
    fields = template.fields
    conditions = fields.binding_conditions
    raw = fields.of_kind
    kind = (_shared_kind if sum(map(len, raw)) <= MOST_SHARED_BYTES else _read_kind)(
        *raw,
        bool(fields.allow_multiple_allocations),
        bool(fields.binds_to_node and _flag(fields.binds_to_node)),
        bool(conditions) and _conditions(conditions) is not None,
    )
    return kind, _nodes(fields)


_of_template = lru_cache(maxsize=4096)(_read_template)


def _read_kind(
    attributes: bytes,
    capacity: bytes,
    consumes: bytes,
    taints: bytes,
    shareable: bool,
    binds: bool,
    conditions: bool,
) -> Kind:
    manifests = (_attributes(attributes) if attributes else None) or {}
    capacities = (_capacity_map(capacity) if capacity else None) or {}
    consumptions = (_consumptions(consumes) if consumes else None) or []
    _bound(len(manifests), 2 * MOST_CAPACITIES, "attributes")
    _bound(len(capacities), 2 * MOST_CAPACITIES, "capacity")
    _bound(len(consumptions), MOST_CONSUMPTIONS, "consumesCounters")
    return Kind(
        tuple([_attribute(name, manifest) for name, manifest in sorted(manifests.items())]),
        tuple([_capacity(name, manifest) for name, manifest in sorted(capacities.items())]),
        tuple([(_name(each.counter_set), _counters(each.counters)) for each in consumptions]),
        _repelling(taints) if taints else (),
        groups=any(each.compatibility_groups for each in consumptions),
        shareable=shareable,
        binds=binds,
        conditions=conditions,
    )


_shared_kind = lru_cache(maxsize=8192)(_read_kind)


def _repelling(raw: bytes) -> tuple[DeviceTaint, ...]:
    taints = _taints(raw) or []
    _bound(len(taints), MOST_DEVICE_TAINTS, "taints")
    return tuple(
        DeviceTaint(_name(each.key), _name(each.value or ""), intern(each.effect))
        for each in taints
        if each.effect in REPELLING_EFFECTS
    )


def _nodes(fields: SliceSpec | DeviceFields) -> NodeChoice:
    selector = _selector(fields.node_selector) if fields.node_selector else None
    all_nodes = bool(fields.all_nodes and _flag(fields.all_nodes))
    if not fields.node_name and not all_nodes and selector is None:
        return NO_CHOICE
    return _share_nodes(
        NodeChoice(
            _name(fields.node_name or ""),
            all_nodes,
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
