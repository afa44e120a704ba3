"""A pod that is asked about: all of it that decides where it may go."""

from collections.abc import Iterator
from typing import Any

import msgspec

from lens.model.fit.spec.affinity_terms import PodAffinityManifest, Terms, read_terms
from lens.model.fit.spec.claims import AskedClaim
from lens.model.fit.spec.containers import ContainerRequest, read_containers
from lens.model.fit.spec.labels import FlatLabels, flatten
from lens.model.fit.spec.node_selectors import (
    ANY_NODE,
    NodeAffinityManifest,
    NodeSelector,
    read_node_selector,
)
from lens.model.fit.spec.pod import DEFAULT_SCHEDULER, HIGHEST_PRIORITY, LOWEST_PRIORITY, FitPod
from lens.model.fit.spec.ports import HostPorts, read_ports
from lens.model.fit.spec.resources import Request, is_extended, read_request
from lens.model.fit.spec.spread_constraints import (
    SpreadConstraint,
    SpreadConstraintManifest,
    read_constraints,
)
from lens.model.fit.spec.tolerations import TolerationManifest, Tolerations, read_tolerations
from lens.model.inventory.objects.pod_claims import extended_claim
from lens.model.k8s.bounds import MAX_POD_CLAIMS, MAX_TERMS
from lens.model.k8s.decoder import decoder
from lens.model.k8s.dra.objects import PodClaimManifest, PodClaimStatus
from lens.model.k8s.objects import Manifest, ObjectMeta, PodManifest, SchedulingGate


class AskedPod(msgspec.Struct, frozen=True, gc=False):
    """A pod that isn't bound yet.

    ``node_name`` is ``spec.nodeName``; ``bound`` says that its kubelet decides, which checks no rules
    between pods. ``gates`` are its scheduling gates, ``features`` what a node has to
    declare. ``claims`` are its ResourceClaims, ``containers`` what they request of extended resources, which
    claims may serve. ``leftover`` is the claim that the scheduler made for these before, and the pod's uid.
    ``unchecked`` names what it has and no filter checks; each can only keep it off more nodes.
    """

    namespace: str = "default"
    name: str = ""
    labels: FlatLabels = ()
    request: Request = ()
    priority: int = 0
    preempts: bool = True
    node_name: str = ""
    bound: bool = False
    selector: NodeSelector = ANY_NODE
    tolerations: Tolerations = ()
    ports: HostPorts = ()
    host_network: bool = False
    gates: tuple[str, ...] = ()
    spread: tuple[SpreadConstraint, ...] = ()
    affinity: Terms = ()
    anti_affinity: Terms = ()
    features: frozenset[str] = frozenset()
    claims: tuple[AskedClaim, ...] = ()
    containers: tuple[ContainerRequest, ...] = ()
    leftover: tuple[str, str] | None = None
    unchecked: tuple[str, ...] = ()

    def on(self, node: str) -> FitPod:
        """Return the pod as it counts once it is bound."""
        return FitPod(
            node=node,
            namespace=self.namespace,
            labels=self.labels,
            request=self.request,
            priority=self.priority,
            ports=self.ports,
            anti_terms=self.anti_affinity,
        )


class AffinityManifest(Manifest):
    """The required parts of an Affinity (core/v1)."""

    node_affinity: NodeAffinityManifest | None = None
    pod_affinity: PodAffinityManifest | None = None
    pod_anti_affinity: PodAffinityManifest | None = None


class RestartRuleManifest(Manifest):
    """A ContainerRestartRule (core/v1)."""

    action: str | None = None


class MountManifest(Manifest):
    """A VolumeMount (core/v1)."""

    bind_mount_options: list[str] | None = None


class AskedContainerManifest(Manifest):
    """What a container requires of a node's features."""

    restart_policy_rules: list[RestartRuleManifest] | None = None
    volume_mounts: list[MountManifest] | None = None


class AskedSpecManifest(Manifest):
    """A pod's ``spec``, down to what decides where it may go, without its requests and ports."""

    node_name: str | None = None
    scheduler_name: str | None = None
    priority: int | None = None
    preemption_policy: str | None = None
    node_selector: dict[str, str] | None = None
    affinity: AffinityManifest | None = None
    tolerations: list[TolerationManifest] | None = None
    topology_spread_constraints: list[SpreadConstraintManifest] | None = None
    scheduling_gates: list[SchedulingGate] | None = None
    containers: list[AskedContainerManifest] | None = None
    init_containers: list[AskedContainerManifest] | None = None
    host_network: bool | None = None
    host_users: bool | None = None
    volumes: list[dict[str, msgspec.Raw]] | None = None
    resource_claims: list[PodClaimManifest] | None = None
    scheduling_group: dict[str, msgspec.Raw] | None = None
    workload_ref: dict[str, msgspec.Raw] | None = None


class AskedStatusManifest(Manifest):
    """A pod's ``status``, down to the claims that were made for it."""

    resource_claim_statuses: list[PodClaimStatus] | None = None


class AskedManifest(Manifest):
    """A Pod (core/v1) that is asked about."""

    metadata: ObjectMeta
    spec: AskedSpecManifest = msgspec.field(default_factory=AskedSpecManifest)
    status: AskedStatusManifest = msgspec.field(default_factory=AskedStatusManifest)


