"""What ``fit`` says of every kind of question, and what it refuses."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from lens.bounds import MAX_BODY_BYTES
from lens.model.fit.admission.policies import (
    Policies,
    PriorityClass,
    budget_decoder,
    limit_range_decoder,
    quota_decoder,
)
from lens.model.inventory.objects.decoding import Decoder
from tests.contract.conftest import NOW, TOKEN, Answer, Api, Serve
from tests.contract.kubernetes import NO_POLICIES, Cluster, Manifest, node, pod

FIT = "/api/v1/realtime/fit?cluster=prod-cluster"
KINDS = Path(__file__).parent / "manifests"


async def ask(api: Api, query: str = "", **headers: str) -> Any:
    return (await api.ask(FIT + query, **headers)).data


async def post(api: Api, body: bytes | str, query: str = "", token: str = TOKEN, **more: str) -> Answer:
    headers = {"Authorization": f"Bearer {token}"} | more
    async with (
        aiohttp.ClientSession() as session,
        session.post(api.server.url + FIT + query, data=body, headers=headers) as response,
    ):
        return Answer(response, await response.read(), await response.json())


def read(decoder: Decoder[Any, Any], manifest: Manifest) -> dict[Any, Any]:
    reading = decoder.read(json.dumps(manifest).encode())
    assert reading.problem is None
    return {reading.key: reading.value}


def meta(name: str, namespace: str = "team-a") -> Manifest:
    return {"name": name, "namespace": namespace, "resourceVersion": "1"}


def workload(kind: str = "Pod", spec: Manifest | None = None, **metadata: Any) -> str:
    return json.dumps({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", **metadata}, "spec": spec})


def containers(gpus: int | str = 1, **more: Any) -> Manifest:
    return {"containers": [{"name": "main", "resources": {"limits": {"nvidia.com/gpu": gpus}}}], **more}


def resources(**of_container: Manifest) -> Manifest:
    return {"containers": [{"name": "main", "resources": of_container}]}


def node_affinity(*expressions: Manifest) -> Manifest:
    terms = [{"matchExpressions": list(expressions)}] if expressions else []
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


@pytest.fixture
def nodes(cluster: Cluster) -> Cluster:
    cluster.add(
        node(
            "n1",
            labels={"zone": "a"},
            product="H100",
            taints=[{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
        ),
        node("n2", labels={"zone": "b"}, product="A100"),
        node("n3", cordoned=True),
        pod("one", "n1", 5, labels={"app": "one"}),
        pod("two", "n2", 2, namespace="other"),
    )
    cluster.publish(NOW)
    return cluster


def write_team_token(path: Path) -> None:
    digest = hashlib.sha256(b"t").hexdigest()
    path.write_text(f"tokens:\n  - {{name: team, sha256: {digest}, namespaces: [team-a]}}\n")


async def test_it_says_yes_and_where(nodes: Cluster, serve: Serve) -> None:
    api = await serve()
    data = await ask(api, "&gpus=6")
    assert (data["fits"], data["complete"], data["not_checked"]) == ("yes", True, [])
    assert (data["placed"], data["max_replicas"], data["resource"]) == (1, 1, "nvidia.com/gpu")
    assert data["pods"][0]["placements"] == [{"node_name": "n2", "replicas": 1, "devices": []}]
    assert (data["nearest"], data["evictable"], data["quota"]) == ([], None, None)
    assert data["age_seconds"] == 0


async def test_it_says_no_and_why_and_what_would_fit(nodes: Cluster, serve: Serve) -> None:
    api = await serve()
    data = await ask(api, "&gpus=8")
    assert data["fits"] == "no"
    (pods,) = data["pods"]
    assert pods["message"] == (
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient nvidia.com/gpu."
    )
    short, closed = pods["reasons"]
    assert (short["nodes"], short["asked"], short["most_free"], short["short_by"]) == (2, 8, 6, 2)
    assert short["node_names"] == ["n1", "n2"]
    assert closed["node_names"] == ["n3"]
    assert data["nearest"][0] == {"change": "gpus", "value": "6", "gpus": 6, "replicas": 1}


async def test_filling_and_emptying_turns_the_answer(nodes: Cluster, serve: Serve) -> None:
    api = await serve()
    assert (await ask(api, "&gpus=6"))["fits"] == "yes"
    nodes.add(pod("third", "n2", 1))
    nodes.publish(NOW)
    assert (await ask(api, "&gpus=6"))["fits"] == "no"
    nodes.remove_pod("ml-team", "third")
    nodes.publish(NOW)
    assert (await ask(api, "&gpus=6"))["fits"] == "yes"


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("&gpus=3&replicas=3", "yes"),
        ("&gpus=3&replicas=4", "no"),
        ("&gpus=3&product=H100", "yes"),
        ("&gpus=4&product=H100", "no"),
        ("&gpus=3&selector=zone=a", "yes"),
        ("&gpus=4&selector=zone=a", "no"),
        ("&gpus=1&resource=amd.com/gpu", "no"),
        ("&gpus=6&cpu=60", "yes"),
        ("&gpus=6&cpu=64", "no"),
        ("&gpus=1&memory=1Gi", "no"),
        ("&gpus=0&cpu=500m", "yes"),
        ("&gpus=8&tolerations=node.kubernetes.io/unschedulable:NoSchedule", "yes"),
        ("&gpus=1&device_class=gpu.nvidia.com", "no"),
        ("&gpus=1&priority=-5", "yes"),
    ],
)
async def test_every_parameter_counts(nodes: Cluster, serve: Serve, query: str, fits: str) -> None:
    assert (await ask(await serve(), query))["fits"] == fits


async def test_what_would_fit_is_found_by_the_engine(nodes: Cluster, serve: Serve) -> None:
    api = await serve()

    async def changes(query: str) -> dict[str, str]:
        return {each["change"]: each["value"] for each in (await ask(api, query))["nearest"]}

    assert await changes("&gpus=3&replicas=4") == {"replicas": "3", "gpus": "2"}
    assert await changes("&gpus=6&product=H100") == {"gpus": "3", "product": "A100", "selector": "none"}
    assert await changes("&gpus=6&selector=zone=a") == {"gpus": "3", "selector": "none"}
    nodes.add(node("n4", 16, taints=[{"key": "mine", "value": "yes", "effect": "NoSchedule"}]))
    nodes.publish(NOW)
    assert (await changes("&gpus=10"))["toleration"] == "mine=yes:NoSchedule"


async def test_pods_of_a_lower_priority_are_told_apart(nodes: Cluster, serve: Serve) -> None:
    data = await ask(await serve(), "&gpus=8&priority=10")
    assert data["evictable"] == {
        "gpus": 7,
        "pods": 2,
        "fits": "yes",
        "protected_pods": 0,
        "fits_within_budgets": "yes",
        "namespaces": {"ml-team": 5, "other": 2},
    }
    assert data["not_checked"] == ["preemption"]
    assert not data["complete"]


async def test_pods_that_a_disruption_budget_protects_are_told_apart(nodes: Cluster, serve: Serve) -> None:
    api = await serve()

    async def evictable(allowed: int, **selector: Any) -> tuple[int, str]:
        budget = {
            "metadata": meta("budget", "ml-team"),
            "spec": {"minAvailable": 1, "selector": selector},
            "status": {"disruptionsAllowed": allowed},
        }
        policies = msgspec.structs.replace(NO_POLICIES, budgets=read(budget_decoder(), budget))
        nodes.publish(NOW, policies=policies)
        found = (await ask(api, "&gpus=8&priority=10"))["evictable"]
        assert (found["pods"], found["fits"]) == (2, "yes")
        return found["protected_pods"], found["fits_within_budgets"]

    assert await evictable(1, matchLabels={"app": "one"}) == (0, "yes")
    # Without the other one n2 has room.
    assert await evictable(0, matchLabels={"app": "one"}) == (1, "yes")
    assert await evictable(0, matchLabels={"app": "two"}) == (0, "yes")
    assert await evictable(0) == (0, "yes")


async def test_where_budgets_are_not_known_evictable_says_so(nodes: Cluster, serve: Serve) -> None:
    nodes.publish(NOW, fit_unseen={"poddisruptionbudgets": "forbidden"})
    data = await ask(await serve(), "&gpus=8&priority=10")
    found = data["evictable"]
    assert (found["protected_pods"], found["fits_within_budgets"]) == (None, None)
    assert data["not_checked"] == ["preemption", "poddisruptionbudgets"]


async def test_a_namespaces_quota_and_limits_count(nodes: Cluster, serve: Serve) -> None:
    quota = {
        "metadata": meta("gpus"),
        "spec": {"hard": {"requests.nvidia.com/gpu": "6", "pods": "10"}},
        "status": {
            "hard": {"requests.nvidia.com/gpu": "6", "pods": "10"},
            "used": {"requests.nvidia.com/gpu": "4", "pods": "1"},
        },
    }
    limits = {
        "metadata": meta("l"),
        "spec": {"limits": [{"type": "Container", "defaultRequest": {"cpu": "62"}}]},
    }
    policies = msgspec.structs.replace(
        NO_POLICIES, quotas=read(quota_decoder(), quota), limit_ranges=read(limit_range_decoder(), limits)
    )
    nodes.publish(NOW, policies=policies)
    api = await serve()
    data = await ask(api, "&gpus=3&namespace=team-a")
    assert data["fits"] == "no"
    assert data["pods"][0]["reasons"][0] == {
        "code": "quota",
        "message": "exceeded quota: gpus, requested: requests.nvidia.com/gpu=3, "
        "used: requests.nvidia.com/gpu=4, limited: requests.nvidia.com/gpu=6",
        "nodes": 0,
        "resource": None,
        "asked": None,
        "most_free": None,
        "short_by": None,
    }
    assert [(each["resource"], each["exceeded"]) for each in data["quota"]] == [
        ("pods", False),
        ("requests.nvidia.com/gpu", True),
    ]
    assert {"change": "gpus", "value": "2", "gpus": 2, "replicas": 1} in data["nearest"]
    # 62 CPUs each, by the LimitRange.
    assert (await ask(api, "&gpus=1&replicas=2&namespace=team-a"))["fits"] == "yes"
    assert (await ask(api, "&gpus=0&replicas=3&namespace=team-a"))["fits"] == "no"
    assert (await ask(api, "&gpus=0&replicas=3&namespace=team-b"))["fits"] == "yes"


@pytest.mark.parametrize(
    ("hard", "kind", "spec", "fits"),
    [
        ({"requests.nvidia.com/gpu": "1"}, "DaemonSet", {"template": {"spec": containers()}}, "no"),
        ({"requests.nvidia.com/gpu": "2"}, "DaemonSet", {"template": {"spec": containers()}}, "yes"),
        ({"limits.cpu": "9"}, "Pod", containers(), "no"),
        (
            {"requests.cpu": "9"},
            "Pod",
            {"containers": [{"resources": {"requests": {"cpu": 1}}}, {"name": "without"}]},
            "no",
        ),
        ({"requests.cpu": "9"}, "Pod", resources(requests={"cpu": 0}), "yes"),
        (
            {"limits.cpu": "9"},
            "Pod",
            {"containers": [{}], "resources": {"requests": {"cpu": 1}, "limits": {"cpu": 10}}},
            "no",
        ),
    ],
)
async def test_a_quota_counts_all_pods_and_wants_all_containers_to_say(
    nodes: Cluster, serve: Serve, hard: Manifest, kind: str, spec: Manifest, fits: str
) -> None:
    quota = {"metadata": meta("q", "default"), "spec": {"hard": hard}, "status": {"hard": hard}}
    policies = msgspec.structs.replace(NO_POLICIES, quotas=read(quota_decoder(), quota))
    nodes.publish(NOW, policies=policies)
    assert (await post(await serve(), workload(kind, spec))).data["fits"] == fits


async def test_a_get_keeps_to_a_limit_range_of_gpus(nodes: Cluster, serve: Serve) -> None:
    limits = {
        "metadata": meta("l"),
        "spec": {"limits": [{"type": "Container", "max": {"nvidia.com/gpu": "2"}}]},
    }
    policies = msgspec.structs.replace(NO_POLICIES, limit_ranges=read(limit_range_decoder(), limits))
    nodes.publish(NOW, policies=policies)
    api = await serve()
    assert (await ask(api, "&gpus=2&namespace=team-a"))["fits"] == "yes"
    assert (await ask(api, "&gpus=3&namespace=team-a"))["fits"] == "no"


async def test_what_is_not_known_is_named(nodes: Cluster, serve: Serve) -> None:
    nodes.publish(NOW, policies=Policies(), fit_unseen={"resourcequotas": "403", "priorityclasses": "403"})
    api = await serve()
    data = await ask(api, "&gpus=1&namespace=team-a")
    assert data["fits"] == "yes"
    assert not data["complete"]
    assert data["not_checked"] == ["priorityclasses", "limitranges", "resourcequotas"]


async def test_a_resource_is_unknown_while_claims_may_serve_it_and_that_is_not_known(
    nodes: Cluster, serve: Serve
) -> None:
    api = await serve()
    nodes.publish(NOW, devices_unseen={"deviceclasses": "403"})
    data = await ask(api, "&gpus=8")
    assert (data["fits"], data["complete"], data["not_checked"]) == ("unknown", False, ["dynamic_resources"])


async def test_who_sees_one_namespace_gets_numbers_and_no_names(
    nodes: Cluster, serve: Serve, tokens_file: Path
) -> None:
    write_team_token(tokens_file)
    api = await serve()
    answer = await api.ask(FIT + "&gpus=8&priority=10&namespace=team-a", token="t")
    assert answer.data["fits"] == "no"
    assert answer.data["pods"][0]["reasons"][0]["nodes"] == 2
    for name in (b"n1", b"n2", b"n3", b"ml-team", b"other"):
        assert b'"' + name + b'"' not in answer.body
    assert (await api.ask(FIT, token="t")).status == 403
    refused = "Forbidden: the token has no right to namespace team-b, only to: team-a"
    assert (await api.ask(FIT + "&namespace=team-b", token="t")).error == (403, 4003, refused)
    assert (await post(api, workload(spec=containers()), "", "t")).status == 403
    assert (await post(api, workload(spec=containers()), "&namespace=team-a", "t")).data["fits"] == "yes"
    assert (
        await post(api, workload(spec=containers(), namespace="b"), "&namespace=team-a", "t")
    ).status == 400


NO_TAINT = "is not a taint: key[=value][:effect], with the effect NoExecute or NoSchedule"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("&gpus=x", "gpus 'x' is not a number from 0 to 1024"),
        ("&gpus=-1", "gpus '-1' is not a number from 0 to 1024"),
        ("&gpus=1025", "gpus '1025' is not a number from 0 to 1024"),
        ("&replicas=0", "replicas '0' is not a number from 1 to 10000"),
        ("&replicas=10001", "replicas '10001' is not a number from 1 to 10000"),
        ("&cpu=much", "cpu 'much' is not a quantity from 0"),
        ("&cpu=ä", "cpu '\\xe4' is not a quantity from 0"),
        ("&memory=1Zi", "memory '1Zi' is not a quantity from 0"),
        ("&memory=-1Gi", "memory '-1Gi' is not a quantity from 0"),
        ("&selector=zone", "selector 'zone' is not a label: key=value"),
        ("&selector=zone=a,zone=b", "selector has two values for one label"),
        ("&tolerations=k:Never", f"tolerations 'k:Never' {NO_TAINT}"),
        ("&tolerations==v", f"tolerations '=v' {NO_TAINT}"),
        *(
            (f"&resource={name}", f"resource {name!r} is not an extended resource, such as nvidia.com/gpu")
            for name in ("a/b/c", "gpu", "memory", "pods", "requests.nvidia.com/gpu", "kubernetes.io/gpu")
        ),
        ("&tolerations=*", f"tolerations '*' {NO_TAINT}"),
        ("&tolerations=a b=c", f"tolerations 'a b=c' {NO_TAINT}"),
        ("&product=", "product '' has not 1 to 128 characters"),
        ("&resource=nvidia.com/gpu&device_class=x", "device_class and resource are alternatives"),
        ("&device_class=A_B", "device_class 'A_B' is not a DNS name"),
        ("&namespace=A", "namespace 'A' is not a DNS label"),
        ("&priority=high", "priority 'high' is not a number from -2147483648 to 2147483647"),
        ("&product=" + "p" * 300, None),
    ],
)
async def test_a_bad_parameter_is_named(api: Api, query: str, message: str | None) -> None:
    answer = await api.ask(FIT + query)
    assert answer.status == 400
    if message is not None:
        assert answer.error == (400, 4000, f"Invalid parameter: {message}")


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


def manifests(name: str) -> str:
    return (KINDS / name).read_text()


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
        (workload(spec=resources(limits={"cpu": None})),
         "spec.containers[0].resources.limits: cpu: null is not a quantity"),
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


async def test_other_methods_are_refused(api: Api) -> None:
    answer = await api.ask(FIT, method="PUT")
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD, POST"


async def test_nothing_is_said_before_all_is_known(cluster: Cluster, serve: Serve) -> None:
    cluster.publish(NOW, synced=False)
    assert (await (await serve()).ask(FIT)).status == 503


async def test_of_several_resources_the_first_that_fits_is_taken(nodes: Cluster, serve: Serve) -> None:
    nodes.add(node("amd", 8, resource="amd.com/gpu"))
    nodes.publish(NOW)
    api = await serve()
    assert (await ask(api, "&gpus=6"))["resource"] == "nvidia.com/gpu"
    assert (await ask(api, "&gpus=8"))["resource"] == "amd.com/gpu"
    neither = await ask(api, "&gpus=9")
    assert (neither["fits"], neither["resource"]) == ("no", "nvidia.com/gpu")
    assert neither["nearest"][0]["value"] == "6"


async def test_a_daemonset_counts_against_quotas_for_each_node(nodes: Cluster, serve: Serve) -> None:
    quota = {"metadata": meta("pods", "default"), "spec": {"hard": {"pods": "1"}}}
    nodes.publish(NOW, policies=msgspec.structs.replace(NO_POLICIES, quotas=read(quota_decoder(), quota)))
    data = (await post(await serve(), workload("DaemonSet", {"template": {"spec": containers()}}))).data
    assert data["fits"] == "no"
    assert [(each["asked"], each["exceeded"]) for each in data["quota"]] == [(2, True)]


async def test_a_resource_that_no_node_has_leaves_nothing_behind(nodes: Cluster, serve: Serve) -> None:
    api = await serve()
    for number in range(5):
        assert (await ask(api, f"&gpus=1&resource=example.com/r{number}"))["fits"] == "no"
    assert all(not name.startswith("example.com/") for name in nodes.state.current.fit.fleet.allocatable)
