"""Which devices match selectors in CEL. Each is evaluated once for devices with equal values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lens.model.fit.dra.cel import quantities
from lens.model.fit.dra.cel.functions import SEMVER, semver
from lens.model.fit.dra.cel.library import MAX_NAMES, EvaluationError, Program, Verdicts, compiled
from lens.model.fit.dra.cel.tokens import UnsupportedError
from lens.model.fit.dra.devices import Attribute, Capacity, Device, Kind

_verdicts = Verdicts()


def matches(expression: str, device: Device, driver: str) -> bool:
    """Return whether a device matches a selector.

    Raise EvaluationError where kube-scheduler has CEL's error, UnsupportedError where the result is unknown.
    """
    program = compiled(expression)
    if isinstance(program, UnsupportedError):
        raise program
    values = _values_read(program, device)
    key = driver, device.shareable, *map(id, values)
    known = program.verdicts.get(key)
    if known is None:
        verdict: bool | EvaluationError | UnsupportedError
        try:
            versions = {_id(each.name) for each in device.attributes if each.type == "version"}
            others = {_id(each.name) for each in device.attributes if each.type != "version"}
            verdict = program.evaluate(_values(program, device, driver), versions, others)
        except (EvaluationError, UnsupportedError) as error:
            verdict = error
        # The values are kept, so that no other object gets their ids.
        known = verdict, values
        _verdicts.keep(program, key, known)
    verdict = known[0]
    if isinstance(verdict, Exception):
        raise verdict
    return verdict


def looks_at(expression: str, names: Iterable[str]) -> bool:
    """Return whether a selector may read attributes with such names, whatever their domain."""
    program = compiled(expression)
    if isinstance(program, UnsupportedError):
        return False
    return not program.names_only or any(name in program.expression for name in names)


def _values_read(program: Program, device: Device) -> Sequence[object]:
    """Return what a program reads of a device; values that many devices have are one object."""
    kind = device.kind
    if not program.names_only:
        return (*kind.attributes, *map(device.identity, _placeholders(kind)), *kind.capacities)
    named = program.named
    # A value that can't be read is an error in every selector that reads it.
    values: list[object] = [
        each
        for each in kind.attributes
        if (named[each.name] if each.name in named else _is_named(program, each.name)) or each.type == ""
    ]
    values += [device.identity(each) for each in _placeholders(kind) if _is_named(program, each.name)]
    values += [
        each
        for each in kind.capacities
        if (named[each.name] if each.name in named else _is_named(program, each.name))
    ]
    return values


def _placeholders(kind: Kind) -> list[Attribute]:
    return [kind.attributes[place] for place in kind.places]


def _is_named(program: Program, name: str) -> bool:
    if len(program.named) >= MAX_NAMES:
        program.named.clear()
    found = program.named[name] = _id(name) in program.expression
    return found


def _id(name: str) -> str:
    return name.rpartition("/")[2]


def _values(program: Program, device: Device, driver: str) -> Mapping[str, Any]:
    """Return a device as expressions see it. Raise EvaluationError for a value that can't be read."""
    attributes: dict[str, dict[str, Any]] = {}
    capacities: dict[str, dict[str, Any]] = {}
    for attribute in device.attributes:
        domain, _, name = attribute.name.rpartition("/")
        attributes.setdefault(domain or driver, {})[name] = _value(attribute)
    for capacity in device.capacities:
        domain, _, name = capacity.name.rpartition("/")
        capacities.setdefault(domain or driver, {})[name] = _quantity(program, capacity)
    return {
        "device.driver": driver,
        "device.allowMultipleAllocations": device.shareable,
        "device.attributes": attributes,
        "device.capacity": capacities,
    }


def _value(attribute: Attribute) -> Any:
    if attribute.type == "":
        raise EvaluationError(f"attribute {attribute.name}: unsupported attribute value")
    if attribute.type != "version":
        return attribute.value
    try:
        return {SEMVER: semver(str(attribute.value))[SEMVER]}
    except ValueError as error:
        raise EvaluationError(f"attribute {attribute.name}: parse semantic version: {error}") from None


def _quantity(program: Program, capacity: Capacity) -> Mapping[str, str]:
    try:
        return quantities.capacity(capacity.value, integers=program.integers)
    except ValueError as error:
        raise UnsupportedError(f"capacity {capacity.name}: {error}") from None
