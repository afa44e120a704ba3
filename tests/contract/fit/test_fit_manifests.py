"""What ``fit`` says of manifests, kind by kind, and which it refuses."""

import gzip
import json

import msgspec
import pytest

from lens.bounds import MAX_BODY_BYTES
from lens.model.fit.admission.policies import (
    PriorityClass,
    quota_decoder,
)
from tests.contract.conftest import NOW, Serve
from tests.contract.fit.fit_requests import (
    containers,
    manifests,
    meta,
    node_affinity,
    post,
    read,
    resources,
    workload,
)
from tests.contract.kubernetes import NO_POLICIES, Cluster, Manifest, node, pod


@pytest.mark.parametrize(
    ("kind", "spec", "replicas"),
    [
        ("Pod", containers(), 1),
        ("Deployment", {"replicas": 3, "template": {"spec": containers()}}, 3),
        ("ReplicaSet", {"template": {"spec": containers()}}, 1),
        ("StatefulSet", {"replicas": 0, "template": {"spec": containers()}}, 0),
        ("DaemonSet", {"template": {"spec": containers()}}, 2),
        ("Job", {"parallelism": 4, "completions": 2, "template": {"spec": containers()}}, 2),
        ("CronJob", {"jobTemplate": {"spec": {"parallelism": 2, "template": {"spec": containers()}}}}, 2),
        (
            "LeaderWorkerSet",
            {"replicas": 2, "leaderWorkerTemplate": {"size": 3, "workerTemplate": {"spec": containers()}}},
            6,
        ),
        (
            "PyTorchJob",
            {
                "pytorchReplicaSpecs": {
                    "Master": {"replicas": 1, "template": {"spec": containers()}},
                    "Worker": {"replicas": 3, "template": {"spec": containers()}},
                }
            },
            4,
        ),
        ("NobodysJob", {"deep": [{"name": "a", "replicas": 2, "podTemplate": {"spec": containers()}}]}, 2),
    ],
)
async def test_every_kind_of_workload_is_read(
    nodes: Cluster, serve: Serve, kind: str, spec: Manifest, replicas: int
) -> None:
    data = (await post(await serve(), workload(kind, spec))).data
    assert data["replicas"] == replicas
    assert sum(each["replicas"] for each in data["pods"]) == replicas
    assert all(each["name"].startswith(kind) for each in data["pods"])


GROUPED = containers(schedulingGroup={"podGroupName": "g"})
QUEUE = {"kueue.x-k8s.io/queue-name": "q"}
VOLCANO = {"ray.io/scheduler-name": "volcano"}
TEMPLATE = {"template": {"spec": containers()}}


@pytest.mark.parametrize(
    ("body", "not_checked"),
    [
        (workload(spec=GROUPED), ["pod_groups"]),
        (workload(spec=containers(workloadRef={"name": "w", "podGroup": "g"})), ["pod_groups"]),
        (workload(spec=containers(), labels=QUEUE), ["queues"]),
        (workload("Job", {"suspend": True, "template": {"spec": containers()}}, labels=QUEUE), ["queues"]),
        (workload(spec=containers(schedulerName="volcano")), ["scheduler"]),
        (workload("RayCluster", {"headGroupSpec": TEMPLATE}, labels=VOLCANO), ["scheduler"]),
        (
            workload(
                "StatefulSet", {"template": {"spec": containers()}, "volumeClaimTemplates": [{"spec": {}}]}
            ),
            ["volumes"],
        ),
    ],
)
async def test_pods_that_wait_for_more_than_nodes_are_unknown(
    nodes: Cluster, serve: Serve, body: str, not_checked: list[str]
) -> None:
    data = (await post(await serve(), body)).data
    assert (data["fits"], data["complete"], data["not_checked"]) == ("unknown", False, not_checked)


async def test_a_kind_is_one_of_its_api_group(nodes: Cluster, serve: Serve) -> None:
    api = await serve()
    tasks = [{"name": name, "replicas": 2, "template": {"spec": containers()}} for name in ("a", "b")]
    volcano = {"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job", "spec": {"tasks": tasks}}
    assert [each["name"] for each in (await post(api, json.dumps(volcano))).data["pods"]] == [
        "Job a",
        "Job b",
    ]
    knative = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "spec": tasks[0]}
    assert (await post(api, json.dumps(knative))).data["replicas"] == 2


