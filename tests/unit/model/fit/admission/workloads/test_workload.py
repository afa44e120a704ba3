"""Which pods a manifest makes."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lens.model.fit.admission.workloads.fields import MAX_PODS
from lens.model.fit.admission.workloads.unknown_kinds import MAX_DEPTH
from lens.model.fit.admission.workloads.workload import read_workload
from lens.model.fit.answer.asked_group import read_group
from lens.model.fit.view import NOTHING_FIT

POD = {"spec": {"containers": [{"name": "main"}]}}
COUNTS = st.integers(0, 50)

FIELDS = st.sampled_from(
    [
        "kind",
        "metadata",
        "namespace",
        "spec",
        "template",
        "replicas",
        "containers",
        "initContainers",
        "resources",
        "limits",
        "requests",
        "items",
        "parallelism",
        "jobTemplate",
        "replicatedJobs",
        "leaderWorkerTemplate",
        "headGroupSpec",
        "workerGroupSpecs",
        "rayClusterSpec",
        "tolerations",
        "affinity",
        "nodeSelector",
        "ports",
        "hostNetwork",
        "priorityClassName",
        "runtimeClassName",
        "overhead",
        "volumeClaimTemplates",
        "name",
        "labels",
        "podAffinity",
        "podAntiAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "topologySpreadConstraints",
        "labelSelector",
        "matchLabels",
        "matchLabelKeys",
        "nvidia.com/gpu",
    ]
)
KINDS = st.sampled_from(
    [
        *("Pod", "List", "Deployment", "DaemonSet", "Job", "CronJob", "JobSet", "LeaderWorkerSet"),
        *("RayJob", "RayCluster", "RayService", "PyTorchJob", "Other"),
    ]
)
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-5, 20_000), st.floats(allow_nan=False), st.text(max_size=5)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(FIELDS, inner, max_size=5),
        st.builds(lambda spec: {"spec": spec}, inner),
        st.just(POD),
    ),
    max_leaves=12,
)


def sizes(kind: str, spec: Any) -> list[tuple[str, int | None]]:
    workload = read_workload([{"kind": kind, "spec": spec}])
    return [(group.name, group.replicas) for group in workload.groups]


@given(st.lists(st.one_of(VALUES, st.builds(lambda kind, spec: {"kind": kind, "spec": spec}, KINDS, VALUES))))
def test_whatever_is_sent_is_read_or_refused(documents: list[Any]) -> None:
    with contextlib.suppress(ValueError):
        workload = read_workload(documents)
        assert sum(each.replicas or 0 for each in workload.groups) <= MAX_PODS
        for group in workload.groups:
            read_group(group, "ns", NOTHING_FIT)


@given(COUNTS, COUNTS, COUNTS)
def test_replicas_multiply_as_their_controllers_do(outer: int, parallelism: int, completions: int) -> None:
    job = {"parallelism": parallelism, "completions": completions, "template": POD}
    jobs = [{"name": "w", "replicas": outer, "template": {"spec": job}}]
    assert sizes("JobSet", {"replicatedJobs": jobs}) == [("JobSet w", outer * min(parallelism, completions))]
    groups = {"replicas": outer, "leaderWorkerTemplate": {"size": parallelism + 1, "workerTemplate": POD}}
    assert sizes("LeaderWorkerSet", groups) == [("LeaderWorkerSet worker", outer * (parallelism + 1))]


@given(st.one_of(st.none(), COUNTS), COUNTS, COUNTS, st.integers(1, 4))
def test_ray_workers_are_within_their_bounds(replicas: int | None, least: int, more: int, hosts: int) -> None:
    worker = {"groupName": "w", "minReplicas": least, "maxReplicas": least + more, "numOfHosts": hosts}
    worker |= {"template": POD} | ({} if replicas is None else {"replicas": replicas})
    found = dict(sizes("RayCluster", {"headGroupSpec": {"template": POD}, "workerGroupSpecs": [worker]}))
    wanted = min(max(least if replicas is None else replicas, least), least + more)
    assert found["RayCluster head"] == 1
    assert found.get("RayCluster w", 0) == wanted * hosts


def test_a_suspended_group_of_ray_workers_has_no_pods() -> None:
    worker = {"groupName": "w", "minReplicas": 2, "replicas": 2, "suspend": True, "template": POD}
    cluster = {"headGroupSpec": {"template": POD}, "workerGroupSpecs": [worker]}
    assert sizes("RayCluster", cluster) == [("RayCluster head", 1)]


def test_a_leader_of_its_own_takes_a_workers_place() -> None:
    spec = {
        "replicas": 2,
        "leaderWorkerTemplate": {"size": 4, "leaderTemplate": POD, "workerTemplate": POD},
    }
    assert sizes("LeaderWorkerSet", spec) == [("LeaderWorkerSet leader", 2), ("LeaderWorkerSet worker", 6)]


def test_templates_are_found_wherever_they_are() -> None:
    spec = {
        "pytorchReplicaSpecs": {
            "Master": {"replicas": 1, "template": POD},
            "Worker": {"replicas": 3, "template": POD},
        }
    }
    assert sizes("PyTorchJob", spec) == [("PyTorchJob Master", 1), ("PyTorchJob Worker", 3)]
    deep: Any = {"template": POD}
    for _ in range(MAX_DEPTH + 2):
        deep = {"x": deep}
    with pytest.raises(ValueError, match="no pod template"):
        sizes("Deep", deep)


def wrapped(*objects: Any) -> list[tuple[str, int | None]]:
    """Return the pods of an object that makes others."""
    return sizes("AppWrapper", {"components": [{"template": each} for each in objects]})


JOB = {"parallelism": 4, "completions": 3, "template": POD}
RAY = {
    "headGroupSpec": {"template": POD},
    "workerGroupSpecs": [{"groupName": "w", "replicas": 2, "numOfHosts": 4, "template": POD}],
}


def test_objects_in_others_have_the_pods_that_they_have_by_themselves() -> None:
    whole = [
        {"apiVersion": "batch/v1", "kind": "Job", "spec": JOB},
        {"apiVersion": "ray.io/v1", "kind": "RayCluster", "spec": RAY},
        {"apiVersion": "v1", "kind": "Service", "spec": {"template": POD}},
        {"apiVersion": "v1", "kind": "Pod", **POD},
    ]
    pods = [("AppWrapper Job", 3), ("AppWrapper RayCluster head", 1), ("AppWrapper RayCluster w", 8)]
    assert wrapped(*whole) == [*pods, ("AppWrapper", 1)]
    assert sizes("ManifestWork", {"workload": {"manifests": [whole[-1]]}}) == [("ManifestWork Pod", 1)]
    # What only refers to an object has none.
    scaled = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}}
    assert sizes("Rollout", {**scaled, "replicas": 2, "template": POD}) == [("Rollout", 2)]


def test_what_a_manifest_in_another_needs_is_told() -> None:
    queued = {"labels": {"kueue.x-k8s.io/queue-name": "q"}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": queued, "spec": JOB}
    (group,) = read_workload([{"kind": "AppWrapper", "spec": {"components": [{"template": job}]}}]).groups
    assert "queues" in group.unchecked
    with pytest.raises(ValueError, match=r"^spec\.components\[0\]\.template\.spec\.parallelism: it isn't"):
        wrapped({"apiVersion": "batch/v1", "kind": "Job", "spec": {"parallelism": -1, "template": POD}})


@pytest.mark.parametrize(
    ("spec", "replicas"),
    [
        ({"jobTargetRef": JOB, "maxReplicaCount": 9}, 3),
        ({"template": {"jobTemplate": {"spec": JOB}}, "schedule": "* * * * *"}, 3),
        ({"parallelism": "10%", "template": POD}, 1),
        ({"replicas": None, "count": 2, "template": POD}, 2),
        # Templates of what has templates.
        ({"jobSetTemplate": {"spec": {"jobs": [{"replicas": 2, "template": {"spec": JOB}}]}}}, 6),
        ({"replicas": 2, "template": {"spec": {"roles": [{"replicas": 3, "template": POD}]}}}, 6),
        # What is beside a template is no part of it.
        ({"replicas": 5, "prefill": {"replicas": 2, "template": POD}}, 2),
        # No pods, no matter how often: a schema has such fields.
        ({"replicas": {"type": "integer"}, "template": {"type": "object"}, "x": {"podTemplate": POD}}, 1),
    ],
)
def test_what_stands_beside_templates_multiplies_their_pods(spec: Any, replicas: int) -> None:
    assert [number for _, number in sizes("Others", spec)] == [replicas]


def test_lists_and_several_documents_are_one_question() -> None:
    pod = {"kind": "Pod", "metadata": {"namespace": "a"}, **POD}
    workload = read_workload([{"kind": "List", "items": [pod, {"kind": "Service", "spec": {}}]}, pod])
    assert len(workload.groups) == 2
    assert workload.namespace == "a"
    with pytest.raises(ValueError, match="one namespace"):
        read_workload([pod, {"kind": "Pod", "metadata": {"namespace": "b"}, **POD}])


def test_there_is_a_bound_on_pods_and_templates() -> None:
    deployment = {"kind": "Deployment", "spec": {"replicas": MAX_PODS, "template": POD}}
    with pytest.raises(ValueError, match="more than 10000 pods"):
        read_workload([deployment, deployment])
    with pytest.raises(ValueError, match="more than 32 pod templates"):
        read_workload([{"kind": "Pod", **POD}] * 33)


CLAIMS = [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]


@pytest.mark.parametrize(
    ("kind", "spec", "has_volumes"),
    [
        ("StatefulSet", {"template": POD, "volumeClaimTemplates": CLAIMS}, True),
        ("StatefulSet", {"template": POD, "volumeClaimTemplates": []}, False),
        ("StatefulSet", {"template": POD, "persistentVolumeClaimRetentionPolicy": {"x": "Delete"}}, False),
        (
            "LeaderWorkerSet",
            {"leaderWorkerTemplate": {"size": 2, "workerTemplate": POD, "volumeClaimTemplates": CLAIMS}},
            True,
        ),
        (
            "JobSet",
            {
                "replicatedJobs": [{"template": {"spec": {"template": POD}}}],
                "volumeClaimPolicies": [{"templates": CLAIMS}],
            },
            True,
        ),
        ("Others", {"sets": [{"podTemplate": POD, "volumeClaimTemplates": CLAIMS}]}, True),
        ("Others", {"volumes": [{"volumeClaimName": "data"}], "podTemplate": POD}, True),
        ("Others", {"volumes": [{"volumeClaimName": ""}], "podTemplate": POD}, False),
    ],
)
def test_volumes_that_a_controller_claims_are_told(kind: str, spec: Any, has_volumes: bool) -> None:
    (group,) = read_workload([{"kind": kind, "spec": spec}]).groups
    assert ("volumes" in read_group(group, "ns", NOTHING_FIT).asked.unchecked) is has_volumes


def head_cpu(kind: str, spec: Any) -> dict[str, int]:
    """Return the thousandths of a core that each template's pods request."""
    groups = read_workload([{"kind": kind, "spec": spec}]).groups
    return {each.name: dict(read_group(each, "ns", NOTHING_FIT).asked.request)["cpu"] for each in groups}


