"""Label selectors and the requirements that they are made of.

Source: k8s.io/apimachinery, ``labels.Requirement`` and ``LabelSelectorAsSelector``.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from lens.model.fit.spec.labels import UNKNOWN_LABELS, FlatLabels, unflatten
from lens.model.k8s.bounds import MAX_REQUIREMENTS, MAX_VALUES
from lens.model.k8s.objects import Manifest

Labels = Mapping[str, str]

SET_OPERATORS = frozenset({"In", "NotIn", "Exists", "DoesNotExist"})
"""The operators of a label selector; a node's affinity has ``Gt`` and ``Lt`` too."""

_SEGMENT = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)"
_DOMAIN = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*"
_KEY = re.compile(rf"(?:(?=.{{1,253}}/){_DOMAIN}/)?{_SEGMENT}", re.ASCII)
_VALUE = re.compile(rf"{_SEGMENT}?", re.ASCII)
_INTEGER = re.compile(r"[+-]?[0-9]{1,30}", re.ASCII)


class UnparsableError(ValueError):
    """A term can't be parsed. In Kubernetes such a term selects nothing.

    What is only more than a bound of Lens' is a plain ValueError.
    """


class RequirementManifest(Manifest):
    """An entry of ``matchExpressions`` or ``matchFields``."""

    key: str = ""
    operator: str = ""
    values: list[str] | None = None


class SelectorManifest(Manifest):
    """A LabelSelector (meta/v1)."""

    match_labels: dict[str, str] | None = None
    match_expressions: list[RequirementManifest] | None = None


class Requirement(msgspec.Struct, frozen=True, gc=False):
    """What one label has to be. ``number`` is the value of ``Gt`` and ``Lt``."""

    key: str
    operator: str
    values: tuple[str, ...] = ()
    number: int = 0

    def matches(self, labels: Labels) -> bool:
        """Return whether labels are as required."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value is not None and value in self.values
            case "NotIn":
                return value is None or value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
        number = None if value is None else integer(value)
        if number is None:
            return False
        return number > self.number if self.operator == "Gt" else number < self.number


class Selector(msgspec.Struct, frozen=True, gc=False):
    """Requirements that all have to be met. Without any it selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Labels) -> bool:
        """Return whether the labels are selected."""
        return all(requirement.matches(labels) for requirement in self.requirements)

    def matches_flat(self, labels: FlatLabels) -> bool:
        """Return whether labels in a flat tuple are selected. Most aren't, which the first comparison shows.

        Of UNKNOWN_LABELS it is known only if it selects everything; else it selects them not.
        """
        if labels is UNKNOWN_LABELS:
            return not self.requirements
        for requirement in self.requirements:
            if requirement.operator == "In":
                if not any(value in labels for value in requirement.values):
                    return False
            elif requirement.operator == "Exists" and requirement.key not in labels:
                return False
        return self.matches(unflatten(labels))

    def and_in(self, values: Labels) -> "Selector":
        """Return a selector that also requires these values."""
        more = tuple(Requirement(key, "In", (value,)) for key, value in values.items())
        return Selector((*more, *self.requirements)) if more else self


def integer(text: str) -> int | None:
    """Return a 64-bit integer as Go parses one, or None."""
    if _INTEGER.fullmatch(text) is None:
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def read_requirement(manifest: RequirementManifest, operators: frozenset[str]) -> Requirement:
    """Return a requirement. Raise UnparsableError for an invalid one, ValueError for too many values."""
    key, operator, values = manifest.key, manifest.operator, manifest.values or []
    if operator not in operators:
        raise UnparsableError(f"operator: {operator!r:.80} is none of {', '.join(sorted(operators))}")
    if len(values) > MAX_VALUES:
        raise ValueError(f"values: {len(values)} are more than {MAX_VALUES}")
    if _KEY.fullmatch(key) is None:
        raise UnparsableError(f"key: {key!r:.80} is no label's")
    if operator in ("In", "NotIn") and not values:
        raise UnparsableError(f"values: {operator} needs one")
    if operator in ("Exists", "DoesNotExist") and values:
        raise UnparsableError(f"values: {operator} takes none")
    for value in values:
        if _VALUE.fullmatch(value) is None:
            raise UnparsableError(f"values: {value!r:.80} is no label's")
    number = 0
    if operator in ("Gt", "Lt"):
        parsed = integer(values[0]) if len(values) == 1 else None
        if parsed is None:
            raise UnparsableError(f"values: {operator} needs one integer")
        number = parsed
    return Requirement(key, operator, tuple(values), number)


def read_selector(manifest: SelectorManifest | None) -> Selector | None:
    """Return a label selector; None, which selects nothing, for None.

    Raise UnparsableError, naming the field, for one that is none, ValueError for too much.
    """
    if manifest is None:
        return None
    labels = manifest.match_labels or {}
    expressions: Sequence[RequirementManifest] = manifest.match_expressions or []
    if len(labels) + len(expressions) > MAX_REQUIREMENTS:
        raise ValueError(f"{len(labels) + len(expressions)} requirements are more than {MAX_REQUIREMENTS}")
    requirements = []
    for key, value in labels.items():
        one = RequirementManifest(key, "In", [value])
        requirements.append(_in_field("matchLabels", one))
    for index, each in enumerate(expressions):
        requirements.append(_in_field(f"matchExpressions[{index}]", each))
    return Selector(tuple(requirements))


def _in_field(field: str, manifest: RequirementManifest) -> Requirement:
    try:
        return read_requirement(manifest, SET_OPERATORS)
    except ValueError as error:
        raise type(error)(f"{field}.{error}") from None
