"""What ``fit`` makes of pods before it places them, as an apiserver and the pods' controllers do."""

import json
from typing import Any

import msgspec
import pytest

from lens.model.fit.admission.policies import limit_range_decoder, quota_decoder
from tests.contract.conftest import NOW, Serve
from tests.contract.fit.fit_requests import ask, containers, meta, post, read, workload
from tests.contract.kubernetes import NO_POLICIES, Cluster, Manifest, node, pod

HOST = "kubernetes.io/hostname"


def apart(kind: str = "podAntiAffinity", /, **term: Any) -> Manifest:
    terms = [{"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "a"}}, **term}]
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}


@pytest.fixture
def hosts(cluster: Cluster) -> Cluster:
    """Return a cluster of two nodes with a pod of one version of an app on each."""
    for name in ("n1", "n2"):
        cluster.add(node(name, labels={HOST: name}))
        cluster.add(pod(f"old-{name}", name, 1, namespace="default", labels={"app": "a", "version": "old"}))
    cluster.publish(NOW)
    return cluster


@pytest.mark.parametrize(
    ("kind", "keys", "version", "fits"),
    [
        ("podAntiAffinity", {"matchLabelKeys": ["version"]}, "new", "yes"),
        ("podAntiAffinity", {"matchLabelKeys": ["version"]}, "old", "no"),
        ("podAntiAffinity", {"mismatchLabelKeys": ["version"]}, "old", "yes"),
        ("podAntiAffinity", {"mismatchLabelKeys": ["version"]}, "new", "no"),
        ("podAntiAffinity", {"matchLabelKeys": ["nobodys"]}, "new", "no"),
        ("podAffinity", {"mismatchLabelKeys": ["version"]}, "old", "no"),
        ("podAffinity", {"mismatchLabelKeys": ["version"]}, "new", "yes"),
    ],
)
async def test_the_pods_own_labels_join_its_rules_as_an_apiserver_joins_them(
    hosts: Cluster, serve: Serve, kind: str, keys: Manifest, version: str, fits: str
) -> None:
    labels = {"app": "a", "version": version}
    answer = await post(await serve(), workload(spec=containers(**apart(kind, **keys)), labels=labels))
    assert (answer.data["fits"], answer.data["complete"]) == (fits, True)


async def test_a_key_that_is_none_is_named(hosts: Cluster, serve: Serve) -> None:
    body = json.loads(workload(spec=containers(**apart(matchLabelKeys=[{}]))))
    field = (
        "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys[0]"
    )
    assert (await post(await serve(), json.dumps(body))).error == (
        400,
        4000,
        f"Invalid manifest: {field}: it isn't a label's key",
    )


async def test_a_pods_limit_is_its_request_if_no_container_asks(cluster: Cluster, serve: Serve) -> None:
    cluster.add(node("n1"))
    cluster.publish(NOW)
    api = await serve()
    limited: Manifest = {"resources": {"limits": {"cpu": "65"}}}
    assert (await post(api, workload(spec={"containers": [{}], **limited}))).data["fits"] == "no"
    asking = [{"resources": {"requests": {"cpu": 1}}}]
    assert (await post(api, workload(spec={"containers": asking, **limited}))).data["fits"] == "yes"


async def test_a_quota_asks_no_container_of_a_pod_that_asks_as_a_whole(
    cluster: Cluster, serve: Serve
) -> None:
    hard = {"requests.memory": "9"}
    quota = {"metadata": meta("q", "default"), "spec": {"hard": hard}, "status": {"hard": hard}}
    cluster.add(node("n1"))
    policies = msgspec.structs.replace(NO_POLICIES, quotas=read(quota_decoder(), quota))
    cluster.publish(NOW, policies=policies)
    api = await serve()
    assert (await post(api, workload(spec={"containers": [{}]}))).data["fits"] == "no"
    whole: Manifest = {"containers": [{}], "resources": {"limits": {"cpu": 1}}}
    assert (await post(api, workload(spec=whole))).data["fits"] == "yes"


async def test_a_get_is_refused_for_a_default_limit_below_its_request(cluster: Cluster, serve: Serve) -> None:
    cluster.add(node("n1"))
    limits = {"metadata": meta("l"), "spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}}
    policies = msgspec.structs.replace(NO_POLICIES, limit_ranges=read(limit_range_decoder(), limits))
    cluster.publish(NOW, policies=policies)
    api = await serve()
    refused = await ask(api, "&gpus=1&cpu=4&namespace=team-a")
    assert (refused["fits"], refused["complete"], refused["nearest"]) == ("no", True, [])
    assert refused["pods"][0]["message"].endswith(
        "spec.containers[0].resources.requests: cpu is over its limit"
    )
    assert (await ask(api, "&gpus=1&cpu=1&namespace=team-a"))["fits"] == "yes"
    assert (await ask(api, "&gpus=1&cpu=4&namespace=team-b"))["fits"] == "yes"


def job(name: str, pods: int, spec: Manifest) -> str:
    body = {"parallelism": pods, "template": {"spec": {"containers": [{}], **spec}}}
    return json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": body})


async def test_a_jobs_pods_know_each_other_by_its_labels(hosts: Cluster, serve: Serve) -> None:
    api = await serve()
    train: Manifest = {"labelSelector": {"matchLabels": {"batch.kubernetes.io/job-name": "train"}}}
    assert (await post(api, job("train", 2, apart("podAffinity", **train)))).data["fits"] == "yes"
    assert (await post(api, job("other", 2, apart("podAffinity", **train)))).data["fits"] == "no"
    data = (await post(api, job("train", 4, apart(**train)))).data
    assert (data["fits"], data["placed"]) == ("no", 2)


async def test_a_deployments_pods_differ_from_those_of_another_version(hosts: Cluster, serve: Serve) -> None:
    pods = {
        "metadata": {"labels": {"app": "a"}},
        "spec": containers(**apart(matchLabelKeys=["pod-template-hash"])),
    }
    api = await serve()
    body = workload("Deployment", {"replicas": 2, "template": pods})
    assert (await post(api, body)).data["fits"] == "yes"
    more = (await post(api, workload("Deployment", {"replicas": 3, "template": pods}))).data
    assert (more["fits"], more["placed"]) == ("no", 2)


async def test_rules_about_what_only_a_controller_knows_are_named(hosts: Cluster, serve: Serve) -> None:
    api = await serve()
    each: Manifest = {"labelSelector": {"matchLabels": {"apps.kubernetes.io/pod-index": "0"}}}
    fitting = {"replicas": 2, "template": {"spec": containers(**apart("podAffinity", **each))}}
    data = (await post(api, workload("StatefulSet", fitting))).data
    assert (data["fits"], data["complete"], data["not_checked"]) == ("unknown", False, ["pod_labels"])
    assert data["max_replicas"] is None
    large = {"replicas": 2, "template": {"spec": containers(9, **apart("podAffinity", **each))}}
    data = (await post(api, workload("StatefulSet", large))).data
    assert (data["fits"], data["complete"], data["not_checked"]) == ("no", True, [])


@pytest.mark.parametrize(
    ("spec", "is_best_effort"),
    [
        ({"containers": [{}]}, True),
        ({"containers": [{"resources": {"requests": {"cpu": "0", "memory": "0Gi"}}}]}, True),
        ({"containers": [{"resources": {"limits": {"nvidia.com/gpu": 1}}}]}, True),
        ({"containers": [{"resources": {"requests": {"cpu": "1m"}}}]}, False),
        ({"containers": [{}], "initContainers": [{"resources": {"limits": {"memory": 1}}}]}, False),
        ({"containers": [{}], "resources": {"requests": {"cpu": "1"}}}, False),
        ({"containers": [{}], "resources": {"limits": {"cpu": "1"}}}, False),
        ({"containers": [{}], "resources": {}}, True),
    ],
)
async def test_a_quota_for_best_effort_counts_pods_of_that_class(
    cluster: Cluster, serve: Serve, spec: Manifest, is_best_effort: bool
) -> None:
    cluster.add(node("n1"))
    of_class: dict[Any, Any] = {}
    for scope in ("BestEffort", "NotBestEffort"):
        hard = {"spec": {"hard": {"pods": "1"}, "scopes": [scope]}}
        of_class |= read(quota_decoder(), {"metadata": meta(scope, "default"), **hard})
    cluster.publish(NOW, policies=msgspec.structs.replace(NO_POLICIES, quotas=of_class))
    data = (await post(await serve(), workload(spec=spec))).data
    assert [each["quota"] for each in data["quota"]] == ["BestEffort" if is_best_effort else "NotBestEffort"]


@pytest.mark.parametrize(
    ("kind", "api_version", "spec", "hard", "fits"),
    [
        ("Job", "batch/v1", {"template": {"spec": {"containers": [{}]}}}, {"count/jobs.batch": "0"}, "no"),
        ("Job", "batch/v1", {"template": {"spec": {"containers": [{}]}}}, {"count/jobs.batch": "1"}, "yes"),
        ("Job", "batch/v1", {"template": {"spec": {"containers": [{}]}}}, {"count/pods": "0"}, "no"),
        (
            "Deployment",
            "apps/v1",
            {"template": {"spec": {"containers": [{}]}}},
            {"count/replicasets.apps": "0", "count/deployments.apps": "1"},
            "no",
        ),
        (
            "JobSet",
            "jobset.x-k8s.io/v1alpha2",
            {
                "replicatedJobs": [
                    {
                        "name": "a",
                        "replicas": 3,
                        "template": {"spec": {"template": {"spec": {"containers": [{}]}}}},
                    }
                ]
            },
            {"count/jobs.batch": "2"},
            "no",
        ),
        (
            "PyTorchJob",
            "kubeflow.org/v1",
            {"pytorchReplicaSpecs": {"Worker": {"template": {"spec": {"containers": [{}]}}}}},
            {"count/pytorchjobs.kubeflow.org": "0"},
            "no",
        ),
        ("Pod", "v1", {"containers": [{}]}, {"count/jobs.batch": "0", "pods": "1"}, "yes"),
    ],
)
async def test_a_quota_counts_what_makes_the_pods(
    cluster: Cluster, serve: Serve, kind: str, api_version: str, spec: Manifest, hard: Manifest, fits: str
) -> None:
    cluster.add(node("n1"))
    quota = {"metadata": meta("q", "default"), "spec": {"hard": hard}, "status": {"hard": hard}}
    cluster.publish(NOW, policies=msgspec.structs.replace(NO_POLICIES, quotas=read(quota_decoder(), quota)))
    body = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "train"}, "spec": spec}
    data = (await post(await serve(), json.dumps(body))).data
    assert (data["fits"], data["complete"]) == (fits, True)
    assert (data["max_replicas"] == 0) is (fits == "no")
    exceeded = [each["resource"] for each in data["quota"] if each["exceeded"]]
    assert exceeded == ([] if fits == "yes" else [min(hard, key=lambda name: int(hard[name]))])
    reasons = [each["message"] for each in data["pods"][0]["reasons"] if each["code"] == "quota"]
    assert len(reasons) == len(exceeded)


