"""What ResourceClaims add to quotas, in the worst case, and workloads themselves, by the quotas' names.

Source: pkg/quota/v1/evaluator/core, resource_claims.go and registry.go in Kubernetes 1.37.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from lens.model.fit.dra.extended import extended_spec
from lens.model.fit.dra.state import Devices
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.claims import ALL, ClaimSpec
from lens.model.k8s.bounds import MAX_CLAIM_DEVICES
from lens.model.k8s.gpu_resources import CLASS_PREFIX

PER_CLASS = ".deviceclass.resource.k8s.io/devices"
"""What a class's name is followed by in a quota for the devices of its claims."""

_CLAIMS = "count/resourceclaims.resource.k8s.io"

Adds = Mapping[str, int]

_COUNTED_APART = frozenset({("", "Pod"), ("resource.k8s.io", "ResourceClaim")})
_BY_THEIR_NAMES = frozenset({"configmaps", "replicationcontrollers", "resourcequotas", "secrets", "services"})
"""What quotas also know without ``count/``."""

_MADE_BESIDE = {
    ("apps", "DaemonSet"): "controllerrevisions.apps",
    ("apps", "Deployment"): "replicasets.apps",
    ("apps", "StatefulSet"): "controllerrevisions.apps",
    ("batch", "CronJob"): "jobs.batch",
}
"""What a controller makes one of before there are pods."""


def made_by(kind: str, api_group: str, jobs: int) -> Adds:
    """Return what an object adds itself, and what its controller makes before it makes pods.

    ``jobs`` is over how many Jobs its pods are spread.
    """
    if (api_group, kind) in _COUNTED_APART:
        return {}
    # k8s.io/apimachinery, UnsafeGuessKindToResource. Those who write CRDs guess alike.
    name = kind.lower()
    plural = f"{name}es" if name.endswith("s") else f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
    found = Counter({f"count/{plural}.{api_group}".rstrip("."): 1})
    if not api_group and plural in _BY_THEIR_NAMES:
        found[plural] += 1
    if beside := _MADE_BESIDE.get((api_group, kind)):
        found[f"count/{beside}"] += 1
    if (api_group, kind) == ("jobset.x-k8s.io", "JobSet"):
        found["count/jobs.batch"] += jobs
    return found


def made_for(asked: AskedPod, devices: Devices) -> Adds:
    """Return what the claims add that are made for each of some pods, of templates."""
    claims = [each.spec for each in asked.claims if each.spec is not None and not each.claim]
    return added(*(_adds(each, devices) for each in claims))


def shared_by(asked: AskedPod, devices: Devices) -> Mapping[str, Adds]:
    """Return, by name, what each claim adds that pods share and that doesn't exist yet."""
    return {
        each.claim: _adds(each.spec, devices) for each in asked.claims if each.spec is not None and each.claim
    }


def serving_claim(asked: AskedPod, devices: Devices, resources: Iterable[str]) -> Adds:
    """Return what kube-scheduler's claim adds where classes serve these extended resources of a pod.

    What the pod itself adds is its own and not the claim's.
    """
    served = list(resources)
    if not served:
        return {}
    adds = dict(_adds(extended_spec(asked.containers, served, devices.serving), devices))
    for name, amount in asked.request:
        if f"requests.{name}" in adds:
            adds[f"requests.{name}"] = max(0, adds[f"requests.{name}"] - amount)
    return adds


def added(*claims: Adds) -> Adds:
    """Return what claims add together."""
    total: Counter[str] = Counter()
    for each in claims:
        total.update(each)
    return dict(total)


def _adds(spec: ClaimSpec, devices: Devices) -> Adds:
    counted: Counter[str] = Counter()
    for request in spec.requests:
        worst: dict[str, int] = {}
        for each in request.alternatives:
            number = MAX_CLAIM_DEVICES if each.mode == ALL else each.count
            worst[each.device_class] = max(worst.get(each.device_class, 0), number)
        counted.update(worst)
    found = {_CLAIMS: 1}
    for name, number in counted.items():
        found[f"{name}{PER_CLASS}"] = number
        found[f"requests.{CLASS_PREFIX}{name}"] = number
        known = devices.classes.get(name)
        if known is not None and known.extended_resource:
            # Of a claim's classes that share a resource one counts, and nothing says which.
            resource = f"requests.{known.extended_resource}"
            found[resource] = max(found.get(resource, 0), number)
    return found