CORE = {"spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": "1"}}}]}}
HEAD = {"headGroupSpec": {"template": CORE}}
WORKERS = {"workerGroupSpecs": [{"groupName": "w", "replicas": 1, "template": CORE}]}
SCALED = {**HEAD, "enableInTreeAutoscaling": True}


@pytest.mark.parametrize(
    ("kind", "spec", "cpu"),
    [
        ("RayCluster", HEAD, 1000),
        ("RayCluster", {**HEAD, "enableInTreeAutoscaling": False}, 1000),
        ("RayCluster", SCALED, 1500),
        ("RayCluster", {**SCALED, "autoscalerOptions": {"resources": {"requests": {"cpu": 2}}}}, 3000),
        ("RayCluster", {**SCALED, "autoscalerOptions": {"resources": {}}}, 1000),
        ("RayService", {"rayClusterConfig": SCALED}, 1500),
        ("RayJob", {"rayClusterSpec": SCALED, "submissionMode": "SidecarMode"}, 2000),
        ("RayJob", {"rayClusterSpec": HEAD, "submissionMode": "HTTPMode"}, 1000),
    ],
)
def test_a_ray_head_has_kuberays_containers(kind: str, spec: Any, cpu: int) -> None:
    assert head_cpu(kind, spec) == {f"{kind} head": cpu}


def test_only_the_head_has_them() -> None:
    assert head_cpu("RayCluster", {**SCALED, **WORKERS}) == {"RayCluster head": 1500, "RayCluster w": 1000}
    sidecar = {"rayClusterSpec": HEAD, "submissionMode": "SidecarMode", "submitterPodTemplate": CORE}
    assert head_cpu("RayJob", sidecar) == {"RayJob head": 1500}
    assert [each.also for each in read_workload([{"kind": "RayJob", "spec": sidecar}]).groups] == [()]
    with pytest.raises(ValueError, match=r"^spec\.autoscalerOptions\.resources: it isn't an object"):
        head_cpu("RayCluster", {**SCALED, "autoscalerOptions": {"resources": 3}})
