"""The groups of pods of one document: of a kind whose fields are known, or of any other."""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from lens.model.fit.admission.json_values import Object, as_object
from lens.model.fit.admission.workloads.controller_labels import Owner, added_labels, labelled
from lens.model.fit.admission.workloads.fields import name_field
from lens.model.fit.admission.workloads.kinds import (
    cron_job_pods,
    daemon_set_pods,
    job_pods,
    job_set_pods,
    leader_worker_set_pods,
    replicated_pods,
)
from lens.model.fit.admission.workloads.other_schedulers import by_metadata, decided_by
from lens.model.fit.admission.workloads.pod_group import PodGroup
from lens.model.fit.admission.workloads.ray import ray_cluster_pods, ray_job_pods, ray_service_pods
from lens.model.fit.admission.workloads.unknown_kinds import pods_of_any_kind
from lens.model.k8s.bounds import LONGEST_NAME, LONGEST_WORD, short


def pod_groups(each: Object, where: str, depth: int = 0) -> Iterator[PodGroup]:
    """Yield the groups of pods that an object makes; ``where`` is the path to its fields.

    ``depth`` is the number of levels above it, of an object that stands in another.
    Raise ValueError, naming the field, for what can't be read.
    """
    kind = short(each["kind"], LONGEST_WORD)
    if kind == "Pod":
        decided = tuple(by_metadata(each.get("metadata")))
        yield PodGroup("Pod", where.rstrip("."), each, unchecked=decided)
        return
    if kind in _WITHOUT_PODS and is_known(each):
        return
    spec = as_object(each.get("spec"), f"{where}spec")
    read = _KINDS.get(kind) if is_known(each) else None
    meta, api_group = as_object(each.get("metadata"), f"{where}metadata"), api_group_of(each)
    decided = (*["volumes"] * _claims_volumes(spec), *decided_by(each, api_group))
    owner = Owner(
        kind=kind if read is not None else f"{kind}.{api_group}",
        api_group=api_group,
        name=name_field(meta, "name", f"{where}metadata"),
        place=where,
        manual=spec.get("manualSelector") is True,
    )
    groups = (
        read(spec, f"{where}spec")
        if read is not None
        else pods_of_any_kind(spec, f"{where}spec", pod_groups, depth)
    )
    for group in groups:
        added = added_labels(owner, group.name, group.owners, group.field)
        template, about_others = labelled(group.template, added, group.field)
        yield msgspec.structs.replace(
            group,
            name=short(f"{kind} {group.name}".rstrip(), LONGEST_NAME),
            template=template,
            about_others=about_others or group.about_others,
            unchecked=(*group.unchecked, *decided, *by_metadata(template.get("metadata"))),
        )


def _claims_volumes(value: object) -> bool:
    """Return whether a workload brings PersistentVolumeClaims, wherever its kind has them.

    StatefulSet and LeaderWorkerSet have ``volumeClaimTemplates``, JobSet ``volumeClaimPolicies``, and
    Volcano's Job a ``volumeClaim`` or a ``volumeClaimName`` for each volume.
    """
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            for key, inner in each.items():
                names_one = key == "volumeClaimName" or isinstance(inner, (dict, list))
                if inner and names_one and key.startswith("volumeClaim"):
                    return True
                left.append(inner)
        elif isinstance(each, list):
            left += each
    return False


_API_GROUPS = frozenset(
    {
        "",
        "apps",
        "batch",
        "extensions",
        "jobset.x-k8s.io",
        "leaderworkerset.x-k8s.io",
        "ray.io",
        "resource.k8s.io",
    }
)
"""The API groups of the kinds whose fields are known: Volcano has a Job of its own, and Knative a Service."""


def is_known(each: Object) -> bool:
    """Return whether the object is of an API group whose kinds are known by name."""
    return api_group_of(each) in _API_GROUPS


def api_group_of(each: Object) -> str:
    """Return the API group of an object; empty for the core group, and without an apiVersion."""
    version = each.get("apiVersion")
    group, slash, _ = version.partition("/") if isinstance(version, str) else ("", "", "")
    return group if slash else ""


_WITHOUT_PODS = frozenset({"PodTemplate", "ResourceClaim", "ResourceClaimTemplate", "ConfigMap", "Service"})


_KINDS: Mapping[str, Callable[[Object, str], Iterator[PodGroup]]] = {
    "Deployment": replicated_pods,
    "ReplicaSet": replicated_pods,
    "StatefulSet": replicated_pods,
    "ReplicationController": replicated_pods,
    "DaemonSet": daemon_set_pods,
    "Job": job_pods,
    "CronJob": cron_job_pods,
    "JobSet": job_set_pods,
    "LeaderWorkerSet": leader_worker_set_pods,
    "RayCluster": ray_cluster_pods,
    "RayJob": ray_job_pods,
    "RayService": ray_service_pods,
}
