"""A pod as the ledger stores it: its identity, its GPU request, its claims, its node and its controller."""

import re
from collections.abc import Iterable
from sys import intern

import msgspec

from lens.model.inventory.objects.fraction import RESERVATIONS, Fraction, gpu_groups, read_fraction
from lens.model.inventory.objects.pending import Waiting, read_waiting
from lens.model.inventory.objects.pod_claims import (
    ClaimUse,
    PodClaim,
    extended_claim,
    pod_claims,
    resources_of_claim,
)
from lens.model.inventory.objects.pod_key import PodKey as PodKey
from lens.model.k8s import timestamps
from lens.model.k8s.bounds import LONGEST_NAME, LONGEST_RESOURCE, short
from lens.model.k8s.dra.allocated_devices import Device, allocated_devices
from lens.model.k8s.gpu_resources import CLASS_PREFIX, GpuResources, Units
from lens.model.k8s.objects import OwnerReference, PodManifest
from lens.model.k8s.pod_requests import gpu_request

FINISHED_PHASES = frozenset({"Succeeded", "Failed"})
"""The phases in which a pod holds nothing any more (KEP-1748)."""

_CRONJOB_NAME = re.compile(r"(?P<cronjob>.+)-(?P<minutes>\d{8})", re.ASCII)
_CRONJOB_SLACK_SECONDS = 7 * 86400


class Workload(msgspec.Struct, frozen=True, gc=False):
    """The topmost known controller of a pod, or the pod itself."""

    kind: str
    name: str


class Controller(msgspec.Struct, frozen=True, gc=False):
    """A controlling owner as an owned object names it; ``namespace`` is the owned object's.

    Anybody who may write an object may name any owner. So all fields together identify it and not its uid
    alone, and what was read in one namespace is never used in another.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


class Pod(msgspec.Struct, frozen=True, gc=False):
    """A pod that requests GPUs or parts of them, or names ResourceClaims, and hasn't finished.

    ``node`` is empty until the pod is bound; from then on it holds ``units``. ``devices`` are the units that
    its status names. ``claims`` are those that it names; in a snapshot ``uses`` says what those of GPUs are
    now, and ``claimed_gpus`` is the number of physical GPUs that it is on by them, or that it asks for.
    ``fraction`` is the part of GPUs that it asks KAI-Scheduler for, whose GPUs are among ``claimed_gpus``.
    A reservation pod of KAI's holds its GPU for the pods of the GPU groups that it ``reserves`` it for.
    ``workload`` is derived from the pod alone. ``waiting`` says why an unbound pod is pending. Two pods are
    equal if no figure and no list shows a difference.
    """

    namespace: str
    name: str
    uid: str
    node: str
    phase: str
    units: Units
    started_at: int | None
    terminating: bool
    controller: Controller | None
    workload: Workload
    devices: tuple[Device, ...] = ()
    waiting: Waiting | None = None
    claims: tuple[PodClaim, ...] = ()
    uses: tuple[ClaimUse, ...] = ()
    claimed_gpus: int = 0
    fraction: Fraction | None = None
    reserves: tuple[str, ...] = ()

    @property
    def key(self) -> PodKey:
        """Return the pod's key in the store."""
        return PodKey(self.namespace, self.name)

    @property
    def path(self) -> str:
        """Return ``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    @property
    def owner(self) -> str | None:
        """Return the name of the pod's controller; None for a bare pod."""
        return self.controller.name if self.controller else None

    @property
    def gpus(self) -> int:
        """Return how many GPUs, or units of shared GPUs, the pod requests in all ways together."""
        gpus = self.claimed_gpus
        for _, units in self.units:
            gpus += units
        return gpus

    @property
    def is_running(self) -> bool:
        """Return whether the pod is a running task; with a fraction only on a GPU that is reserved for it."""
        return bool(self.node) and self.phase == "Running" and (self.fraction is None or self.gpus > 0)


