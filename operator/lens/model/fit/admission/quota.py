"""Whether a namespace's quotas let pods be created.

Source: pkg/quota/v1/evaluator/core/pods.go, staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import msgspec

from lens.model.fit.admission.claim_quota import Adds
from lens.model.fit.admission.policies import Policies, Quota, Scope
from lens.model.fit.spec.resources import CPU, Request, read_request
from lens.model.k8s.objects import PodManifest
from lens.model.k8s.pod_requests import is_pod_level
from lens.model.k8s.quantity import Exact, parse

_REQUIRED = frozenset({"cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"})
"""The resources that each pod must request if a quota limits them."""

_NATIVE = frozenset({"cpu", "memory", "ephemeral-storage"})


class QuotaUse(msgspec.Struct, frozen=True):
    """One limit of a quota: what may be used, what is used, and what the pods would add.

    CPU is in cores, all else in ones.
    """

    quota: str
    resource: str
    hard: float
    used: float
    asked: float


class QuotaResult(msgspec.Struct, frozen=True):
    """What the quotas leave: room for ``most`` pods, None for any number, and the limits that are exceeded.

    ``refusal`` is why not even one may be created.
    """

    uses: tuple[QuotaUse, ...] = ()
    most: int | None = None
    exceeded: tuple[QuotaUse, ...] = ()
    refusal: str | None = None


class Charged(msgspec.Struct, frozen=True):
    """Pods as quotas count them: how many there are, and what each of them requests and limits.

    ``claimed`` is what the claims that are made for each add to quotas. ``perhaps`` is what one adds besides
    that kube-scheduler makes on some nodes, and on others not. ``shared`` has by name what those add that all
    pods share. ``objects`` is what all groups together add besides, such as Jobs.
    """

    pod: Mapping[str, Any]
    request: Request
    limits: Request
    replicas: int
    claimed: Adds = {}
    perhaps: Adds = {}
    shared: Mapping[str, Adds] = {}
    objects: Adds = {}


_read_pod = msgspec.json.Decoder(PodManifest).decode


def read_charged(pod: Mapping[str, Any], request: Request, replicas: int) -> Charged:
    """Return an admitted pod as quotas count it. Raise ValueError for limits that can't be read.

    The RuntimeClass' overhead is added to those limits that there are (component-helpers, ``PodLimits``).
    """
    spec = dict(pod["spec"])
    for name in ("containers", "initContainers"):
        spec[name] = [
            {**each, "ports": None, "resources": {"requests": (each.get("resources") or {}).get("limits")}}
            for each in spec.get(name) or ()
        ]
    whole = spec.get("resources")
    if whole is not None:
        spec["resources"] = {"requests": whole.get("limits")}
    overhead = spec.pop("overhead", None) or {}
    limits = _requested(pod, spec)
    if added := {name: amount for name, amount in overhead.items() if name in dict(limits)}:
        limits = _requested(pod, {**spec, "overhead": added})
    return Charged(pod, request, limits, replicas)


def _requested(pod: Mapping[str, Any], spec: Mapping[str, Any]) -> Request:
    return read_request(_read_pod(msgspec.json.encode({"metadata": pod["metadata"], "spec": spec})))


def check_quotas(namespace: str, policies: Policies, charged: Iterable[Charged]) -> QuotaResult:
    """Return what the quotas of a namespace say of some pods."""
    pods = tuple(charged)
    uses: list[QuotaUse] = []
    exceeded: list[QuotaUse] = []
    most: list[int] = []
    for key, quota in sorted((policies.quotas or {}).items()):
        if key.namespace != namespace:
            continue
        counted = [each for each in pods if all(_in_scope(scope, each.pod) for scope in quota.scopes)]
        if not counted:
            continue
        for resource, hard in sorted(quota.hard.items()):
            amounts = [_amount(resource, each) for each in counted]
            once = 0
            if not quota.scopes:
                # Quotas with scopes count pods alone, neither claims nor workloads.
                amounts = [
                    (amount or 0) + each.claimed.get(resource, 0)
                    for amount, each in zip(amounts, counted, strict=True)
                ]
                shared = {name: adds for each in counted for name, adds in each.shared.items()}
                once = sum(adds.get(resource, 0) for adds in (*shared.values(), counted[0].objects))
            if resource in _REQUIRED and not all(_has_each(resource, each.pod) for each in counted):
                refusal = f"failed quota: {key.name}: must specify {resource} for each container"
                return QuotaResult(tuple(uses), 0, refusal=refusal)
            asked = once + sum(
                (amount or 0) * each.replicas for amount, each in zip(amounts, counted, strict=True)
            )
            if not asked:
                continue
            use = _use(key.name, resource, quota, hard, asked)
            uses.append(use)
            left = hard - quota.used.get(resource, 0)
            if asked > left:
                exceeded.append(use)
            if len(pods) == 1 and (amounts[0] or asked > left):
                most.append(max(0, int((left - once) / amounts[0])) if amounts[0] else 0)
    return QuotaResult(tuple(uses), min(most, default=None), tuple(exceeded))


def quota_message(use: QuotaUse) -> str:
    """Return the apiserver's message about an exceeded quota."""
    return (
        f"exceeded quota: {use.quota}, requested: {use.resource}={use.asked:g}, "
        f"used: {use.resource}={use.used:g}, limited: {use.resource}={use.hard:g}"
    )


