"""The pods that a manifest makes: those of all its documents, with the claims that it brings."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from lens.model.fit.admission.claim_quota import Adds, added, made_by
from lens.model.fit.admission.json_values import Object, as_list, as_object
from lens.model.fit.admission.own_policies import NO_OWN_POLICIES, OwnPolicies
from lens.model.fit.admission.workloads.fields import MAX_PODS, name_field
from lens.model.fit.admission.workloads.pod_group import PodGroup
from lens.model.fit.admission.workloads.pod_groups import api_group_of, is_known, pod_groups
from lens.model.fit.admission.workloads.unknown_kinds import MAX_DEPTH
from lens.model.fit.dra.objects import FitClass, read_class
from lens.model.fit.spec.claims import ALL, ClaimSpec, read_claim_spec

MAX_GROUPS = 32
"""Pod templates of one question."""


class BundledObjects(msgspec.Struct, frozen=True):
    """What ResourceClaims and claims of ResourceClaimTemplates ask for that the documents bring, by name.

    ``objects`` is what the documents add to quotas on other objects than pods and claims. ``policies``
    and ``classes`` are the policies and DeviceClasses among them.
    """

    claims: Mapping[str, ClaimSpec] = {}
    templates: Mapping[str, ClaimSpec] = {}
    objects: Adds = {}
    policies: OwnPolicies = NO_OWN_POLICIES
    classes: Mapping[str, FitClass] = {}


NO_BUNDLED_OBJECTS = BundledObjects()


class Workload(msgspec.Struct, frozen=True):
    """The pods of all documents, and the namespace that these name, if they name one."""

    groups: tuple[PodGroup, ...]
    namespace: str | None
    bundled: BundledObjects = NO_BUNDLED_OBJECTS


def read_workload(documents: Iterable[object]) -> Workload:
    """Return the pods of the documents. Others, such as a ConfigMap, are ignored.

    Raise ValueError, naming the field, for what can't be read.
    """
    groups: list[PodGroup] = []
    namespaces: set[str] = set()
    claims: dict[tuple[str, str], ClaimSpec] = {}
    templates: dict[tuple[str, str], ClaimSpec] = {}
    objects: list[tuple[str, Adds]] = []
    policies = OwnPolicies()
    classes: dict[str, FitClass] = {}
    for number, document in enumerate(documents):
        for where, each in _flattened(document, f"[{number}]" if number else ""):
            if each["kind"] in (_CLAIM, _CLAIM_TEMPLATE) and is_known(each):
                into = claims if each["kind"] == _CLAIM else templates
                key, spec = _read_claim(each, where)
                into[key] = spec
                if len(into) > MAX_GROUPS:
                    raise ValueError(f"there are more than {MAX_GROUPS} of kind {each['kind']}")
            if each["kind"] == _DEVICE_CLASS and is_known(each):
                own = _read_device_class(each, where)
                classes[own.name] = own
            policies.read(each, api_group_of(each), where)
            found = tuple(pod_groups(each, where))
            made = made_by(each["kind"], api_group_of(each), sum(group.owners for group in found))
            objects.append((_namespace(each), made))
            if found:
                meta = as_object(each.get("metadata"), f"{where}metadata")
                namespaces.add(name_field(meta, "namespace", where))
            groups += found
            if len(groups) > MAX_GROUPS:
                raise ValueError(f"there are more than {MAX_GROUPS} pod templates")
    if not groups:
        raise ValueError("there is no pod and no pod template")
    if sum(each.replicas or 0 for each in groups) > MAX_PODS:
        raise ValueError(f"there are more than {MAX_PODS} pods")
    if len(namespaces) > 1:
        raise ValueError("metadata.namespace: all have to be in one namespace")
    namespace = namespaces.pop()
    bundled = BundledObjects(
        _within(namespace, claims),
        _within(namespace, templates),
        added(*(adds for own, adds in objects if not own or not namespace or own == namespace)),
        policies,
        classes,
    )
    return Workload(tuple(groups), namespace or None, bundled)


def _within(namespace: str, specs: Mapping[tuple[str, str], ClaimSpec]) -> dict[str, ClaimSpec]:
    """Return by name the objects of a namespace, with those that name none."""
    return {name: spec for (own, name), spec in specs.items() if not own or not namespace or own == namespace}


def _namespace(each: Object) -> str:
    """Return the namespace that a document names; none for an invalid name."""
    meta = each.get("metadata")
    named = meta.get("namespace") if isinstance(meta, dict) else None
    return named if isinstance(named, str) else ""


_CLAIM, _CLAIM_TEMPLATE, _DEVICE_CLASS = "ResourceClaim", "ResourceClaimTemplate", "DeviceClass"


def _read_claim(each: Object, where: str) -> tuple[tuple[str, str], ClaimSpec]:
    """Return the namespace and name of a claim or a template, and what it asks for."""
    meta = as_object(each.get("metadata"), f"{where}metadata")
    namespace, name = (name_field(meta, part, f"{where}metadata") for part in ("namespace", "name"))
    if not name:
        raise ValueError(f"{where}metadata.name: it is required")
    spec, field = as_object(each.get("spec"), f"{where}spec"), f"{where}spec"
    if each["kind"] == _CLAIM_TEMPLATE:
        spec, field = as_object(spec.get("spec"), f"{field}.spec"), f"{field}.spec"
    try:
        read = read_claim_spec(msgspec.json.encode(spec))
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None
    for number, request in enumerate(read.requests):
        if any(one.mode != ALL and one.count < 1 for one in request.alternatives):
            raise ValueError(f"{field}.devices.requests[{number}]: its count is below 1")
    return (namespace, name), read


def _read_device_class(each: Object, where: str) -> FitClass:
    try:
        return read_class(msgspec.json.encode(each))
    except ValueError as error:
        raise ValueError(f"{where}{_DEVICE_CLASS}: {error}") from None


def _flattened(document: object, prefix: str, depth: int = 0) -> Iterator[tuple[str, Object]]:
    """Yield a document's objects: those of a List, PodList or the like, or itself."""
    each = as_object(document, prefix or "the body")
    if "items" in each and _is_list(each.get("kind")) and depth < MAX_DEPTH:
        for number, item in enumerate(as_list(each["items"], f"{prefix}items")):
            yield from _flattened(item, f"{prefix}items[{number}]", depth + 1)
    elif each:
        if not isinstance(each.get("kind"), str):
            raise ValueError(f"{prefix}kind: it is required".lstrip("."))
        yield f"{prefix}." if prefix else "", each


def _is_list(kind: object) -> bool:
    return isinstance(kind, str) and kind.endswith("List")
