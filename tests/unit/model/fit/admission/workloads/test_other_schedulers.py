"""What else than kube-scheduler decides on the pods of a manifest."""

from typing import Any

import pytest

from lens.model.fit.admission.workloads.workload import read_workload
from lens.model.fit.answer.asked_group import read_group
from lens.model.fit.view import NOTHING_FIT

SPEC = {"containers": [{"name": "main"}]}
POD = {"spec": SPEC}
KUEUE: Any = {"labels": {"kueue.x-k8s.io/queue-name": "q"}}
EXCLUSIVE = {"annotations": {"alpha.jobset.sigs.k8s.io/exclusive-topology": "kubernetes.io/hostname"}}
HEAD = {"headGroupSpec": {"template": POD}}


def labelled(key: str, value: str = "x", part: str = "labels") -> Any:
    return {"metadata": {part: {key: value}}, "spec": SPEC}


def made(kind: str, spec: Any, version: str = "v1", **metadata: Any) -> Any:
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def unchecked(document: Any) -> list[tuple[str, ...]]:
    groups = read_workload([document]).groups
    return [read_group(each, "ns", NOTHING_FIT).asked.unchecked for each in groups]


VOLCANO = "batch.volcano.sh/v1alpha1"
KUBEFLOW = {"pytorchReplicaSpecs": {"Worker": {"replicas": 2, "template": POD}}}
JOBS = {"replicatedJobs": [{"name": "w", "template": {"metadata": EXCLUSIVE, "spec": {"template": POD}}}]}


@pytest.mark.parametrize(
    ("document", "names"),
    [
        (made("Job", {"schedulerName": "volcano", "tasks": [{"template": POD}]}, VOLCANO), {"scheduler"}),
        (made("Job", {"tasks": [{"template": POD}]}, VOLCANO), {"scheduler"}),
        (made("RayCluster", HEAD, labels={"ray.io/scheduler-name": "volcano"}), {"scheduler"}),
        (made("RayCluster", HEAD, labels={"ray.io/gang-scheduling-enabled": "true"}), {"pod_groups"}),
        (made("RayJob", {"rayClusterSpec": HEAD}, **KUEUE), {"queues"}),
        (made("SparkApplication", {"batchScheduler": "volcano", "template": POD}), {"scheduler"}),
        (made("PyTorchJob", KUBEFLOW | {"runPolicy": {"schedulingPolicy": {"queue": "q"}}}), {"pod_groups"}),
        (made("PyTorchJob", KUBEFLOW | {"runPolicy": {"schedulingPolicy": {}}}), set()),
        (made("Job", {"template": POD, "scheduling": {"schedulingPolicy": {"gang": {}}}}), {"pod_groups"}),
        (made("Job", {"template": POD, "managedBy": "kueue.x-k8s.io/multikueue"}), {"queues"}),
        (made("Job", {"template": POD, "managedBy": "acme.io/jobs"}), set()),
        (made("Deployment", {"template": {"metadata": KUEUE, "spec": SPEC}}), {"queues"}),
        (made("CronJob", {"jobTemplate": {"metadata": KUEUE, "spec": {"template": POD}}}), {"queues"}),
        (made("JobSet", {"replicatedJobs": []} | JOBS), {"exclusive_topology"}),
        (
            made("JobSet", {"replicatedJobs": JOBS["replicatedJobs"]}, **KUEUE),
            {"queues", "exclusive_topology"},
        ),
        (
            made(
                "LeaderWorkerSet",
                {"leaderWorkerTemplate": {"workerTemplate": POD}},
                annotations={"leaderworkerset.sigs.k8s.io/subgroup-exclusive-topology": "rack"},
            ),
            {"exclusive_topology"},
        ),
        ({"kind": "Pod", **labelled("scheduling.k8s.io/group-name", part="annotations")}, {"pod_groups"}),
        ({"kind": "Pod", **labelled("scheduling.x-k8s.io/pod-group")}, {"pod_groups"}),
        (
            {"kind": "Pod", **labelled("gang.scheduling.koordinator.sh/name", part="annotations")},
            {"pod_groups"},
        ),
        ({"kind": "Pod", **labelled("kueue.x-k8s.io/pod-group-name")}, {"queues"}),
        ({"kind": "Pod", **labelled("kai.scheduler/queue")}, {"queues"}),
        ({"kind": "Pod", **labelled("yunikorn.apache.org/app-id")}, {"scheduler"}),
        ({"kind": "Pod", **labelled("ray.io/scheduler-name", "default-scheduler")}, set()),
        ({"kind": "Pod", **labelled("kueue")}, set()),
        (made("Deployment", {"schedulerName": "default-scheduler", "template": POD}), set()),
    ],
)
def test_what_else_decides_on_pods_is_named(document: Any, names: set[str]) -> None:
    assert {name for each in unchecked(document) for name in each} == names


def test_what_a_template_says_is_about_its_pods_alone() -> None:
    tasks: Any = {"Master": {"template": POD}, "Worker": {"template": {"metadata": KUEUE, "spec": SPEC}}}
    assert unchecked(made("PyTorchJob", {"pytorchReplicaSpecs": tasks})) == [(), ("queues",)]
    # The fields of a pod are its own, and what others write into annotations is text.
    own = {"spec": {**SPEC, "schedulerName": "mine"}}
    tasks = {"Master": {"template": POD}, "Worker": {"template": own}}
    assert unchecked(made("PyTorchJob", {"pytorchReplicaSpecs": tasks})) == [(), ("scheduler",)]


def test_pod_sets_of_kueue_have_a_count() -> None:
    sets: Any = [{"name": "main", "count": 20, "template": POD}, {"name": "driver", "template": POD}]
    workload = made("Workload", {"podSets": sets}, "kueue.x-k8s.io/v1beta2")
    groups = read_workload([workload]).groups
    assert [(each.name, each.replicas) for each in groups] == [("Workload main", 20), ("Workload driver", 1)]
    assert unchecked(workload) == [("queues",), ("queues",)]
    with pytest.raises(ValueError, match=r"podSets\[0\]\.count: it isn't a number"):
        read_workload([made("Workload", {"podSets": [{**sets[0], "count": "many"}]})])


@pytest.mark.parametrize("odd", [None, 3, "text", [], ["x"], {"labels": 3}, {"labels": {"a": {}}}])
def test_odd_metadata_below_a_workload_decides_nothing(odd: Any) -> None:
    (found,) = unchecked(made("Job", {"other": {"metadata": odd}, "template": POD}))
    assert found == ()
