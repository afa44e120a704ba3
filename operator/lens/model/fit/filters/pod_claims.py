"""The claims of a pod, as kube-scheduler finds them before it checks a node."""

from typing import NamedTuple

import msgspec

from lens.model.fit.dra.devices import NodeChoice
from lens.model.fit.dra.objects import FitClaim
from lens.model.fit.dra.state import Devices
from lens.model.fit.fleet_node import FleetNode
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.claims import ClaimSpec

_SKIPS_NODE_OPERATIONS = "DRAOptionalNodeOperations"


class Allocation(msgspec.Struct, frozen=True):
    """The nodes that may use an allocated claim: all these have to match."""

    nodes: tuple[NodeChoice, ...] = ()
    failed: bool = False
    feature: str = ""

    def is_for(self, node: FleetNode) -> bool:
        """Return whether a node may use the claim."""
        return (
            not self.failed
            and (not self.feature or self.feature in node.features)
            and all(each.matches(node.name, node.labels) for each in self.nodes)
        )


class PodClaim(msgspec.Struct, frozen=True):
    """A claim of the pod: ``key`` is that of a ResourceClaim that replicas share."""

    title: str
    key: tuple[str, str] | None
    spec: ClaimSpec
    allocated: Allocation | None = None


class PodClaims(NamedTuple):
    """The claims; none if the scheduler doesn't try the pod.

    ``not_enqueued`` is why it doesn't, ``rejected`` why no node can take the pod. ``unbound`` says that a
    device waits for its binding conditions.
    """

    claims: tuple[PodClaim, ...] = ()
    not_enqueued: str | None = None
    rejected: str | None = None
    unbound: bool = False


def find_claims(asked: AskedPod, devices: Devices) -> PodClaims:
    """Return the claims that a pod names, or that are made for it."""
    namespace = asked.namespace
    claims: list[PodClaim] = []
    unbound = False
    for each in asked.claims:
        if each.missing is not None:
            return PodClaims(not_enqueued=each.missing, unbound=unbound)
        if not each.claim:
            if each.spec is not None:
                claims.append(PodClaim(f"{namespace}/{each.name}", None, each.spec))
            continue
        stored = devices.claims.get((namespace, each.claim))
        problem: str | None = None
        if stored is None and each.spec is None:
            problem = f'could not find ResourceClaim "{namespace}/{each.claim}"'
        elif stored is not None and stored.deleted:
            problem = f'resourceclaim "{each.claim}" is being deleted'
        elif stored is not None and each.owner is not None and stored.owner != each.owner:
            whose = f"Pod {namespace}/{asked.name}"
            problem = f"ResourceClaim {namespace}/{each.claim} was not created for {whose} (Pod is not owner)"
        if problem is not None:
            return PodClaims(not_enqueued=problem, unbound=unbound)
        unbound = unbound or (stored is not None and stored.waits)
        spec = each.spec if stored is None else stored.spec
        claims.append(
            PodClaim(
                f"{namespace}/{each.claim}",
                (namespace, each.claim),
                spec or ClaimSpec(),
                _allocation(stored) if stored is not None and stored.allocated else None,
            )
        )
    missing = (_missing_class(claim.spec, devices) for claim in claims if claim.allocated is None)
    return PodClaims(
        tuple(claims), rejected=next((each for each in missing if each is not None), None), unbound=unbound
    )


def _missing_class(spec: ClaimSpec, devices: Devices) -> str | None:
    for request in spec.requests:
        for each in request.alternatives:
            title = f"{request.name}/{each.name}" if request.is_list else request.name
            if each.device_class not in devices.classes:
                return f"request {title}: device class {each.device_class} does not exist"
    return None


def _allocation(claim: FitClaim) -> Allocation:
    nodes = claim.node_choices
    if claim.nodes is not None:
        nodes = (*nodes, claim.nodes)
    return Allocation(nodes, claim.failed, _SKIPS_NODE_OPERATIONS if claim.skips_node_operations else "")
