"""Pod-level requests and limits, completed where a pod has only some of them.

Source: pkg/api/pod/util.go in Kubernetes 1.37 (``DefaultPodLevelResources``), which an apiserver applies
after admission: so containers have the defaults of LimitRanges by then.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from typing import Any

import msgspec

from lens.model.fit.admission.json_values import as_object, as_objects
from lens.model.k8s.decoder import decoder
from lens.model.k8s.objects import PodManifest
from lens.model.k8s.pod_requests import Amounts, is_pod_level, pod_request
from lens.model.k8s.quantity import Exact, Quantity, parse

Object = dict[str, Any]

_read_pod = decoder(PodManifest, "the pod")


def default_pod_level(spec: Object) -> None:
    """Complete the pod-level requests and limits of a pod that has some of them.

    Raise ValueError, naming the field, for what can't be read.
    """
    whole = as_object(spec.get("resources"), "spec.resources")
    requests = dict(as_object(whole.get("requests"), "spec.resources.requests"))
    limits = dict(as_object(whole.get("limits"), "spec.resources.limits"))
    if not requests and not limits:
        return
    requested, limited = _sums(spec, "requests"), _sums(spec, "limits")
    for name, amount in limited.items():
        if _is_hugepages(name) and name not in requests:
            limits.setdefault(name, _written(amount))
    for name, amount in requested.items():
        if not _is_hugepages(name):
            requests.setdefault(name, _written(amount))
    for name, quantity in limits.items():
        if is_pod_level(name):
            requests.setdefault(name, quantity)
    for name in _limited_everywhere(spec, [each for each in requests if is_pod_level(each)]):
        limits.setdefault(name, _written(max(limited.get(name, 0), parse(requests[name]))))
    spec["resources"] = {**whole, "requests": requests, "limits": limits}


def requested(spec: Mapping[str, Any]) -> Amounts:
    """Return what the containers of a pod, as sent, request of the pod-level resources.

    A limit without a request is the request.
    """
    return _sums(
        {kind: list(_defaulted(spec, kind)) for kind in ("containers", "initContainers")}, "requests"
    )


def _defaulted(spec: Mapping[str, Any], kind: str) -> Iterator[Object]:
    for number, each in enumerate(as_objects(spec.get(kind), f"spec.{kind}")):
        field = f"spec.{kind}[{number}].resources"
        resources = as_object(each.get("resources"), field)
        limits, requests = (
            as_object(resources.get(side), f"{field}.{side}") for side in ("limits", "requests")
        )
        yield {**each, "resources": {"requests": {**limits, **requests}}}


def _sums(spec: Object, side: str) -> Amounts:
    """Return the sum of the containers' requests or limits, with sidecars and initialization."""
    kept: Object = {}
    for kind in ("containers", "initContainers"):
        kept[kind] = [
            {"restartPolicy": each.get("restartPolicy"), "resources": {"requests": each["resources"][side]}}
            for each in spec.get(kind) or ()
        ]
    return pod_request(_read_pod(msgspec.json.encode({"metadata": {"name": ""}, "spec": kept})), _pod_level)


def _pod_level(quantities: Mapping[str, Quantity] | None) -> Amounts:
    return {name: parse(each) for name, each in (quantities or {}).items() if is_pod_level(name)}


def _limited_everywhere(spec: Object, names: Iterable[str]) -> list[str]:
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return [name for name in names if all(name in each["resources"]["limits"] for each in containers)]


def _is_hugepages(name: str) -> bool:
    return name.startswith("hugepages-")


def _written(amount: Exact) -> Quantity:
    return str(amount) if amount.denominator == 1 else f"{ceil(amount * 10**9)}n"
