"""Validation of a pod's rules: spread, affinity, the labels that they select, ports and claims.

Source: pkg/apis/core/validation/validation.go in Kubernetes 1.37: validateTopologySpreadConstraints,
validatePodAffinityTerm, ValidateLabelSelector, validateContainerPorts, validatePodHostNetworkDeps,
validatePodResourceClaim and validateResourceClaimNames.
"""

import sys
from collections.abc import Container, Iterable, Iterator, Mapping

from lens.model.fit.admission.json_values import Object, as_list, as_object, as_objects
from lens.model.k8s.bounds import short, shown

_DO_NOT_SCHEDULE = "DoNotSchedule"
_SCHEDULE_ANYWAY = "ScheduleAnyway"
_POLICIES = ("Honor", "Ignore")
_MAX_PORT = 65_535
_LABEL_KEYS = ("matchLabelKeys", "mismatchLabelKeys")

HostPort = tuple[str, str, int]
"""A protocol, an address of the host, and a port."""

NO_VALUE, ONE_VALUE, SOME_VALUES = range(1), range(1, 2), range(1, sys.maxsize)
"""The number of values of each operator."""

_SELECTOR_VALUES: Mapping[str, Container[int]] = {
    "In": SOME_VALUES,
    "NotIn": SOME_VALUES,
    "Exists": NO_VALUE,
    "DoesNotExist": NO_VALUE,
}


def check_rules(spec: Object) -> None:
    """Raise ValueError, naming the field, for rules of a pod's ``spec`` that no apiserver stores."""
    at = "spec.topologySpreadConstraints"
    kinds: set[tuple[object, object]] = set()
    for number, each in enumerate(as_objects(spec.get("topologySpreadConstraints"), at)):
        _check_spread(each, f"{at}[{number}]")
        kind = (str(each.get("topologyKey")), str(each.get("whenUnsatisfiable")))
        if kind in kinds:
            raise ValueError(f"{at}[{number}]: there is one with its topologyKey and whenUnsatisfiable")
        kinds.add(kind)
    for term, field in _pod_terms(as_object(spec.get("affinity"), "spec.affinity")):
        if not term.get("topologyKey"):
            raise ValueError(f"{field}.topologyKey: it is required")
        for name in ("labelSelector", "namespaceSelector"):
            _check_selector(term.get(name), f"{field}.{name}")
        _check_label_keys(term, field)
    on_host = spec.get("hostNetwork") is True
    taken: set[HostPort] = set()
    for name in ("containers", "initContainers"):
        for number, container in enumerate(as_objects(spec.get(name), f"spec.{name}")):
            # The apiserver defaults an init container's host port, and compares it with no others' port.
            is_app = name == "containers"
            field = f"spec.{name}[{number}].ports"
            _check_ports(container.get("ports"), field, same=on_host and is_app)
            _check_conflicts(container.get("ports"), field, taken if is_app else set(), on_host=on_host)
    _check_claims(spec)
    if spec.get("nodeName") and as_list(spec.get("schedulingGates"), "spec.schedulingGates"):
        raise ValueError("spec.nodeName: a pod with scheduling gates has none")


def _check_spread(each: Object, field: str) -> None:
    _check_least(each.get("maxSkew", 0), f"{field}.maxSkew")
    if not each.get("topologyKey"):
        raise ValueError(f"{field}.topologyKey: it is required")
    action = each.get("whenUnsatisfiable")
    _check_one_of(action, (_DO_NOT_SCHEDULE, _SCHEDULE_ANYWAY), f"{field}.whenUnsatisfiable")
    if each.get("minDomains") is not None:
        _check_least(each["minDomains"], f"{field}.minDomains")
        if action != _DO_NOT_SCHEDULE:
            raise ValueError(f"{field}.minDomains: it is for whenUnsatisfiable: {_DO_NOT_SCHEDULE}")
    for name in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        if each.get(name) is not None:
            _check_one_of(each[name], _POLICIES, f"{field}.{name}")
    _check_selector(each.get("labelSelector"), f"{field}.labelSelector")
    _check_label_keys(each, field)


def _pod_terms(affinity: Object) -> Iterator[tuple[Object, str]]:
    for kind in ("podAffinity", "podAntiAffinity"):
        at = f"spec.affinity.{kind}"
        rules = as_object(affinity.get(kind), at)
        field = f"{at}.requiredDuringSchedulingIgnoredDuringExecution"
        terms = as_objects(rules.get("requiredDuringSchedulingIgnoredDuringExecution"), field)
        for number, term in enumerate(terms):
            yield term, f"{field}[{number}]"


