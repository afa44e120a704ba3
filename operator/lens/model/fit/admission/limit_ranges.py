"""What a namespace's LimitRanges add to a pod's containers, and which pods they refuse.

Source: plugin/pkg/admission/limitranger in Kubernetes 1.37. Bounds on pods are on their containers' sums,
or of CPU and memory on what the pod says as a whole, without the RuntimeClass' overhead.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from lens.model.fit.admission.json_values import as_object
from lens.model.fit.admission.policies import Limits, Policies
from lens.model.k8s.decoder import decoder
from lens.model.k8s.objects import PodManifest
from lens.model.k8s.pod_requests import Amounts, pod_request
from lens.model.k8s.quantity import Exact, Quantity, parse

Object = dict[str, Any]

_CONTAINER, _POD = "Container", "Pod"
_OF_PODS = ("cpu", "memory")
"""What a pod as a whole says of these goes before its containers' sums."""

_read_pod = decoder(PodManifest, "the pod")


def limits_in(namespace: str, policies: Policies) -> tuple[Limits, ...]:
    """Return the limits of the namespace's LimitRanges, as far as they are known."""
    ranges = (policies.limit_ranges or {}).items()
    return tuple(each for key, limits in ranges if key.namespace == namespace for each in limits)


def default_resources(containers: list[Object], limits: Iterable[Limits]) -> None:
    """Default requests to limits, and then add the defaults of the LimitRanges."""
    of_containers = [each for each in limits if each.type == _CONTAINER]
    for container in containers:
        resources = dict(as_object(container.get("resources"), "resources"))
        own = dict(as_object(resources.get("limits"), "limits"))
        requests = {**own, **as_object(resources.get("requests"), "requests")}
        for each in of_containers:
            own = {**each.default, **own}
            requests = {**each.default_request, **requests}
        container["resources"] = {**resources, "limits": own, "requests": requests}


def refused_by(limits: Iterable[Limits], spec: Mapping[str, Any]) -> str | None:
    """Return why an admitted pod is outside a LimitRange's bounds; None if it is within them."""
    for each in limits:
        for requests, limited in _bounded(each, spec):
            if refusal := _outside(each, requests, limited):
                return refusal
    return None


def _bounded(limits: Limits, spec: Mapping[str, Any]) -> Iterator[tuple[Amounts, Amounts]]:
    """Yield what is requested and limited of all that the bounds are on."""
    if not (limits.min or limits.max or limits.ratio):
        return
    if limits.type == _POD:
        yield _of_pod(spec, "requests"), _of_pod(spec, "limits")
        return
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        yield _amounts(container["resources"]["requests"]), _amounts(container["resources"]["limits"])


def _of_pod(spec: Mapping[str, Any], side: str) -> Amounts:
    containers = {
        kind: [
            {"restartPolicy": each.get("restartPolicy"), "resources": {"requests": each["resources"][side]}}
            for each in spec.get(kind) or ()
        ]
        for kind in ("containers", "initContainers")
    }
    pod = _read_pod(msgspec.json.encode({"metadata": {"name": ""}, "spec": containers}))
    whole = _amounts((spec.get("resources") or {}).get(side))
    return {**pod_request(pod, _amounts), **{name: whole[name] for name in _OF_PODS if name in whole}}


def _amounts(quantities: Mapping[str, Quantity] | None) -> Amounts:
    return {name: parse(quantity) for name, quantity in (quantities or {}).items()}


def _outside(limits: Limits, requests: Amounts, limited: Amounts) -> str | None:
    for name, least in limits.min.items():
        said = f"minimum {name} usage per {limits.type} is {least}"
        asked = requests.get(name)
        if asked is None:
            return f"{said}.  No request is specified"
        for kind, amount in (("request", asked), ("limit", limited.get(name, asked))):
            if amount < parse(least):
                return f"{said}, but {kind} is {_shown(amount)}"
    for name, most in limits.max.items():
        said = f"maximum {name} usage per {limits.type} is {most}"
        limit = limited.get(name)
        if limit is None:
            return f"{said}.  No limit is specified"
        for kind, amount in (("limit", limit), ("request", requests.get(name, limit))):
            if amount > parse(most):
                return f"{said}, but {kind} is {_shown(amount)}"
    for name, ratio in limits.ratio.items():
        said = f"{name} max limit to request ratio per {limits.type} is {ratio}"
        asked, limit = requests.get(name), limited.get(name)
        for kind, given in (("request", asked), ("limit", limit)):
            if not given:
                return f"{said}, but no {kind} is specified or {kind} is 0"
        if asked and limit and limit > asked * parse(ratio):
            return f"{said}, but provided ratio is {float(limit / asked):f}"
    return None


def _shown(amount: Exact) -> str:
    return str(amount) if amount.denominator == 1 else f"{float(amount * 1000):g}m"
