"""A pod as the ledger knows it: who it is, which GPUs it asks for, where it runs, who made it."""

import re
from sys import intern
from typing import NamedTuple

import msgspec

from lens.model import timestamps
from lens.model.manifests import OwnerReference, PodManifest
from lens.model.requests import gpu_request
from lens.model.resources import GpuResources, Units

FINISHED_PHASES = frozenset({"Succeeded", "Failed"})
"""The phases in which a pod holds nothing any more (KEP-1748)."""

_CRONJOB_NAME = re.compile(r"(?P<cronjob>.+)-(?P<minutes>\d{8})", re.ASCII)
_CRONJOB_SLACK_SECONDS = 7 * 86400


class PodKey(NamedTuple):
    """What an informer files a pod under."""

    namespace: str
    name: str


class Workload(msgspec.Struct, frozen=True, gc=False):
    """The topmost known controller of a pod, or the pod itself."""

    kind: str
    name: str


class Pod(msgspec.Struct, frozen=True, gc=False):
    """A pod that asks for GPUs and hasn't finished.

    ``node`` is empty until the pod is bound; from then on it holds ``units``. Two pods are equal when
    nothing differs that any figure or list shows.
    """

    namespace: str
    name: str
    uid: str
    node: str
    phase: str
    units: Units
    started_at: int | None
    terminating: bool
    owner: str | None
    workload: Workload

    @property
    def key(self) -> PodKey:
        """Return the pod's place in an informer's store."""
        return PodKey(self.namespace, self.name)

    @property
    def gpus(self) -> int:
        """Return how many GPUs the pod asks for, all resources together."""
        return sum(units for _, units in self.units)

    @property
    def is_running(self) -> bool:
        """Tell whether the pod is a running task."""
        return bool(self.node) and self.phase == "Running"


def read_pod(manifest: PodManifest, gpus: GpuResources) -> Pod | None:
    """Return the ledger's view of a pod, or None for one that holds and wants no GPU.

    Raise ValueError, naming the resource, when a GPU quantity can't be read.
    """
    phase = manifest.status.phase or "Pending"
    if phase in FINISHED_PHASES:
        return None
    units = gpu_request(manifest, gpus)
    if not units:
        return None
    meta = manifest.metadata
    controller = next((owner for owner in meta.owner_references or () if owner.controller), None)
    return Pod(
        namespace=intern(meta.namespace or ""),
        name=meta.name,
        uid=meta.uid or "",
        node=intern(manifest.spec.node_name or ""),
        phase=intern(phase),
        units=units,
        started_at=timestamps.parse(manifest.status.start_time),
        terminating=meta.deletion_timestamp is not None,
        owner=controller.name if controller else None,
        workload=_workload(manifest, controller),
    )


def _workload(manifest: PodManifest, controller: OwnerReference | None) -> Workload:
    """Name the controller above the direct one where its naming rule gives it away."""
    meta = manifest.metadata
    if controller is None:
        return Workload("Pod", meta.name)
    group = controller.api_version.partition("/")[0]
    if (group, controller.kind) == ("apps", "ReplicaSet"):
        # A Deployment names its ReplicaSets <deployment>-<hash> and labels their pods with the hash.
        pod_template_hash = (meta.labels or {}).get("pod-template-hash")
        if pod_template_hash and controller.name.endswith(f"-{pod_template_hash}"):
            return Workload("Deployment", controller.name.removesuffix(f"-{pod_template_hash}"))
    if (group, controller.kind) == ("batch", "Job"):
        # A CronJob names its Jobs <cronjob>-<minute of the schedule, counted from the epoch>. Eight
        # digits may also be a date in somebody's own name, so they have to be near the pod's birth.
        match = _CRONJOB_NAME.fullmatch(controller.name)
        created = timestamps.parse(meta.creation_timestamp)
        if match and created and abs(int(match["minutes"]) * 60 - created) < _CRONJOB_SLACK_SECONDS:
            return Workload("CronJob", match["cronjob"])
    return Workload(controller.kind, controller.name)
