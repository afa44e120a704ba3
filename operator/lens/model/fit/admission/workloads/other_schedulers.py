"""Schedulers and queues besides kube-scheduler that decide about a workload's pods, for ``not_checked``.

Queues let pods start later, gangs only together, and other schedulers have rules of their own. Their
controllers find their pods by labels, annotations and fields, of the pods or of what makes them. Sources:
the references of Kueue, Volcano, YuniKorn, KAI, Koordinator, the scheduler-plugins (coscheduling), KubeRay,
Kubeflow's operator, JobSet and LeaderWorkerSet; ``spec.scheduling`` of a Job in Kubernetes 1.37.
"""

from collections.abc import Iterable, Iterator, Mapping

from lens.model.fit.admission.json_values import Object
from lens.model.fit.spec.pod import DEFAULT_SCHEDULER

QUEUES, GANG, SCHEDULER, EXCLUSIVE = "queues", "pod_groups", "scheduler", "exclusive_topology"

_DOMAINS = {
    "kueue.x-k8s.io": QUEUES,
    "yunikorn.apache.org": SCHEDULER,
    "kai.scheduler": QUEUES,
    "pod-group.scheduling.sigs.k8s.io": GANG,
    "gang.scheduling.koordinator.sh": GANG,
}
"""Domains of labels and annotations, all of which are for such a scheduler or queue."""

_KEYS = {
    "scheduling.k8s.io/group-name": GANG,
    "scheduling.volcano.sh/group-name": GANG,
    "scheduling.x-k8s.io/pod-group": GANG,
    "volcano.sh/queue-name": QUEUES,
    "scheduling.volcano.sh/queue-name": QUEUES,
    "runai/queue": QUEUES,
    "quota.scheduling.koordinator.sh/name": QUEUES,
    "ray.io/gang-scheduling-enabled": GANG,
    "alpha.jobset.sigs.k8s.io/exclusive-topology": EXCLUSIVE,
    "leaderworkerset.sigs.k8s.io/exclusive-topology": EXCLUSIVE,
    "leaderworkerset.sigs.k8s.io/subgroup-exclusive-topology": EXCLUSIVE,
}

_SCHEDULERS = frozenset({"ray.io/scheduler-name"})
"""Labels with a scheduler's name."""

_FIELDS = frozenset({"schedulingPolicy", "schedulingConstraints", "podGroupPolicy"})
"""Fields of workloads: objects that say which pods start together, and where."""

_SCHEDULER_FIELDS = frozenset({"schedulerName", "batchScheduler"})

_GROUPS = {"kueue.x-k8s.io": QUEUES, "batch.volcano.sh": SCHEDULER, "scheduling.run.ai": SCHEDULER}
"""API groups of kinds that one of these is for: Volcano's Job has Volcano's scheduler where it names none."""


def decided_by(workload: Object, api_group: str) -> tuple[str, ...]:
    """Return the other schedulers and queues of all pods of a workload."""
    found = [_GROUPS[api_group]] if api_group in _GROUPS else []
    return (*found, *by_metadata(workload.get("metadata")), *_in_fields(workload.get("spec")))


def by_metadata(metadata: object) -> Iterator[str]:
    """Yield the other schedulers and queues that an object's labels and annotations name."""
    if not isinstance(metadata, dict):
        return
    for part in ("labels", "annotations"):
        pairs = metadata.get(part)
        yield from _by_pairs(pairs) if isinstance(pairs, dict) else ()


def _by_pairs(pairs: Mapping[str, object]) -> Iterator[str]:
    for key, value in pairs.items():
        domain, slash, _ = key.partition("/")
        if key in _KEYS:
            yield _KEYS[key]
        elif key in _SCHEDULERS:
            yield from _other(value)
        elif slash and domain in _DOMAINS:
            yield _DOMAINS[domain]


def _in_fields(spec: object) -> Iterator[str]:
    """Yield the other schedulers and queues that a workload's fields name, outside its pod templates."""
    left = [spec]
    while left:
        each = left.pop()
        if isinstance(each, list):
            left += each
        elif isinstance(each, dict) and not _is_pod_template(each):
            for key, value in each.items():
                if key == "metadata":
                    yield from by_metadata(value)
                elif key in _SCHEDULER_FIELDS:
                    yield from _other(value)
                elif key == "managedBy" and isinstance(value, str) and value.startswith("kueue.x-k8s.io/"):
                    yield QUEUES
                elif key in _FIELDS and value and isinstance(value, dict):
                    yield GANG
                else:
                    left.append(value)


def _is_pod_template(value: Mapping[str, object]) -> bool:
    spec = value.get("spec")
    return isinstance(spec, dict) and isinstance(spec.get("containers"), list)


def _other(scheduler: object) -> Iterable[str]:
    return (SCHEDULER,) if isinstance(scheduler, str) and scheduler not in ("", DEFAULT_SCHEDULER) else ()
