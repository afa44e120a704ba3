"""What a ResourceClaim asks for: requests for devices, and constraints among the devices that they get.

It reads every version of resource.k8s.io. A request has its fields in ``exactly`` since v1beta2.
"""

from collections.abc import Callable
from functools import lru_cache
from sys import intern
from typing import Literal

import msgspec

from lens.model.k8s.bounds import (
    LONGEST_NAME,
    LONGEST_RESOURCE,
    MAX_ALTERNATIVES,
    MAX_CAPACITIES,
    MAX_CLAIM_DEVICES,
)
from lens.model.k8s.decoder import decoder
from lens.model.k8s.objects import Manifest
from lens.model.k8s.quantity import Exact, Quantity, parse

MAX_SELECTORS = 32
"""Selectors of a class or a request (resource/v1, DeviceSelectorsMaxSize)."""

MAX_CONSTRAINTS = 32
"""Constraints of a claim (resource/v1, DeviceConstraintsMaxSize)."""

MAX_TOLERATIONS = 16
"""Tolerations of a request (resource/v1, DeviceTolerationsMaxLength)."""

MAX_SPEC_BYTES = 2**16
"""Bytes of a claim's spec in JSON that are kept to be compared with others."""

EXACT, ALL = "ExactCount", "All"
"""How many devices a request is for: a number of them, or all that match."""

ConstraintKind = Literal["match", "distinct"]


class DeviceToleration(msgspec.Struct, frozen=True, gc=False):
    """A toleration of devices' taints."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""

    def tolerates(self, key: str, value: str, effect: str) -> bool:
        """Return whether a taint is tolerated."""
        if self.effect not in ("", effect) or self.key not in ("", key):
            return False
        return self.operator == "Exists" or (self.operator in ("", "Equal") and self.value == value)


class SubRequest(msgspec.Struct, frozen=True, gc=False):
    """A ``count`` of devices of a class that match all selectors, with at least the ``capacities`` of each.

    ``refusal`` is kube-scheduler's error for a request that it doesn't support.
    """

    name: str
    device_class: str
    selectors: tuple[str, ...] = ()
    mode: str = EXACT
    count: int = 1
    admin_access: bool = False
    tolerations: tuple[DeviceToleration, ...] = ()
    capacities: tuple[tuple[str, Exact], ...] = ()
    refusal: str | None = None


class DeviceRequest(msgspec.Struct, frozen=True, gc=False):
    """A request: the first of its ``alternatives`` that can be allocated; a list is ``firstAvailable``."""

    name: str
    alternatives: tuple[SubRequest, ...]
    is_list: bool = False


class Constraint(msgspec.Struct, frozen=True, gc=False):
    """The devices of some requests, or of all, have the same value of an attribute, or different ones."""

    kind: ConstraintKind
    attribute: str
    requests: frozenset[str] = frozenset()

    def concerns(self, request: str, alternative: str) -> bool:
        """Return whether a request's devices are meant."""
        return (
            not self.requests
            or request in self.requests
            or (alternative != "" and f"{request}/{alternative}" in self.requests)
        )