def _check_selector(value: object, field: str) -> None:
    requirements = as_object(value, field).get("matchExpressions")
    field = f"{field}.matchExpressions"
    for number, each in enumerate(as_objects(requirements, field)):
        check_requirement(each, _SELECTOR_VALUES, f"{field}[{number}]")


def _check_label_keys(rule: Object, field: str) -> None:
    keys = {name: as_list(rule.get(name), f"{field}.{name}") for name in _LABEL_KEYS}
    for name, given in keys.items():
        if given and rule.get("labelSelector") is None:
            raise ValueError(f"{field}.{name}: it is for rules with a labelSelector")
    both = next((key for key in keys["matchLabelKeys"] if key in keys["mismatchLabelKeys"]), None)
    if both is not None:
        raise ValueError(f"{field}.matchLabelKeys: {shown(both)} is among mismatchLabelKeys")


def check_requirement(each: Object, numbers: Mapping[str, Container[int]], field: str) -> None:
    """Raise ValueError for a requirement with an unknown operator, or with too few or too many values.

    ``numbers`` are the operators that there are, with how many values each takes.
    """
    operator = each.get("operator")
    _check_one_of(operator, numbers, f"{field}.operator")
    values = as_list(each.get("values"), f"{field}.values")
    if len(values) not in numbers[str(operator)]:
        raise ValueError(f"{field}.values: {len(values)} are not what {operator} takes")


def _check_ports(value: object, field: str, *, same: bool) -> None:
    for number, each in enumerate(as_objects(value, field)):
        host, own = (each.get(name) or 0 for name in ("hostPort", "containerPort"))
        for name, port in (("hostPort", host), ("containerPort", own)):
            if not isinstance(port, int) or not 0 <= port <= _MAX_PORT:
                raise ValueError(f"{field}[{number}].{name}: {shown(port)} is no port")
        if not own:
            raise ValueError(f"{field}[{number}].containerPort: it is required")
        if same and host not in (0, own):
            raise ValueError(f"{field}[{number}].hostPort: with hostNetwork it is the containerPort")


def _check_conflicts(value: object, field: str, taken: set[HostPort], *, on_host: bool) -> None:
    """Add the host ports of a container to those that are ``taken``. Raise ValueError for one that is."""
    for number, each in enumerate(as_objects(value, field)):
        port = each.get("hostPort") or (each.get("containerPort") if on_host else None)
        if not port:
            continue
        key = (str(each.get("protocol") or "TCP"), str(each.get("hostIP") or ""), port)
        if key in taken:
            raise ValueError(f"{field}[{number}].hostPort: the pod has {short(key[0])} {port} twice")
        taken.add(key)


def _check_claims(spec: Object) -> None:
    at = "spec.resourceClaims"
    names: set[str] = set()
    for number, each in enumerate(as_objects(spec.get("resourceClaims"), at)):
        name = each.get("name")
        if not isinstance(name, str) or not name:
            raise ValueError(f"{at}[{number}].name: it is required")
        if name in names:
            raise ValueError(f"{at}[{number}].name: there are several of the name {name:.80}")
        names.add(name)
        if (each.get("resourceClaimName") is None) == (each.get("resourceClaimTemplateName") is None):
            raise ValueError(f"{at}[{number}]: it has one of resourceClaimName and resourceClaimTemplateName")
    for kind in ("containers", "initContainers"):
        for number, container in enumerate(as_objects(spec.get(kind), f"spec.{kind}")):
            field = f"spec.{kind}[{number}].resources"
            claims = as_object(container.get("resources"), field).get("claims")
            for index, each in enumerate(as_objects(claims, f"{field}.claims")):
                name = each.get("name")
                if not isinstance(name, str) or name not in names:
                    raise ValueError(f"{field}.claims[{index}]: the pod has no claim {shown(name)}")


def _check_least(value: object, field: str) -> None:
    if isinstance(value, int) and value < 1:
        raise ValueError(f"{field}: {value} is below 1")


def _check_one_of(value: object, known: Iterable[str], field: str) -> None:
    if value not in tuple(known):
        raise ValueError(f"{field}: {shown(value)} is none of {', '.join(known)}")