def _use(name: str, resource: str, quota: Quota, hard: Exact, asked: Exact) -> QuotaUse:
    return QuotaUse(name, resource, float(hard), float(quota.used.get(resource, 0)), float(asked))


def _amount(name: str, charged: Charged) -> Exact | None:
    """Return how much one of the pods adds to a quota's resource; None if it requests none."""
    if name in ("pods", "count/pods"):
        return 1
    side, _, resource = name.partition(".")
    if side == "limits":
        # Of all others, such as limits.nvidia.com/gpu, an apiserver counts nothing.
        return _of(charged.limits, resource) if resource in _NATIVE else None
    if side == "requests":
        return _of(charged.request, resource)
    if name in _NATIVE or name.startswith("hugepages-"):
        return _of(charged.request, name)
    return None


def _has_each(name: str, pod: Mapping[str, Any]) -> bool:
    """Return whether each container has such a request or limit; none needs one if the pod has it."""
    side, _, resource = name.rpartition(".")
    spec = pod["spec"]
    if _says_any(spec.get("resources"), is_pod_level):
        return True
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return all(resource in _named(each.get("resources"), side or "requests") for each in containers)


def _named(resources: Mapping[str, Any] | None, side: str) -> Mapping[str, Any]:
    return (resources or {}).get(side) or {}


def _of(request: Request, resource: str) -> Exact | None:
    amount = dict(request).get(resource)
    return Fraction(amount, 1000) if amount is not None and resource == CPU else amount


def _in_scope(scope: Scope, pod: Mapping[str, Any]) -> bool:
    spec = pod["spec"]
    match scope.name:
        case "Terminating":
            return spec.get("activeDeadlineSeconds") is not None
        case "NotTerminating":
            return spec.get("activeDeadlineSeconds") is None
        case "BestEffort":
            return _is_best_effort(spec)
        case "NotBestEffort":
            return not _is_best_effort(spec)
        case "PriorityClass":
            return _selects(scope, spec.get("priorityClassName") or "")
        case "CrossNamespacePodAffinity":
            return any(_crosses(spec))
    return False


def _is_best_effort(spec: Mapping[str, Any]) -> bool:
    """Return whether a pod's QoS class is BestEffort (pkg/apis/core/v1/helper/qos, ComputePodQOS)."""
    whole = spec.get("resources")
    if _says_any(whole, is_pod_level):
        return not _asks_for_any(whole)
    containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    return not any(_asks_for_any(each.get("resources")) for each in containers)


def _says_any(resources: Mapping[str, Any] | None, which: Callable[[str], bool]) -> bool:
    return any(map(which, (*_named(resources, "requests"), *_named(resources, "limits"))))


def _asks_for_any(resources: Mapping[str, Any] | None) -> bool:
    """Return whether some CPU or memory is requested or limited; 0 counts as none."""
    sides = (_named(resources, "requests"), _named(resources, "limits"))
    return any(parse(side[name]) for side in sides for name in ("cpu", "memory") if name in side)


def _selects(scope: Scope, name: str) -> bool:
    match scope.operator:
        case "In":
            return name in scope.values
        case "NotIn":
            return name not in scope.values
        case "Exists":
            return bool(name)
    return not name


def _crosses(spec: Mapping[str, Any]) -> Iterator[bool]:
    """Yield for each term of pod affinity whether it is about other namespaces."""
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = (spec.get("affinity") or {}).get(kind)
        for terms in rules.values() if isinstance(rules, dict) else ():
            for each in terms if isinstance(terms, list) else ():
                term = each.get("podAffinityTerm", each) if isinstance(each, dict) else None
                if isinstance(term, dict):
                    yield bool(term.get("namespaces")) or term.get("namespaceSelector") is not None
