"""Validation of a pod's spec, as far as the spec decides where the pod may go.

Source: pkg/apis/core/validation/validation.go in Kubernetes 1.37: ValidateContainerResourceRequirements,
ValidateTolerations, ValidateNodeSelector.
"""

from collections.abc import Container, Mapping
from typing import Any

from lens.model.fit.admission.json_values import Object, as_list, as_object, as_objects
from lens.model.fit.admission.pod_level import requested
from lens.model.fit.admission.rules import NO_VALUE, ONE_VALUE, SOME_VALUES, check_requirement, check_rules
from lens.model.fit.spec.node_selectors import NAME
from lens.model.fit.spec.resources import is_extended, is_for_containers
from lens.model.k8s.bounds import shown
from lens.model.k8s.pod_requests import is_pod_level
from lens.model.k8s.quantity import Exact, parse

_OPERATORS = ("", "Equal", "Exists", "Lt", "Gt")
_EFFECTS = ("", "NoSchedule", "PreferNoSchedule", "NoExecute")
_NODE_OPERATORS: Mapping[str, Mapping[str, Container[int]]] = {
    "matchExpressions": {
        "In": SOME_VALUES,
        "NotIn": SOME_VALUES,
        "Exists": NO_VALUE,
        "DoesNotExist": NO_VALUE,
        # The apiserver stores values that aren't numbers. They select no node.
        "Gt": ONE_VALUE,
        "Lt": ONE_VALUE,
    },
    "matchFields": {"In": ONE_VALUE, "NotIn": ONE_VALUE},
}


def check_pod(template: Mapping[str, Any]) -> None:
    """Raise ValueError, naming the field, for a pod that no apiserver stores."""
    spec = as_object(template.get("spec"), "spec")
    if not as_list(spec.get("containers"), "spec.containers"):
        raise ValueError("spec.containers: it is required")
    for name in ("containers", "initContainers"):
        for number, container in enumerate(as_objects(spec.get(name), f"spec.{name}")):
            _check_resources(container.get("resources"), f"spec.{name}[{number}].resources")
    # Limits of the pod as a whole may follow from its containers'.
    _check_resources(spec.get("resources"), "spec.resources", limits_follow=True)
    _check_pod_level(spec)
    for number, each in enumerate(as_objects(spec.get("tolerations"), "spec.tolerations")):
        _check_toleration(each, f"spec.tolerations[{number}]")
    _check_node_affinity(as_object(spec.get("affinity"), "spec.affinity"), "spec.affinity.nodeAffinity")
    check_rules(spec)


def check_admitted(pod: Mapping[str, Any]) -> None:
    """Raise ValueError, naming the field, for a pod that no apiserver stores with what admission adds.

    A LimitRange may add what the manifest lacks.
    """
    check_pod(pod)
    spec = as_object(pod.get("spec"), "spec")
    _check_resources(spec.get("resources"), "spec.resources")
    _check_hugepages(spec.get("resources"), "spec.resources")
    for name in ("containers", "initContainers"):
        for number, container in enumerate(as_objects(spec.get(name), f"spec.{name}")):
            _check_hugepages(container.get("resources"), f"spec.{name}[{number}].resources")


def _check_hugepages(value: object, field: str) -> None:
    resources = as_object(value, field)
    names = {name for side in ("limits", "requests") for name in as_object(resources.get(side), field)}
    if any(name.startswith("hugepages-") for name in names) and not names & {"cpu", "memory"}:
        raise ValueError(f"{field}: hugepages are for who asks for cpu or memory too")


def _check_resources(value: object, field: str, *, limits_follow: bool = False) -> None:
    resources = as_object(value, field)
    limits = _quantities(resources.get("limits"), f"{field}.limits")
    requests = _quantities(resources.get("requests"), f"{field}.requests")
    for name, request in requests.items():
        limit = limits.get(name)
        whole = is_extended(name) or name.startswith("hugepages-")
        if whole and limit is None and not limits_follow:
            raise ValueError(f"{field}.limits: {name} is required, since it can't be overcommitted")
        if limit is not None and (request != limit if whole else request > limit):
            what = "isn't" if whole else "is over"
            raise ValueError(f"{field}.requests: {name} {what} its limit")