_read_pod = decoder(PodManifest, "the pod")
_read_asked = decoder(AskedManifest, "the pod")


def read_asked_pod(document: bytes) -> AskedPod:
    """Return the pod of a manifest in JSON, to which admission has added what it adds.

    Raise ValueError, naming the field, for what can't be read.
    """
    whole, asked = _read_pod(document), _read_asked(document)
    spec = asked.spec
    labels = asked.metadata.labels or {}
    namespace = asked.metadata.namespace or "default"
    gates = spec.scheduling_gates or []
    if len(gates) > MAX_TERMS:
        raise ValueError(f"spec.schedulingGates: {len(gates)} are more than {MAX_TERMS}")
    affinity = spec.affinity or AffinityManifest()
    request = _named("spec", read_request, whole)
    return AskedPod(
        namespace=namespace,
        name=asked.metadata.name,
        labels=flatten(labels),
        request=request,
        priority=max(LOWEST_PRIORITY, min(HIGHEST_PRIORITY, spec.priority or 0)),
        preempts=spec.preemption_policy != "Never",
        node_name=spec.node_name or "",
        selector=read_node_selector(spec.node_selector, affinity.node_affinity),
        tolerations=read_tolerations(spec.tolerations),
        ports=read_ports(whole.spec),
        host_network=bool(spec.host_network),
        gates=tuple(gate.name for gate in gates),
        spread=read_constraints(spec.topology_spread_constraints, labels),
        affinity=_named("spec.affinity.podAffinity", read_terms, affinity.pod_affinity, namespace),
        anti_affinity=_named(
            "spec.affinity.podAntiAffinity", read_terms, affinity.pod_anti_affinity, namespace
        ),
        features=_features(spec),
        claims=tuple(_claims(asked, namespace)),
        containers=_containers(whole, request),
        leftover=_leftover(whole),
        unchecked=tuple(_unchecked(spec)),
    )


def _claims(asked: AskedManifest, namespace: str) -> Iterator[AskedClaim]:
    """Yield the pod's claims (k8s.io/dynamic-resource-allocation, resourceclaim.Name)."""
    claims = asked.spec.resource_claims or []
    if len(claims) > MAX_POD_CLAIMS:
        raise ValueError(f"spec.resourceClaims: {len(claims)} are more than {MAX_POD_CLAIMS}")
    made = {each.name: each for each in asked.status.resource_claim_statuses or ()}
    title = f'pod "{namespace}/{asked.metadata.name}"'
    for each in claims:
        if each.resource_claim_name is not None:
            yield AskedClaim(each.name, claim=each.resource_claim_name)
        elif each.resource_claim_template_name is None:
            missing = f'{title}, spec.resourceClaim "{each.name}": none of the supported fields are set'
            yield AskedClaim(each.name, missing=missing)
        elif each.name not in made:
            missing = f"{title}: ResourceClaim not created yet"
            yield AskedClaim(each.name, template=each.resource_claim_template_name, missing=missing)
        elif (claim := made[each.name].resource_claim_name) is not None:
            # With a status and no name in it the pod needs no claim.
            yield AskedClaim(each.name, claim=claim, owner=asked.metadata.uid or "")


def _containers(pod: PodManifest, request: Request) -> tuple[ContainerRequest, ...]:
    if not any(is_extended(name) for name, _ in request):
        return ()
    return read_containers(pod.spec.init_containers or (), pod.spec.containers or ())


def _leftover(pod: PodManifest) -> tuple[str, str] | None:
    extended = extended_claim(pod)
    if extended is None or not extended.resource_claim_name or not pod.metadata.uid:
        return None
    return extended.resource_claim_name, pod.metadata.uid


def _named(field: str, read: Any, *arguments: Any) -> Any:
    try:
        return read(*arguments)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def _features(spec: AskedSpecManifest) -> frozenset[str]:
    """Return the features that a node has to declare (k8s.io/component-helpers, nodedeclaredfeatures)."""
    containers = [*(spec.containers or ()), *(spec.init_containers or ())]
    features = set()
    if any(
        rule.action == "RestartAllContainers"
        for each in containers
        for rule in each.restart_policy_rules or ()
    ):
        features.add("RestartAllContainersOnContainerExits")
    if spec.host_network and spec.host_users is False:
        features.add("UserNamespacesHostNetworkSupport")
    if any(mount.bind_mount_options for each in containers for mount in each.volume_mounts or ()):
        features.add("VolumeBindMountOptions")
    return frozenset(features)


_VOLUMES = frozenset({"persistentVolumeClaim", "ephemeral"})
"""The kinds of volumes that bind a pod to a PersistentVolume, which may be in one zone or on one node."""

_DISKS = frozenset(
    {"gcePersistentDisk", "awsElasticBlockStore", "rbd", "iscsi", "csi", "azureDisk", "cinder"}
)
"""The kinds of volumes of which a node has a maximum number, or that only one pod at a time may mount."""


def _unchecked(spec: AskedSpecManifest) -> list[str]:
    found = []
    kinds = {kind for volume in spec.volumes or () for kind in volume}
    if kinds & (_VOLUMES | _DISKS):
        found.append("volumes")
    if spec.scheduling_group is not None or spec.workload_ref is not None:
        found.append("pod_groups")
    if spec.scheduler_name not in (None, "", DEFAULT_SCHEDULER):
        found.append("scheduler")
    return found
