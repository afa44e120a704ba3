"""What ResourceClaims add to quotas, in the worst case, by the quotas' names of resources.

Source: pkg/quota/v1/evaluator/core, resource_claims.go in Kubernetes 1.37.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from lens.model.fit.dra.extended import extended_spec
from lens.model.fit.dra.state import Devices
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.claims import ALL, ClaimSpec
from lens.model.k8s.bounds import MOST_CLAIM_DEVICES
from lens.model.k8s.gpu_resources import CLASS_PREFIX

PER_CLASS = ".deviceclass.resource.k8s.io/devices"
"""What a class's name is followed by in a quota for the devices of its claims."""

_CLAIMS = "count/resourceclaims.resource.k8s.io"

Adds = Mapping[str, int]


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
            number = MOST_CLAIM_DEVICES if each.mode == ALL else each.count
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
