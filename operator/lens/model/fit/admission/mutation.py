"""Mutating admission: the pod that the apiserver stores for a manifest.

Source: pkg/apis/core/v1/defaults.go, plugin/pkg/admission (Priority, RuntimeClass, LimitRanger,
DefaultTolerationSeconds, ExtendedResourceToleration) and then pkg/registry/core/pod/strategy.go, in
Kubernetes 1.37. Webhooks are not called.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from lens.model.fit.admission.json_values import as_object, as_objects
from lens.model.fit.admission.label_keys import merge_label_keys
from lens.model.fit.admission.limit_ranges import default_resources, limits_in, refused_by
from lens.model.fit.admission.pod_level import default_pod_level
from lens.model.fit.admission.policies import Policies
from lens.model.fit.admission.validation import check_admitted
from lens.model.fit.spec.resources import is_extended
from lens.model.k8s.bounds import LONGEST_NAME, short
from lens.model.k8s.quantity import Exact, parse

Object = dict[str, Any]

SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
"""The classes that every cluster has."""

_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


class Admitted(msgspec.Struct, frozen=True):
    """A pod with what admission adds, or why it is refused, and what could not be checked."""

    pod: Object
    refusal: str | None = None
    not_checked: tuple[str, ...] = ()


def admit(
    template: Mapping[str, Any], namespace: str, policies: Policies, *, adds_tolerations: bool = False
) -> Admitted:
    """Return the pod of a template. Raise ValueError, naming the field, for what can't be read.

    ``adds_tolerations`` says whether the apiserver runs ExtendedResourceToleration, which is off by default.
    """
    meta = _copy(template.get("metadata"), "metadata")
    spec = _copy(template.get("spec"), "spec")
    pod = {"metadata": {**meta, "name": "asked", "namespace": namespace}, "spec": spec}
    containers = _containers(spec, "containers") + _containers(spec, "initContainers")
    not_checked: list[str] = []
    refusal = _set_priority(spec, policies, not_checked) or _set_runtime_class(spec, policies, not_checked)
    refusal = refusal or _select_nodes(spec, policies.node_selectors.get(namespace, {}))
    if policies.limit_ranges is None:
        not_checked.append("limitranges")
    limits = limits_in(namespace, policies)
    default_resources(containers, limits)
    default_pod_level(spec)
    _tolerate(spec)
    if adds_tolerations:
        requested = {name for each in containers for name in each["resources"]["requests"]}
        spec["tolerations"] += [
            {"key": name, "operator": "Exists", "effect": "NoSchedule"}
            for name in sorted(filter(is_extended, requested))
        ]
    if spec.get("hostNetwork") is True:
        for container in containers:
            container["ports"] = [_host_port(each) for each in as_objects(container.get("ports"), "ports")]
    refusal = refusal or _invalid(pod) or refused_by(limits, spec)
    merge_label_keys(spec, as_object(meta.get("labels"), "metadata.labels"))
    return Admitted(pod, refusal, tuple(not_checked))


def _invalid(pod: Object) -> str | None:
    """Return why an apiserver refuses a pod after admission; None if it stores it."""
    try:
        check_admitted(pod)
    except ValueError as error:
        return f"invalid with what admission adds: {error}"
    return None


def _set_priority(spec: Object, policies: Policies, not_checked: list[str]) -> str | None:
    name = _name(spec, "priorityClassName")
    classes = policies.priority_classes
    if not name:
        # Of several defaults the one with the lowest value counts.
        defaults = [(each.value, key) for key, each in (classes or {}).items() if each.is_default]
        name = min(defaults)[1] if defaults else ""
    known = (classes or {}).get(name)
    policy: str | None = "PreemptLowerPriority"
    if known is not None:
        value, policy = known.value, known.preemption_policy
    elif name in SYSTEM_CLASSES:
        value = SYSTEM_CLASSES[name]
    elif classes is None:
        not_checked.append("priorityclasses")
        return None
    elif name:
        return f"no PriorityClass with name {name} was found"
    else:
        value = 0
    given = spec.get("priority")
    if given not in (None, value):
        return (
            f"the integer value of priority ({short(str(given), LONGEST_NAME)}) must not be provided in pod "
            f"spec; priority admission controller computed {value} from the given PriorityClass name"
        )
    spec["priorityClassName"], spec["priority"] = name, value
    own = spec.get("preemptionPolicy")
    if own not in (None, policy):
        return (
            f"the string value of PreemptionPolicy ({short(str(own), LONGEST_NAME)}) must not be provided in "
            f"pod spec; priority admission controller computed {policy} from the given PriorityClass name"
        )
    spec["preemptionPolicy"] = policy
    return None


def _set_runtime_class(spec: Object, policies: Policies, not_checked: list[str]) -> str | None:
    name = _name(spec, "runtimeClassName")
    own = _copy(spec.get("overhead"), "overhead")
    if not name:
        return (
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
            if own
            else None
        )
    if policies.runtime_classes is None:
        not_checked.append("runtimeclasses")
        return None
    known = policies.runtime_classes.get(name)
    if known is None:
        return f'RuntimeClass "{name}" not found'
    if own and _amounts(own) != _amounts(known.overhead):
        return "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
    if known.overhead:
        spec["overhead"] = known.overhead
    selector = _copy(spec.get("nodeSelector"), "nodeSelector")
    for key, value in known.node_selector.items():
        if selector.get(key, value) != value:
            return f"conflict: the pod and RuntimeClass {name} select different values of {key}"
    if known.node_selector:
        spec["nodeSelector"] = {**selector, **known.node_selector}
    if known.tolerations:
        spec["tolerations"] = [*as_objects(spec.get("tolerations"), "tolerations"), *known.tolerations]
    return None


def _select_nodes(spec: Object, of_project: Mapping[str, str]) -> str | None:
    """Add the node selector of an OpenShift project (its plugin PodNodeEnvironment)."""
    selector = _copy(spec.get("nodeSelector"), "nodeSelector")
    if any(selector.get(key, value) != value for key, value in of_project.items()):
        return "pod node label selector conflicts with its project node label selector"
    if of_project:
        spec["nodeSelector"] = {**selector, **of_project}
    return None


def _amounts(quantities: Mapping[str, Any]) -> dict[str, Exact]:
    try:
        return {name: parse(quantity) for name, quantity in quantities.items()}
    except ValueError as error:
        raise ValueError(f"overhead: {error}") from None


def _tolerate(spec: Object) -> None:
    """Add the default tolerations (DefaultTolerationSeconds)."""
    tolerations = as_objects(spec.get("tolerations"), "tolerations")
    for key in _TOLERATED:
        if not any(
            each.get("key") in (key, None, "") and each.get("effect") in ("NoExecute", None, "")
            for each in tolerations
        ):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute"})
    spec["tolerations"] = tolerations


def _host_port(port: Object) -> Object:
    return {**port, "hostPort": port.get("hostPort") or port.get("containerPort")}


def _containers(spec: Object, name: str) -> list[Object]:
    containers = as_objects(spec.get(name), name)
    if containers:
        spec[name] = containers
    return containers


def _copy(value: object, field: str) -> Object:
    return dict(as_object(value, field))


def _name(spec: Object, field: str) -> str:
    value = spec.get(field)
    if value is None:
        return ""
    if isinstance(value, str):
        return short(value, LONGEST_NAME)
    raise ValueError(f"{field}: it isn't a name")