def _quantities(value: object, field: str) -> dict[str, Exact]:
    found: dict[str, Exact] = {}
    for name, quantity in as_object(value, field).items():
        if not is_for_containers(name):
            raise ValueError(f"{field}: {name!r:.80} is neither a resource of Kubernetes nor <domain>/<name>")
        try:
            # A value that isn't a number either, such as a list, is no quantity.
            amount = parse(quantity)
        except ValueError as error:
            raise ValueError(f"{field}: {name}: {error}") from None
        if amount < 0:
            raise ValueError(f"{field}: {name}: {quantity!r:.80} is below 0")
        if is_extended(name) and amount.denominator != 1:
            raise ValueError(f"{field}: {name}: {quantity!r:.80} is not a whole number")
        found[name] = amount
    return found


def _check_toleration(each: Object, field: str) -> None:
    operator = each.get("operator") or ""
    if operator not in _OPERATORS:
        raise ValueError(f"{field}.operator: {operator!r:.80} is none of {', '.join(_OPERATORS[1:])}")
    if (each.get("effect") or "") not in _EFFECTS:
        raise ValueError(f"{field}.effect: {each['effect']!r:.80} is none of {', '.join(_EFFECTS[1:])}")
    if not each.get("key") and operator != "Exists":
        raise ValueError(f"{field}.operator: without a key it is Exists")
    if operator == "Exists" and each.get("value"):
        raise ValueError(f"{field}.value: Exists takes none")
    if each.get("tolerationSeconds") is not None and each.get("effect") != "NoExecute":
        raise ValueError(f"{field}.tolerationSeconds: it is for the effect NoExecute")


def _check_node_affinity(affinity: Object, field: str) -> None:
    required = as_object(affinity.get("nodeAffinity"), field).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if required is None:
        return
    field = f"{field}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
    terms = as_objects(as_object(required, field).get("nodeSelectorTerms"), field)
    if not terms:
        raise ValueError(f"{field}: it is required")
    for number, term in enumerate(terms):
        for part, numbers in _NODE_OPERATORS.items():
            at = f"{field}[{number}].{part}"
            for index, each in enumerate(as_objects(term.get(part), at)):
                check_requirement(each, numbers, f"{at}[{index}]")
                if part == "matchFields" and each.get("key") != NAME:
                    raise ValueError(f"{at}[{index}].key: {shown(each.get('key'))} isn't {NAME}")


def _check_pod_level(spec: Object) -> None:
    """Check that what a pod has as a whole suffices for its containers (validatePodResourceConsistency)."""
    field = "spec.resources"
    whole = as_object(spec.get("resources"), field)
    if as_list(whole.get("claims"), f"{field}.claims"):
        raise ValueError(f"{field}.claims: claims are for containers")
    requests, limits = (_quantities(whole.get(side), f"{field}.{side}") for side in ("requests", "limits"))
    for side in (requests, limits):
        for name in side:
            if not is_pod_level(name):
                raise ValueError(f"{field}: a pod as a whole asks for no {name:.80}")
    for name, amount in requested(spec).items() if requests else ():
        if amount > requests.get(name, amount):
            raise ValueError(f"{field}.requests: {name} is below what the containers request")
    for number, container in enumerate(as_objects(spec.get("containers"), "spec.containers")):
        own = as_object(container.get("resources"), f"spec.containers[{number}].resources").get("limits")
        at = f"spec.containers[{number}].resources.limits"
        for name, amount in _quantities(own, at).items():
            if amount > limits.get(name, amount):
                raise ValueError(f"{at}: {name} is over the pod's")