async def test_a_quota_counts_other_objects_of_a_manifest_in_its_namespace(
    cluster: Cluster, serve: Serve
) -> None:
    cluster.add(node("n1"))
    hard = {"configmaps": "1", "count/resourceclaimtemplates.resource.k8s.io": "0"}
    quota = {"metadata": meta("q", "default"), "spec": {"hard": hard}, "status": {"hard": hard}}
    cluster.publish(NOW, policies=msgspec.structs.replace(NO_POLICIES, quotas=read(quota_decoder(), quota)))
    api = await serve()
    pod = json.loads(workload(spec={"containers": [{}]}, namespace="default"))

    async def fits(*namespaces: str) -> str:
        maps = [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": each}}
            for each in namespaces
        ]
        whole = {"apiVersion": "v1", "kind": "List", "items": [pod, *maps]}
        answered: str = (await post(api, json.dumps(whole))).data["fits"]
        return answered

    assert await fits("default", "other", "other") == "yes"
    assert await fits("default", "default") == "no"


@pytest.mark.parametrize(
    ("labels", "kind", "fits", "placed"),
    [
        ({}, "Job", "no", 0),
        ({"cloud.google.com/gke-nodepool": "gpus"}, "Job", "yes", 1),
        ({"eks.amazonaws.com/nodegroup": "gpus"}, "Job", "yes", 1),
        # Its controller looks at the template, which no admission has changed.
        ({"cloud.google.com/gke-nodepool": "gpus"}, "DaemonSet", "yes", 0),
    ],
)
async def test_clouds_add_tolerations_for_the_resources_that_pods_request(
    cluster: Cluster, serve: Serve, labels: dict[str, str], kind: str, fits: str, placed: int
) -> None:
    taints = [
        {"key": key, "value": "present", "effect": "NoSchedule"} for key in ("nvidia.com/gpu", "amd.com/gpu")
    ]
    cluster.add(node("n1", labels=labels, taints=taints[:1]), node("n2", labels=labels, taints=taints))
    cluster.publish(NOW)
    api = await serve()
    data = (await post(api, workload(kind, {"template": {"spec": containers(8)}}))).data
    assert (data["fits"], data["complete"], data["placed"]) == (fits, True, placed)
    without_gpus = {"template": {"spec": {"containers": [{"name": "main"}]}}}
    assert (await post(api, workload(kind, without_gpus))).data["placed"] == 0
