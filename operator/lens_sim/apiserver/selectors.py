"""Label and field selectors, as list and watch requests carry them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lens_sim.objects.resources import Resource
from lens_sim.objects.store import Revision

_KEY = r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?"
_EXISTS = re.compile(rf"(?P<absent>!?)\s*(?P<key>{_KEY})")
_EQUALS = re.compile(rf"(?P<key>{_KEY})\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s=!,()]*)")
_IN = re.compile(rf"(?P<key>{_KEY})\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_COMMA_OUTSIDE_PARENTHESES = re.compile(r",(?![^(]*\))")


class SelectorError(ValueError):
    """The selector can't be parsed, or names a field that the resource does not offer."""


@dataclass(frozen=True)
class Requirement:
    """One condition on a label or field: its value is (or with `negated` is not) one of `values`.

    `values` None means any value: the key exists. An absent key satisfies the negated forms.
    """

    key: str
    values: frozenset[str] | None
    negated: bool = False

    def holds(self, of: Mapping[str, str]) -> bool:
        """Return whether a set of labels or fields satisfies the requirement."""
        value = of.get(self.key)
        found = value is not None and (self.values is None or value in self.values)
        return found is not self.negated


@dataclass(frozen=True)
class Selector:
    """The requirements of one request; all must hold."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()

    @property
    def everything(self) -> bool:
        """Return whether nothing is required."""
        return not self.labels and not self.fields

    def matches(self, revision: Revision) -> bool:
        """Return whether a version of an object is selected."""
        return all(requirement.holds(revision.labels) for requirement in self.labels) and all(
            requirement.holds(revision.fields) for requirement in self.fields
        )


def label_requirements(text: str) -> tuple[Requirement, ...]:
    """Parse a labelSelector: `a=b`, `a!=b`, `a in (b, c)`, `a notin (b)`, `a`, `!a`; SelectorError."""
    return tuple(_label(term.strip()) for term in _COMMA_OUTSIDE_PARENTHESES.split(text)) if text else ()


def field_requirements(text: str, resource: Resource) -> tuple[Requirement, ...]:
    """Parse a fieldSelector: `a=b`, `a==b`, `a!=b`; SelectorError."""
    found = []
    for term in text.split(",") if text else ():
        match = _EQUALS.fullmatch(term)
        if match is None:
            raise SelectorError(f'invalid selector: "{text}"; can\'t understand "{term}"')
        if match["key"] not in resource.fields:
            raise SelectorError(f"field label not supported: {match['key']}")
        found.append(_equality(match))
    return tuple(found)


def _label(term: str) -> Requirement:
    if match := _IN.fullmatch(term):
        values = frozenset(value.strip() for value in match["values"].split(","))
        return Requirement(match["key"], values, negated=match["operator"] == "notin")
    if match := _EQUALS.fullmatch(term):
        return _equality(match)
    if match := _EXISTS.fullmatch(term):
        return Requirement(match["key"], None, negated=bool(match["absent"]))
    raise SelectorError(f'unable to parse requirement: "{term}"')


def _equality(match: re.Match[str]) -> Requirement:
    return Requirement(match["key"], frozenset([match["value"]]), negated=match["operator"] == "!=")