@pytest.mark.parametrize(
    ("asked", "held", "placed", "not_checked"),
    [
        # Lens places the small pod on an empty node; kube-scheduler may place it on the last one.
        ((1, 8), (0, 7), 1, ["node_choice"]),
        ((1, 8, 8), (0, 0, 7), 2, ["node_choice"]),
        ((8, 8, 1), (0, 0, 7), 3, []),
        # No choice leaves room for all, or for the large one.
        ((1, 8, 8), (0, 0, 8), 2, []),
        ((8, 9), (0, 0, 0), 1, []),
    ],
)
async def test_a_no_that_another_choice_of_nodes_avoids_is_not_complete(
    cluster: Cluster, serve: Serve, asked: list[int], held: list[int], placed: int, not_checked: list[str]
) -> None:
    for number, gpus in enumerate(held):
        cluster.add(node(f"n{number}"), pod(f"p{number}", f"n{number}", gpus))
    cluster.publish(NOW)
    body = "\n---\n".join(workload(spec=containers(gpus)) for gpus in asked)
    data = (await post(await serve(), body)).data
    assert (data["fits"], data["placed"]) == ("yes" if placed == len(asked) else "no", placed)
    assert (data["not_checked"], data["complete"]) == (not_checked, not not_checked)


async def test_a_jobset_is_placed_group_after_group(nodes: Cluster, serve: Serve) -> None:
    api = await serve()
    data = (await post(api, manifests("jobset.yaml"))).data
    assert [(each["name"], each["replicas"], each["placed"]) for each in data["pods"]] == [
        ("JobSet driver", 1, 1),
        ("JobSet workers", 4, 4),
    ]
    assert data["fits"] == "yes"
    nodes.add(pod("more", "n2", 3))
    nodes.publish(NOW)
    data = (await post(api, manifests("jobset.yaml"))).data
    assert data["fits"] == "no"
    assert [each["fits"] for each in data["pods"]] == ["yes", "no"]


async def test_a_rayjob_has_a_head_workers_and_a_submitter_that_nobody_sees(
    nodes: Cluster, serve: Serve
) -> None:
    data = (await post(await serve(), manifests("rayjob.yaml"))).data
    assert [(each["name"], each["replicas"]) for each in data["pods"]] == [
        ("RayJob head", 1),
        ("RayJob gpu-group", 2),
    ]
    assert (data["fits"], data["not_checked"], data["complete"]) == ("yes", ["ray_submitter"], False)


async def test_admission_is_looked_at(nodes: Cluster, serve: Serve) -> None:
    api = await serve()
    classes = {"high": PriorityClass(7, is_default=False, preemption_policy="PreemptLowerPriority")}
    nodes.publish(NOW, policies=msgspec.structs.replace(NO_POLICIES, priority_classes=classes))
    data = (await post(api, workload(spec=containers(8, priorityClassName="high")))).data
    assert data["evictable"]["gpus"] == 7
    unknown = (await post(api, workload(spec=containers(1, priorityClassName="none")))).data
    assert unknown["fits"] == "no"
    assert unknown["pods"][0]["message"] == "no PriorityClass with name none was found"
    own = (await post(api, workload(spec=containers(1, priority=9)))).data
    assert own["fits"] == "no"
    assert own["pods"][0]["message"].startswith("the integer value of priority (9) must not be provided")
    nowhere = (await post(api, workload(spec=containers(), namespace="nowhere"))).data
    assert (nowhere["fits"], nowhere["pods"][0]["message"]) == ("no", 'namespaces "nowhere" not found')
    missing = (await post(api, workload(spec=containers(1, runtimeClassName="none")))).data
    assert missing["pods"][0]["message"] == 'RuntimeClass "none" not found'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "there is no pod and no pod template"),
        ("a: 1", "kind: it is required"),
        ("[1]", "the body: it isn't an object"),
        ("kind: ConfigMap", "there is no pod and no pod template"),
        ("kind: Pod\nkind: Pod", "line 2: kind is given twice"),
        ("kind: Pod spec:   containers:", "line 1: mapping values are not allowed in this context: all of it "
         "is on one line, as curl's -d sends it; --data-binary keeps the lines"),
        ("kind: Pod\nspec: &x [*x]", "line 2: *x is no anchor before it"),
        ("kind: Pod\nspec: 1", "spec: it isn't an object"),
        ("[" * 100, "line 1: it is nested deeper than 64 levels"),
        ("kind: Deployment\nspec: {replicas: -1, template: {spec: {containers: [{}]}}}",
         "spec.replicas: it isn't a number from 0 to 10000"),
        ("kind: Deployment\nspec: {replicas: 3}", "spec.template.spec.containers: it is required"),
        (workload(spec=containers(-1)), "spec.containers[0].resources.limits: nvidia.com/gpu: -1 is below 0"),
        (workload("Job", {"parallelism": "many"}), "spec.parallelism: it isn't a number from 0 to 10000"),
        (workload("Job", {"template": {"spec": containers("x")}}),
         "spec.template.spec.containers[0].resources.limits: nvidia.com/gpu: 'x' is not a quantity"),
        ("kind: Pod", "spec.containers: it is required"),
        ("kind: Pod\nmetadata: {namespace: ../x}\nspec: {containers: [{}]}",
         "metadata.namespace: it isn't a DNS label"),
        (workload(spec=containers("0.5")),
         "spec.containers[0].resources.limits: nvidia.com/gpu: '0.5' is not a whole number"),
        (workload(spec=resources(limits={"gpu": 8})),
         "spec.containers[0].resources.limits: 'gpu' is neither a resource of Kubernetes nor "
         "<domain>/<name>"),
        (workload(spec=resources(limits={"cpu": []})),
         "spec.containers[0].resources.limits: cpu: [] is not a quantity"),
        (workload(spec=resources(limits={"cpu": True})),
         "spec.containers[0].resources.limits: cpu: true is not a quantity"),
        (workload(spec=resources(requests={"nvidia.com/gpu": 1})),
         "spec.containers[0].resources.limits: nvidia.com/gpu is required, since it can't be overcommitted"),
        (workload(spec=resources(requests={"nvidia.com/gpu": 1}, limits={"nvidia.com/gpu": 2})),
         "spec.containers[0].resources.requests: nvidia.com/gpu isn't its limit"),
        (workload(spec=resources(requests={"cpu": 2}, limits={"cpu": "1500m"})),
         "spec.containers[0].resources.requests: cpu is over its limit"),
        (workload(spec=containers(tolerations=[{"key": "a", "operator": "Like"}])),
         "spec.tolerations[0].operator: 'Like' is none of Equal, Exists, Lt, Gt"),
        (workload(spec=containers(tolerations=[{"key": "a", "effect": "Never"}])),
         "spec.tolerations[0].effect: 'Never' is none of NoSchedule, PreferNoSchedule, NoExecute"),
        (workload(spec=containers(tolerations=[{"value": "a"}])),
         "spec.tolerations[0].operator: without a key it is Exists"),
        (workload(spec=containers(tolerations=[{"key": "a", "operator": "Exists", "value": "b"}])),
         "spec.tolerations[0].value: Exists takes none"),
        (workload(spec=containers(affinity=node_affinity())),
         "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: it is "
         "required"),
        (workload(spec=containers(affinity=node_affinity({"key": "a", "operator": "Like"}))),
         "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]."
         "matchExpressions[0].operator: 'Like' is none of In, NotIn, Exists, DoesNotExist, Gt, Lt"),
    ],
)  # fmt: skip
async def test_a_bad_manifest_is_refused_with_its_field(
    nodes: Cluster, serve: Serve, body: str, message: str
) -> None:
    assert (await post(await serve(), body)).error == (400, 4000, f"Invalid manifest: {message}")