def read_pod(
    manifest: PodManifest, gpus: GpuResources, reservations: str | None = RESERVATIONS
) -> Pod | None:
    """Return a pod, or None if it has finished, or requests no GPU, no part of one and names no claim.

    ``reservations`` is the namespace of KAI-Scheduler's reservation pods, None without KAI-Scheduler.
    Raise a ValueError that names the resource if a GPU quantity is invalid.
    """
    phase = manifest.status.phase or "Pending"
    if phase in FINISHED_PHASES:
        return None
    units = gpu_request(manifest, gpus)
    claims = pod_claims(manifest)
    if claims or any(resource.startswith(CLASS_PREFIX) for resource, _ in units):
        units = _without_claimed(manifest, units)
    meta = manifest.metadata
    # A pod that asks for whole GPUs can't ask for a part too.
    fraction = read_fraction(meta) if reservations is not None and not units else None
    if not units and not claims and fraction is None:
        return None
    owner = controlling(meta.owner_references)
    return Pod(
        namespace=intern(meta.namespace or ""),
        name=meta.name,
        uid=short(meta.uid or ""),
        node=intern(short(manifest.spec.node_name or "", LONGEST_NAME)),
        phase=intern(short(phase)),
        units=units,
        started_at=timestamps.parse(manifest.status.start_time),
        terminating=meta.deletion_timestamp is not None,
        controller=controller_named(owner, meta.namespace or "") if owner else None,
        workload=_workload(manifest, owner),
        devices=allocated_devices(manifest.status, dict(units), claims=bool(claims)),
        waiting=read_waiting(manifest),
        claims=claims,
        claimed_gpus=fraction.devices if fraction is not None and not manifest.spec.node_name else 0,
        fraction=fraction,
        reserves=gpu_groups(meta) if units and meta.namespace == reservations else (),
    )


def _without_claimed(manifest: PodManifest, units: Units) -> Units:
    """Return the units without those that a claim serves, or will: these are the claim's, and count there.

    A class's implicit resource is always served by a claim, so a bound pod holds nothing else of it. One that
    isn't bound asks for all of it: the scheduler deletes the claim of an attempt that failed.
    """
    if not manifest.spec.node_name:
        return units
    served = resources_of_claim(extended_claim(manifest))
    return tuple(
        (resource, number)
        for resource, number in units
        if resource not in served and not resource.startswith(CLASS_PREFIX)
    )


def controlling(owners: Iterable[OwnerReference] | None) -> OwnerReference | None:
    """Return the controlling owner (meta/v1 GetControllerOf), or None.

    Its texts are cut: no object has a name that is too long.
    """
    owner = next((owner for owner in owners or () if owner.controller), None)
    if owner is not None:
        # The apiserver accepts names and kinds of any length, since it doesn't check that the owner exists.
        owner.api_version, owner.kind = short(owner.api_version, LONGEST_RESOURCE), short(owner.kind)
        owner.name, owner.uid = short(owner.name, LONGEST_NAME), short(owner.uid)
    return owner


def controller_named(owner: OwnerReference, namespace: str) -> Controller:
    """Return the controller that an object of ``namespace`` names."""
    return Controller(intern(owner.api_version), intern(owner.kind), intern(namespace), owner.name, owner.uid)


def _workload(manifest: PodManifest, controller: OwnerReference | None) -> Workload:
    """Return the controller above the direct one if a label or naming rule shows it, else the direct one."""
    meta = manifest.metadata
    labels = meta.labels or {}
    if controller is None:
        # Kueue's Workload for a group of bare pods has the group's name (Kueue's KEP-976).
        group_name = labels.get("kueue.x-k8s.io/pod-group-name")
        return Workload("Workload", short(group_name)) if group_name else Workload("Pod", meta.name)
    group = controller.api_version.partition("/")[0]
    if (group, controller.kind) == ("apps", "ReplicaSet"):
        # A Deployment names its ReplicaSets <deployment>-<hash> and labels their pods with the hash.
        pod_template_hash = labels.get("pod-template-hash")
        if pod_template_hash and controller.name.endswith(f"-{pod_template_hash}"):
            return Workload("Deployment", controller.name.removesuffix(f"-{pod_template_hash}"))
    if (group, controller.kind) == ("batch", "Job"):
        # JobSet labels the pods of its Jobs (jobset/v1alpha2, JobSetNameKey).
        if jobset := labels.get("jobset.sigs.k8s.io/jobset-name"):
            return Workload("JobSet", short(jobset))
        # A CronJob names its Jobs <cronjob>-<minute of the schedule, counted from the epoch>. Eight
        # digits may also be a date in a user's own name, so they must be near the pod's creation.
        match = _CRONJOB_NAME.fullmatch(controller.name)
        created = timestamps.parse(meta.creation_timestamp)
        if match and created and abs(int(match["minutes"]) * 60 - created) < _CRONJOB_SLACK_SECONDS:
            return Workload("CronJob", match["cronjob"])
    return Workload(controller.kind, controller.name)
