"""The pods of Kubernetes' workloads, of JobSet and of LeaderWorkerSet."""

from collections.abc import Iterator

from lens.model.fit.admission.json_values import Object, as_list, as_object
from lens.model.fit.admission.workloads.fields import count_field, name_field, pod_template
from lens.model.fit.admission.workloads.pod_group import PodGroup


def replicated_pods(spec: Object, where: str) -> Iterator[PodGroup]:
    """Yield the pods of a Deployment, ReplicaSet, StatefulSet or ReplicationController."""
    yield PodGroup(
        "",
        f"{where}.template",
        pod_template(spec, "template", where),
        count_field(spec, "replicas", where, 1),
    )


def daemon_set_pods(spec: Object, where: str) -> Iterator[PodGroup]:
    """Yield the pods of a DaemonSet."""
    yield PodGroup("", f"{where}.template", pod_template(spec, "template", where), None)


def job_pods(spec: Object, where: str, times: int = 1, name: str = "") -> Iterator[PodGroup]:
    """Yield the pods of as many equal Jobs."""
    parallelism = count_field(spec, "parallelism", where, 1)
    if spec.get("completions") is not None:
        parallelism = min(parallelism, count_field(spec, "completions", where, 1))
    yield PodGroup(
        name, f"{where}.template", pod_template(spec, "template", where), times * parallelism, owners=times
    )


def cron_job_pods(spec: Object, where: str) -> Iterator[PodGroup]:
    """Yield the pods of one Job of a CronJob."""
    template = as_object(spec.get("jobTemplate"), f"{where}.jobTemplate")
    where = f"{where}.jobTemplate.spec"
    yield from job_pods(as_object(template.get("spec"), where), where)


def job_set_pods(spec: Object, where: str) -> Iterator[PodGroup]:
    """Yield the pods of each replicated Job of a JobSet."""
    for number, job in enumerate(as_list(spec.get("replicatedJobs"), f"{where}.replicatedJobs")):
        at = f"{where}.replicatedJobs[{number}]"
        job = as_object(job, at)
        template = as_object(job.get("template"), f"{at}.template")
        yield from job_pods(
            as_object(template.get("spec"), f"{at}.template.spec"),
            f"{at}.template.spec",
            count_field(job, "replicas", at, 1),
            name_field(job, "name", at),
        )


def leader_worker_set_pods(spec: Object, where: str) -> Iterator[PodGroup]:
    """Yield the leaders and the workers of a LeaderWorkerSet."""
    groups, at = count_field(spec, "replicas", where, 1), f"{where}.leaderWorkerTemplate"
    both = as_object(spec.get("leaderWorkerTemplate"), at)
    size = count_field(both, "size", at, 1)
    workers = size
    if both.get("leaderTemplate") is not None:
        workers = size - 1
        yield PodGroup(
            "leader", f"{at}.leaderTemplate", pod_template(both, "leaderTemplate", at), groups, owners=groups
        )
    if workers > 0:
        template = pod_template(both, "workerTemplate", at)
        yield PodGroup("worker", f"{at}.workerTemplate", template, groups * workers, owners=groups)