async def test_a_body_beyond_the_bound_is_refused(nodes: Cluster, serve: Serve) -> None:
    api = await serve()
    answer = await post(api, b"a" * (MAX_BODY_BYTES + 1))
    assert answer.status == 413
    bomb = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
    )
    assert (await post(api, bomb)).error[2].endswith("it has more than 100000 values")


@pytest.mark.parametrize("repeated", ["x" * 20_000, "{" + "x" * 1000 + ": 1}"])
async def test_texts_that_aliases_repeat_are_bounded(nodes: Cluster, serve: Serve, repeated: str) -> None:
    aliases = ",".join(["*x"] * 8000)
    body = f"kind: Pod\nx: &x {repeated}\nspec: {{containers: [{{name: main, command: [{aliases}]}}]}}"
    answer = await post(await serve(), body)
    assert answer.error == (400, 4000, "Invalid manifest: line 3: it has more than 100000 values")


async def test_a_compressed_body_is_refused(nodes: Cluster, serve: Serve) -> None:
    api = await serve()
    body = gzip.compress(workload(spec=containers()).encode())
    for coding in ("gzip", "br", "identity, gzip"):
        answer = await post(api, body, **{"Content-Encoding": coding})
        assert answer.error == (415, 4015, "A body must not be compressed")
        assert answer.headers["Accept-Encoding"] == "identity"


async def test_a_daemonset_counts_against_quotas_for_each_node(nodes: Cluster, serve: Serve) -> None:
    quota = {"metadata": meta("pods", "default"), "spec": {"hard": {"pods": "1"}}}
    nodes.publish(NOW, policies=msgspec.structs.replace(NO_POLICIES, quotas=read(quota_decoder(), quota)))
    data = (await post(await serve(), workload("DaemonSet", {"template": {"spec": containers()}}))).data
    assert data["fits"] == "no"
    assert [(each["asked"], each["exceeded"]) for each in data["quota"]] == [(2, True)]


@pytest.mark.parametrize(("amount", "fits"), [(" 6 ", "yes"), (" 7", "no"), (None, "yes")])
async def test_quantities_are_read_as_an_apiserver_reads_them(
    nodes: Cluster, serve: Serve, amount: str | None, fits: str
) -> None:
    more = {"initContainers": containers(amount)["containers"], "resources": {"limits": {"cpu": " 1"}}}
    data = (await post(await serve(), workload(spec=containers(amount, **more)))).data
    assert (data["fits"], data["complete"]) == (fits, True)
