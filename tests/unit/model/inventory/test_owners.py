"""A task goes under the name that its user gave: the Deployment's or CronJob's, not a generated one."""

import pytest

from lens.model.inventory.objects.pod import Workload
from tests.unit.model.manifests import Object, container, pod, viewed_pod

# The minute 29435970 since the epoch.
SCHEDULED = "2025-12-19T15:30:00Z"
MINUTE = 29435970


def owner(kind: str, name: str, api_version: str, *, controller: bool | None = True) -> Object:
    """Return an owner reference."""
    return {"apiVersion": api_version, "kind": kind, "name": name, "uid": "1", "controller": controller}


def workload(*owners: Object, **metadata: object) -> tuple[str, str, str | None]:
    """Return the workload's type and name, and the owner."""
    view = viewed_pod(pod(container("a", "1"), metadata={"ownerReferences": list(owners)} | metadata))
    return view.workload.kind, view.workload.name, view.owner


def test_a_bare_pod_is_its_own_workload() -> None:
    assert workload() == ("Pod", "train-0", None)
    assert viewed_pod(pod(container("a", "1"))).workload == Workload("Pod", "train-0")
    assert workload(owner("Node", "node-1", "v1", controller=False)) == ("Pod", "train-0", None)
    assert workload(owner("Node", "node-1", "v1", controller=None)) == ("Pod", "train-0", None)


def test_the_controller_is_the_owner_among_several() -> None:
    owners = (owner("Other", "x", "v1", controller=False), owner("StatefulSet", "db", "apps/v1"))
    assert workload(*owners) == ("StatefulSet", "db", "db")


def test_a_replicaset_belongs_to_the_deployment_of_its_pod_template_hash() -> None:
    replicaset = owner("ReplicaSet", "serve-llm-5d8f9c7b6", "apps/v1")
    hashed = {"pod-template-hash": "5d8f9c7b6"}
    assert workload(replicaset, labels=hashed) == ("Deployment", "serve-llm", "serve-llm-5d8f9c7b6")


@pytest.mark.parametrize(
    ("name", "api_version", "labels"),
    [
        ("serve-llm-5d8f9c7b6", "apps/v1", {}),
        ("serve-llm-5d8f9c7b6", "apps/v1", None),
        ("serve-llm-5d8f9c7b6", "apps/v1", {"pod-template-hash": "abc"}),
        ("serve-llm-5d8f9c7b6", "apps/v1", {"pod-template-hash": ""}),
        ("serve-llm", "apps/v1", {"pod-template-hash": "llm2"}),
        ("5d8f9c7b6", "apps/v1", {"pod-template-hash": "5d8f9c7b6"}),
        # Argo's Rollouts own ReplicaSets too, and label them otherwise.
        ("serve-llm-5d8f9c7b6", "apps/v1", {"rollouts-pod-template-hash": "5d8f9c7b6"}),
        ("serve-llm-5d8f9c7b6", "example.com/v1", {"pod-template-hash": "5d8f9c7b6"}),
    ],
)
def test_a_replicaset_without_a_deployments_marks_is_itself(
    name: str, api_version: str, labels: object
) -> None:
    assert workload(owner("ReplicaSet", name, api_version), labels=labels) == ("ReplicaSet", name, name)


@pytest.mark.parametrize("created", [SCHEDULED, "2025-12-19T15:30:07Z", "2025-12-21T03:00:00Z"])
def test_a_job_that_is_named_after_a_minute_belongs_to_a_cronjob(created: str) -> None:
    job = f"nightly-eval-{MINUTE}"
    assert workload(owner("Job", job, "batch/v1"), creationTimestamp=created) == (
        "CronJob",
        "nightly-eval",
        job,
    )


@pytest.mark.parametrize(
    ("name", "created"),
    [
        ("train-20251219", SCHEDULED),  # a date, by hand
        ("train-19122025", SCHEDULED),
        ("train-00000001", SCHEDULED),
        ("train-99999999", SCHEDULED),
        (f"train-{MINUTE}", "2026-12-19T15:30:00Z"),  # a number that was a minute long ago
        (f"train-{MINUTE}", "yesterday"),
        (f"train-{MINUTE}", None),
        (f"train-{MINUTE}0", SCHEDULED),
        (f"train{MINUTE}", SCHEDULED),
        (f"-{MINUTE}", SCHEDULED),
        (f"train-{MINUTE}-x7b2p", SCHEDULED),
        ("train-\u0662\u0669\u0664\u0663\u0665\u0669\u0667\u0660", SCHEDULED),
        ("train", SCHEDULED),
    ],
)
def test_a_job_that_is_named_otherwise_is_itself(name: str, created: str | None) -> None:
    job = owner("Job", name, "batch/v1")
    assert workload(job, creationTimestamp=created) == ("Job", name, name)


def test_somebody_elses_job_is_no_cronjobs() -> None:
    job = owner("Job", f"train-{MINUTE}", "batch.volcano.sh/v1alpha1")
    assert workload(job, creationTimestamp=SCHEDULED) == ("Job", f"train-{MINUTE}", f"train-{MINUTE}")


@pytest.mark.parametrize(
    ("kind", "api_version"),
    [
        ("PyTorchJob", "kubeflow.org/v1"),
        ("RayCluster", "ray.io/v1"),
        ("LeaderWorkerSet", "leaderworkerset.x-k8s.io/v1"),
        ("StatefulSet", "apps/v1"),
        ("DaemonSet", "apps/v1"),
    ],
)
def test_any_other_controller_is_the_workload(kind: str, api_version: str) -> None:
    assert workload(owner(kind, "llm", api_version)) == (kind, "llm", "llm")


def test_a_job_that_a_jobset_has_labelled_belongs_to_it() -> None:
    job = owner("Job", f"sweep-workers-{MINUTE}", "batch/v1")
    labels = {"jobset.sigs.k8s.io/jobset-name": "sweep"}
    told = workload(job, labels=labels, creationTimestamp=SCHEDULED)
    assert told == ("JobSet", "sweep", f"sweep-workers-{MINUTE}")
    assert workload(owner("PyTorchJob", "llm", "kubeflow.org/v1"), labels=labels)[0] == "PyTorchJob"


def test_a_bare_pod_of_a_group_belongs_to_kueues_workload() -> None:
    labels = {"kueue.x-k8s.io/pod-group-name": "sweep"}
    assert workload(labels=labels) == ("Workload", "sweep", None)
    assert workload(owner("StatefulSet", "db", "apps/v1"), labels=labels)[0] == "StatefulSet"
    assert workload(labels={"kueue.x-k8s.io/pod-group-name": ""}) == ("Pod", "train-0", None)