class ClaimSpec(msgspec.Struct, frozen=True, gc=False):
    """What a claim asks for. ``empty_constraint`` is the index of a constraint of no known kind."""

    requests: tuple[DeviceRequest, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    empty_constraint: int | None = None


class AskedClaim(msgspec.Struct, frozen=True, gc=False):
    """A claim of a pod: the ResourceClaim ``claim``, or one that is made of a ``template`` for each pod.

    ``spec`` is what it asks for where it doesn't exist yet. A pod that has to have its own claim says whose
    it is: ``owner`` is its uid. ``missing`` is why there is none.
    """

    name: str
    claim: str = ""
    template: str = ""
    spec: ClaimSpec | None = None
    owner: str | None = None
    missing: str | None = None


class _CelManifest(Manifest):
    expression: str = ""


class SelectorManifest(Manifest):
    """A DeviceSelector."""

    cel: _CelManifest | None = None


class _CapacityManifest(Manifest):
    requests: dict[str, Quantity] | None = None


class _TolerationManifest(Manifest):
    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None


class _ExactManifest(Manifest):
    name: str = ""
    device_class_name: str = ""
    selectors: list[SelectorManifest] | None = None
    allocation_mode: str = ""
    count: int | None = None
    admin_access: bool | None = None
    tolerations: list[_TolerationManifest] | None = None
    capacity: _CapacityManifest | None = None
    derived_attributes: list[msgspec.Raw] | None = None


class _RequestManifest(_ExactManifest):
    exactly: _ExactManifest | None = None
    first_available: list[_ExactManifest] | None = None


class _ConstraintManifest(Manifest):
    requests: list[str] | None = None
    match_attribute: str | None = None
    distinct_attribute: str | None = None


class _DevicesManifest(Manifest):
    requests: list[_RequestManifest] | None = None
    constraints: list[_ConstraintManifest] | None = None


class _SpecManifest(Manifest):
    devices: _DevicesManifest | None = None


_decode: Callable[[bytes], _SpecManifest | None] = decoder(_SpecManifest | None, "spec: it")  # type: ignore[arg-type]


def read_claim_spec(raw: bytes) -> ClaimSpec:
    """Return what a claim's ``spec``, in JSON, asks for. Raise ValueError, naming the field."""
    # The claims of one template ask for the same, and share the value.
    return (_shared if len(raw) <= MAX_SPEC_BYTES else _read)(raw)


def _read(raw: bytes) -> ClaimSpec:
    devices = ((_decode(raw) if raw else None) or _SpecManifest()).devices or _DevicesManifest()
    requests, constraints = devices.requests or [], devices.constraints or []
    _bound(requests, MAX_CLAIM_DEVICES, "requests")
    _bound(constraints, MAX_CONSTRAINTS, "constraints")
    empty = next(
        (
            index
            for index, each in enumerate(constraints)
            if each.match_attribute is None and each.distinct_attribute is None
        ),
        None,
    )
    return ClaimSpec(
        tuple(map(_request, requests)), tuple(map(_constraint, constraints)) if empty is None else (), empty
    )


_shared = lru_cache(maxsize=1024)(_read)


def _request(each: _RequestManifest) -> DeviceRequest:
    if each.first_available:
        _bound(each.first_available, MAX_ALTERNATIVES, "firstAvailable")
        return DeviceRequest(_name(each.name), tuple(map(_alternative, each.first_available)), is_list=True)
    exact = _alternative(each.exactly if each.exactly is not None else each)
    return DeviceRequest(_name(each.name), (msgspec.structs.replace(exact, name=_name(each.name)),))


def _alternative(each: _ExactManifest) -> SubRequest:
    _bound(each.tolerations, MAX_TOLERATIONS, "tolerations")
    capacities = (each.capacity.requests if each.capacity is not None else None) or {}
    _bound(capacities, MAX_CAPACITIES, "capacity.requests")
    selectors = read_selectors(each.selectors)
    refusal = None
    if each.derived_attributes:
        refusal = "cannot handle request with derived attributes, the feature is disabled"
    elif each.allocation_mode not in ("", EXACT, ALL):
        refusal = f"unsupported count mode {_name(each.allocation_mode)}"
    return SubRequest(
        name=_name(each.name),
        device_class=_name(each.device_class_name),
        selectors=selectors,
        mode=ALL if each.allocation_mode == ALL else EXACT,
        # The apiserver's default.
        count=max(0, each.count or 1),
        admin_access=bool(each.admin_access),
        tolerations=tuple(
            DeviceToleration(one.key or "", one.operator or "Equal", one.value or "", one.effect or "")
            for one in each.tolerations or ()
        ),
        capacities=tuple(sorted((intern(name), exact(value)) for name, value in capacities.items())),
        refusal=refusal,
    )


def read_selectors(selectors: list[SelectorManifest] | None) -> tuple[str, ...]:
    """Return the expressions of selectors. Raise ValueError for one of another kind, or for too many."""
    _bound(selectors, MAX_SELECTORS, "selectors")
    found = []
    for each in selectors or ():
        if each.cel is None:
            raise ValueError("selectors: one isn't in CEL")
        found.append(intern(each.cel.expression))
    return tuple(found)


def _constraint(each: _ConstraintManifest) -> Constraint:
    _bound(each.requests, MAX_CLAIM_DEVICES * MAX_ALTERNATIVES, "constraints.requests")
    requests = frozenset(map(_name, each.requests or ()))
    if each.match_attribute is not None:
        return Constraint("match", _name(each.match_attribute), requests)
    return Constraint("distinct", _name(each.distinct_attribute or ""), requests)


def exact(quantity: Quantity) -> Exact:
    """Return a quantity. Raise ValueError for what is none."""
    value = parse(quantity)
    return value.numerator if value.denominator == 1 else value


def _name(text: str) -> str:
    if len(text) > max(LONGEST_RESOURCE, LONGEST_NAME):
        raise ValueError(f"a name of {len(text)} characters")
    return intern(text)


def _bound(entries: object, most: int, field: str) -> None:
    count = len(entries) if isinstance(entries, list | dict) else 0
    if count > most:
        raise ValueError(f"{field}: {count} are more than {most}")
