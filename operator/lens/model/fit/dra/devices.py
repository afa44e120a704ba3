"""Devices as the fit engine reads them: everything that decides about their allocation.

What many devices have is shared: 40,000 devices differ in a name and an identity or two.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from lens.model.fit.spec.node_selectors import NodeSelector
from lens.model.k8s.dra.device_identities import fill, is_placeholder
from lens.model.k8s.quantity import Exact


class Attribute(msgspec.Struct, frozen=True, gc=False):
    """An attribute: of type ``string``, ``int``, ``bool`` or ``version``; else of none that is known."""

    name: str
    type: str
    value: str | int | bool


class CapacityRange(msgspec.Struct, frozen=True, gc=False):
    """The amounts of a capacity that a request may get: from ``min``, in steps, to ``max``."""

    min: Exact | None = None
    max: Exact | None = None
    step: Exact | None = None


class Capacity(msgspec.Struct, frozen=True, gc=False):
    """A capacity and its request policy. A request without an amount gets the ``default``."""

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
        """Return whether it names nodes at all."""
        return bool(self.node) or self.all_nodes or self.selector is not None

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Return whether a node may."""
        if self.node:
            return self.node == name
        return self.all_nodes or (self.selector is not None and self.selector.matches(name, labels))


NO_CHOICE = NodeChoice()


class Kind:
    """What devices share that differ in nothing but their names and identities.

    ``attributes`` have placeholders at those ``places`` where devices have their identities. ``groups`` says
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
        """Take what they share."""
        self.attributes = attributes
        self.places = tuple(
            [
                place
                for place, each in enumerate(attributes)
                if isinstance(each.value, str) and is_placeholder(each.value)
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
            placeholder = attributes[place]
            attributes[place] = Attribute(placeholder.name, placeholder.type, self.identity(placeholder))
        return tuple(attributes)

    def identity(self, placeholder: Attribute) -> str:
        """Return the identity that a placeholder of its kind stands for."""
        return fill(str(placeholder.value), (self.name, self.uuid, self.parent_uuid))

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
        """Return whether it can be allocated several times."""
        return self.kind.shareable
