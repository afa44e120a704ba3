"""The nodes that a Lens counts: those with some labels, if several Lenses share a cluster."""

import re
from collections.abc import Iterable, Mapping
from typing import Self

import msgspec

_REQUIREMENT = re.compile(
    r"(?P<absent>!?)(?P<key>([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)"
    r"((?P<differs>!?)={1,2}(?P<value>([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?))?"
)


class LabelRequirement(msgspec.Struct, frozen=True):
    """A requirement for one label of a node. Without a ``value`` it exists, or with ``negated`` it doesn't.

    With a value and ``negated`` it has another value, or isn't there.
    """

    key: str
    value: str | None
    negated: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take ``key=value``, ``key!=value``, ``key`` or ``!key``, as kubectl does. Raise ValueError."""
        match = _REQUIREMENT.fullmatch(text)
        if match is None or (match["absent"] and match["value"] is not None):
            raise ValueError(f"{text!r} is not name=value, name!=value, name or !name")
        return cls(match["key"], match["value"], bool(match["absent"] or match["differs"]))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels meet it."""
        found = labels.get(self.key)
        return (found is not None if self.value is None else found == self.value) is not self.negated


class NodeSelection(msgspec.Struct, frozen=True):
    """The nodes whose labels meet all ``requirements``: all nodes without any.

    Of Lenses that share a cluster by a label's value, exactly one also counts nodes without the label. It
    counts what is on no node, too, and the pods on nodes that don't exist.
    """

    requirements: tuple[LabelRequirement, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Take the requirements as texts. Raise ValueError, naming the text."""
        return cls(tuple(map(LabelRequirement.parse, texts)))

    def has(self, labels: Mapping[str, str] | None) -> bool:
        """Return whether a node with these labels is one of them."""
        return all(each.matches(labels or {}) for each in self.requirements)

    @property
    def has_unlabelled(self) -> bool:
        """Return whether a node without labels is one of them."""
        return self.has({})


ALL_NODES = NodeSelection()
