"""What ``fit`` says of a question by parameters, and which it refuses."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from lens.model.fit.admission.policies import (
    Policies,
    RuntimeClass,
    budget_decoder,
    limit_range_decoder,
    quota_decoder,
)
from tests.contract.conftest import NOW, Api, Serve
from tests.contract.fit.fit_requests import (
    FIT,
    ask,
    containers,
    meta,
    post,
    read,
    resources,
    workload,
    write_team_token,
)
from tests.contract.kubernetes import NO_POLICIES, Cluster, Manifest, node, pod


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
        # An apiserver counts limits of CPU, memory and ephemeral storage, and no others.
        ({"limits.nvidia.com/gpu": "0"}, "Pod", containers(), "yes"),
        ({"limits.ephemeral-storage": "1"}, "Pod", resources(limits={"ephemeral-storage": 2}), "no"),
    ],
)
async def test_a_quota_counts_all_pods_and_wants_all_containers_to_say(
    nodes: Cluster, serve: Serve, hard: Manifest, kind: str, spec: Manifest, fits: str
) -> None:
    quota = {"metadata": meta("q", "default"), "spec": {"hard": hard}, "status": {"hard": hard}}
    policies = msgspec.structs.replace(NO_POLICIES, quotas=read(quota_decoder(), quota))
    nodes.publish(NOW, policies=policies)
    assert (await post(await serve(), workload(kind, spec))).data["fits"] == fits


async def test_a_quota_of_limits_counts_overhead_on_limits_alone(nodes: Cluster, serve: Serve) -> None:
    hard = {"limits.cpu": "1"}
    quota = {"metadata": meta("q", "default"), "spec": {"hard": hard}, "status": {"hard": hard}}
    classes = {"kata": RuntimeClass({"cpu": "2"}, {}, ())}
    policies = msgspec.structs.replace(
        NO_POLICIES, quotas=read(quota_decoder(), quota), runtime_classes=classes
    )
    nodes.publish(NOW, policies=policies)
    api = await serve()
    spec: Manifest = {"runtimeClassName": "kata", "containers": [{}]}
    unlimited = await post(api, workload(spec={**spec, "resources": {"requests": {"cpu": 1}}}))
    limited = await post(api, workload(spec={**spec, "resources": {"limits": {"cpu": 1}}}))
    assert (unlimited.data["fits"], limited.data["fits"]) == ("yes", "no")


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


async def test_a_resource_that_no_node_has_leaves_nothing_behind(nodes: Cluster, serve: Serve) -> None:
    api = await serve()
    for number in range(5):
        assert (await ask(api, f"&gpus=1&resource=example.com/r{number}"))["fits"] == "no"
    assert all(not name.startswith("example.com/") for name in nodes.state.current.fit.fleet.allocatable)
