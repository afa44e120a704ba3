"""The labels that controllers give their pods."""

from typing import Any

import pytest

from lens.model.fit.admission.workloads.pod_group import PodGroup
from lens.model.fit.admission.workloads.workload import read_workload

GROUPS = {
    "CronJob": "batch/v1",
    "DaemonSet": "apps/v1",
    "Deployment": "apps/v1",
    "Job": "batch/v1",
    "JobSet": "jobset.x-k8s.io/v1alpha2",
    "LeaderWorkerSet": "leaderworkerset.x-k8s.io/v1",
    "MPIJob": "kubeflow.org/v2beta1",
    "PyTorchJob": "kubeflow.org/v1",
    "RayCluster": "ray.io/v1",
    "RayJob": "ray.io/v1",
    "ReplicaSet": "apps/v1",
    "Service": "serving.knative.dev/v1",
    "StatefulSet": "apps/v1",
}
JOB = {"batch.kubernetes.io/job-name", "job-name", "batch.kubernetes.io/controller-uid", "controller-uid"}


def template(rule: Any = None, **labels: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": "main"}]}
    if rule is not None:
        terms = {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone", **rule}]}
        spec["affinity"] = {"podAntiAffinity": terms}
    return {"metadata": {"labels": labels}, "spec": spec}


def about(key: str) -> dict[str, Any]:
    return {"labelSelector": {"matchLabels": {key: "0"}}}


def documents(*each: tuple[str, dict[str, Any]], name: str | None = "train") -> list[dict[str, Any]]:
    return [
        {"apiVersion": GROUPS[kind], "kind": kind, "metadata": {"name": name}, "spec": spec}
        for kind, spec in each
    ]


def groups(kind: str, spec: dict[str, Any], name: str | None = "train") -> tuple[PodGroup, ...]:
    return read_workload(documents((kind, spec), name=name)).groups


def labels(group: PodGroup) -> dict[str, str]:
    found: dict[str, str] = group.template["metadata"]["labels"]
    return found


def job_set(replicas: int, rule: Any = None) -> dict[str, Any]:
    job = {"parallelism": 2, "template": template(rule, app="a")}
    return {"replicatedJobs": [{"name": "workers", "replicas": replicas, "template": {"spec": job}}]}


def ray(rule: Any = None, **own: str) -> dict[str, Any]:
    worker = {"groupName": "gpus", "replicas": 2, "template": template(rule, **own)}
    return {"headGroupSpec": {"template": template()}, "workerGroupSpecs": [worker]}


def test_a_jobs_pods_have_its_name_and_a_uid_of_their_own() -> None:
    (job,) = groups("Job", {"template": template(app="a")})
    assert set(labels(job)) == {"app", *JOB}
    assert labels(job)["job-name"] == labels(job)["batch.kubernetes.io/job-name"] == "train"
    (cron,) = groups("CronJob", {"jobTemplate": {"spec": {"template": template()}}})
    assert labels(cron)["job-name"].startswith("made-up-")
    (manual,) = groups("Job", {"manualSelector": True, "template": template(app="a")})
    assert labels(manual) == {"app": "a"}


def test_what_is_not_made_yet_is_like_nothing_else() -> None:
    (first, second) = read_workload(
        documents(("Deployment", {"template": template()}), ("Deployment", {"template": template()}))
    ).groups
    assert set(labels(first)) == set(labels(second)) == {"pod-template-hash"}
    assert labels(first) != labels(second)
    (nameless,) = groups("Job", {"template": template()}, name=None)
    assert labels(nameless)["job-name"].startswith("made-up-")


def test_the_pods_of_sets_have_what_all_of_them_have() -> None:
    (daemon,) = groups("DaemonSet", {"template": template()})
    assert set(labels(daemon)) == {"controller-revision-hash", "pod-template-generation"}
    (stateful,) = groups("StatefulSet", {"template": template()})
    assert set(labels(stateful)) == {"controller-revision-hash"}
    (replicas,) = groups("ReplicaSet", {"template": template(app="a")})
    assert labels(replicas) == {"app": "a"}
    both = {"size": 2, "leaderTemplate": template(), "workerTemplate": template()}
    leader, worker = groups("LeaderWorkerSet", {"replicas": 2, "leaderWorkerTemplate": both})
    assert labels(worker) == {"leaderworkerset.sigs.k8s.io/name": "train"}
    assert labels(leader) == labels(worker) | {"leaderworkerset.sigs.k8s.io/worker-index": "0"}


def test_a_jobsets_pods_have_their_jobs_labels_where_there_is_one_job() -> None:
    (one,) = groups("JobSet", job_set(1))
    assert labels(one)["job-name"] == "train-workers-0"
    (two,) = groups("JobSet", job_set(2))
    assert not JOB & set(labels(two))
    assert labels(two)["jobset.sigs.k8s.io/jobset-name"] == "train"
    assert labels(two)["jobset.sigs.k8s.io/replicatedjob-name"] == "workers"


def test_rays_pods_have_their_cluster_and_group_and_keep_their_own() -> None:
    head, workers = groups("RayCluster", ray(**{"app.kubernetes.io/name": "mine"}))
    assert labels(head)["ray.io/group"] == "headgroup"
    assert (labels(workers)["ray.io/cluster"], labels(workers)["ray.io/group"]) == ("train", "gpus")
    assert labels(head)["app.kubernetes.io/name"] == "kuberay"
    assert labels(workers)["app.kubernetes.io/name"] == "mine"
    job = {"rayClusterSpec": ray(), "submitterPodTemplate": template()}
    head, workers, submitter = groups("RayJob", job)
    assert labels(head)["ray.io/cluster"] == labels(workers)["ray.io/cluster"] != "train"
    assert labels(submitter)["job-name"] == "train"


def test_kubeflows_pods_have_their_job_and_type() -> None:
    (worker,) = groups("PyTorchJob", {"pytorchReplicaSpecs": {"Worker": {"template": template()}}})
    assert labels(worker) == {
        "training.kubeflow.org/job-name": "train",
        "training.kubeflow.org/replica-type": "worker",
    }
    (launcher,) = groups("MPIJob", {"mpiReplicaSpecs": {"Launcher": {"template": template()}}})
    assert labels(launcher) == {"training.kubeflow.org/job-name": "train"}


@pytest.mark.parametrize(
    ("kind", "spec", "unknown"),
    [
        ("StatefulSet", {"template": template(about("apps.kubernetes.io/pod-index"))}, True),
        ("StatefulSet", {"template": template(about("app"))}, False),
        # Other pods have this label.
        ("StatefulSet", {"template": template(about("job-name"))}, False),
        ("Job", {"template": template(about("job-name"))}, False),
        ("Job", {"template": template(about("batch.kubernetes.io/job-completion-index"))}, True),
        ("JobSet", job_set(1, about("job-name")), False),
        ("JobSet", job_set(2, about("job-name")), True),
        ("JobSet", job_set(2, {"labelSelector": {}, "matchLabelKeys": ["controller-uid"]}), True),
        (
            "JobSet",
            job_set(2, {"labelSelector": {"matchExpressions": [{"key": "jobset.sigs.k8s.io/job-key"}]}}),
            True,
        ),
        ("RayCluster", ray(about("ray.io/cluster")), False),
        ("RayCluster", ray(about("ray.io/replica-host-index")), True),
        ("PyTorchJob", {"x": {"template": template(about("training.kubeflow.org/replica-index"))}}, True),
        ("Service", {"template": template(about("serving.knative.dev/revision"))}, True),
        ("Service", {"template": template(about("example.com/revision"))}, False),
    ],
)
def test_rules_about_what_only_the_controller_knows_are_told(
    kind: str, spec: dict[str, Any], unknown: bool
) -> None:
    assert any(each.about_others for each in groups(kind, spec)) is unknown


@pytest.mark.parametrize(("when", "unknown"), [("DoNotSchedule", True), ("ScheduleAnyway", False)])
def test_of_spreading_only_what_keeps_pods_off_nodes_counts(when: str, unknown: bool) -> None:
    asked = template()
    asked["spec"]["topologySpreadConstraints"] = [
        {"whenUnsatisfiable": when, **about("statefulset.kubernetes.io/pod-name")}
    ]
    (group,) = groups("StatefulSet", {"template": asked})
    assert group.about_others is unknown
