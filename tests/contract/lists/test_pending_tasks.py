"""What ``/api/v1/realtime/pending-tasks`` tells, and what status adds up of it."""

from typing import Any

import pytest

from tests.contract.conftest import NOW, Answer, Api
from tests.contract.kubernetes import Cluster, Manifest, node, pod
from tests.memory import Peak

NO_ROOM = "0/6 nodes are available: 6 Insufficient nvidia.com/gpu."


def waiting(
    name: str,
    gpus: int = 1,
    *,
    namespace: str = "ml-team",
    created: str | None = "2025-12-19T15:00:00Z",
    condition: dict[str, str] | None = None,
    owner: tuple[str, str, str] | None = None,
    **spec: Any,
) -> Manifest:
    """Return a pod that isn't bound, with these further fields in its spec."""
    manifest = pod(name, "", gpus, namespace=namespace, phase="Pending", started=None, owner=owner)
    if created:
        manifest["metadata"]["creationTimestamp"] = created
    manifest["spec"] |= spec
    if condition:
        manifest["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", **condition}]
    return manifest


async def pending(api: Api, query: str = "", **headers: str) -> Answer:
    return await api.ask(f"/api/v1/realtime/pending-tasks?cluster=prod-cluster{query}", **headers)


async def test_a_pending_pod_has_its_start_its_request_and_the_reason(api: Api, cluster: Cluster) -> None:
    cluster.add(
        waiting(
            "train-0",
            4,
            owner=("batch/v1", "Job", "train"),
            condition={"reason": "Unschedulable", "message": NO_ROOM},
            priority=1000,
            nodeSelector={"zone": "b", "pool": "a100"},
            affinity={"nodeAffinity": {}},
            tolerations=[
                {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
                {"key": "pool", "value": "gpu"},
                {"operator": "Exists"},
                {
                    "key": "node.kubernetes.io/not-ready",
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 300,
                },
            ],
        )
    )
    cluster.publish(NOW)
    assert (await pending(api)).data == {
        "cluster": "prod-cluster",
        "timestamp": "2025-12-19T15:30:00Z",
        "total_tasks": 1,
        "continue": None,
        "tasks": [
            {
                "pod_uid": "uid-ml-team-train-0",
                "pod_name": "train-0",
                "namespace": "ml-team",
                "workload_type": "Job",
                "workload_name": "train",
                "workload_reason": "UNREAD",
                "owner": "train",
                "requested_gpus": 4,
                "resources": {"nvidia.com/gpu": 4},
                "created_at": "2025-12-19T15:00:00Z",
                "waiting_seconds": 1800,
                "priority": 1000,
                "state": "unschedulable",
                "scheduling_gates": [],
                "reason": "Unschedulable",
                "message": NO_ROOM,
                "node_selector": {"pool": "a100", "zone": "b"},
                "affinity": True,
                "tolerations": [
                    "nvidia.com/gpu:NoSchedule op=Exists",
                    "pool=gpu",
                    "op=Exists",
                    "node.kubernetes.io/not-ready:NoExecute op=Exists for 300s",
                ],
                "terminating": False,
                "fit": {
                    "fits": "no",
                    "reason": "no nodes available to schedule pods",
                    "reasons": [],
                    "complete": True,
                    "not_checked": [],
                },
                "fit_reason": None,
            }
        ],
    }


async def test_scheduling_gates_are_distinct_from_unschedulable(api: Api, cluster: Cluster) -> None:
    cluster.add(
        waiting("fresh", created=None),
        waiting(
            "gated",
            schedulingGates=[{"name": "kueue.x-k8s.io/admission"}],
            condition={"reason": "SchedulingGated", "message": "Scheduling is blocked"},
        ),
        waiting("gated-before-it-is-said", schedulingGates=[{"name": "a"}, {"name": "b"}]),
        waiting("no-room", condition={"reason": "Unschedulable", "message": NO_ROOM}),
    )
    cluster.publish(NOW)
    told = {
        task["pod_name"]: (task["state"], task["reason"], task["scheduling_gates"], task["waiting_seconds"])
        for task in (await pending(api)).data["tasks"]
    }
    assert told == {
        "fresh": ("waiting", None, [], 0),
        "gated": ("gated", "SchedulingGated", ["kueue.x-k8s.io/admission"], 1800),
        "gated-before-it-is-said": ("gated", None, ["a", "b"], 1800),
        "no-room": ("unschedulable", "Unschedulable", [], 1800),
    }


async def test_odd_constraints_cost_neither_the_pod_nor_its_gpus(api: Api, cluster: Cluster) -> None:
    cluster.add(waiting("odd", 2, nodeSelector=["a"], affinity=3, tolerations={"key": 1}))
    cluster.add(waiting("null", 1, nodeSelector=None, affinity=None, tolerations=None))
    cluster.publish(NOW)
    for task in (await pending(api)).data["tasks"]:
        assert (task["node_selector"], task["affinity"], task["tolerations"]) == ({}, False, [])
    assert (await api.status()).data["pending"]["gpus"] == 3


async def test_status_adds_up_what_waits_until_it_is_bound_or_gone(api: Api, cluster: Cluster) -> None:
    assert (await api.status()).data["pending"] == {"pods": 0, "gpus": 0, "gated_pods": 0}
    cluster.add(waiting("a", 4), waiting("b", 2, schedulingGates=[{"name": "g"}]), pod("bound", "n1", 8))
    cluster.add(waiting("cpu", 0), node("n1", gpus=12))
    cluster.publish(NOW)
    status = (await api.status(Cache_Control="no-cache")).data
    assert status["pending"] == {"pods": 2, "gpus": 6, "gated_pods": 1}
    assert status["current_gpu_usage"]["allocated_gpus"] == 8
    cluster.add(waiting("b", 2))
    cluster.publish(NOW)
    status = (await api.status(Cache_Control="no-cache")).data
    assert status["pending"] == {"pods": 2, "gpus": 6, "gated_pods": 0}
    cluster.add(pod("a", "n1", 4), pod("b", "", 2, phase="Failed"))
    cluster.publish(NOW)
    status = (await api.status(Cache_Control="no-cache")).data
    assert status["pending"] == {"pods": 0, "gpus": 0, "gated_pods": 0}
    assert (await pending(api, Cache_Control="no-cache")).data["tasks"] == []


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["a", "b", "c", "d"]),
        ("created_at", ["b", "a", "d", "c"]),
        ("requested_gpus", ["d", "a", "b", "c"]),
        ("priority", ["c", "a", "d", "b"]),
    ],
)
async def test_they_are_sorted_and_paged(api: Api, cluster: Cluster, sort: str, expected: list[str]) -> None:
    cluster.add(
        waiting("a", 2, priority=0),
        waiting("b", 4, created="2025-12-19T14:00:00Z", priority=2_000_001_000),
        waiting("c", 8, created=None, priority=-10),
        waiting("d", 1),
    )
    cluster.publish(NOW)
    for order, names in ((sort, expected), (f"-{sort}", expected[::-1])):
        tasks = (await pending(api, f"&sort={order}")).data["tasks"]
        assert [task["pod_name"] for task in tasks] == names
        first = (await pending(api, f"&sort={order}&limit=2")).data
        second = (await pending(api, f"&sort={order}&limit=2&continue={first['continue']}")).data
        assert [task["pod_name"] for task in first["tasks"] + second["tasks"]] == names
        assert second["continue"] is None


async def test_a_namespace_sees_its_own_alone(api: Api, cluster: Cluster) -> None:
    cluster.add(waiting("mine"), waiting("theirs", namespace="other"))
    cluster.publish(NOW)
    data = (await pending(api, "&namespace=ml-team")).data
    assert (data["total_tasks"], [task["pod_name"] for task in data["tasks"]]) == (1, ["mine"])


@pytest.mark.parametrize("query", ["&state=all", "&node=n1", "&sort=started_at", "&include=nodes"])
async def test_what_waiting_pods_have_not_can_not_be_asked(api: Api, query: str) -> None:
    assert (await pending(api, query)).error[:2] == (400, 4000)


async def test_what_pods_say_of_themselves_at_length_is_shown_in_short(api: Api, cluster: Cluster) -> None:
    """150 pods of 2,500 tolerations and labels each were an answer of 166 MiB, and 280 MiB for good."""
    peak = Peak()
    for number in range(30):
        entries = {f"key-{number}-{each}/{'x' * 60}": "y" * 63 for each in range(2500)}
        obj = waiting(
            f"hostile-{number}",
            1,
            nodeSelector=entries,
            tolerations=[{"key": key, "value": value} for key, value in entries.items()],
            schedulingGates=[{"name": key} for key in entries],
        )
        owner = {"apiVersion": "v" * 5000, "kind": "K" * 5000, "name": "n" * 5000, "uid": "u" * 5000}
        obj["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
        obj["metadata"]["labels"] = entries
        cluster.add(obj)
    cluster.publish(NOW)
    answer = await pending(api)
    assert answer.data["total_tasks"] == 30
    assert len(answer.body) < 30 * 8192
    (task, *_) = answer.data["tasks"]
    assert task["omitted"] == {"scheduling_gates": 2492, "node_selector": 2492, "tolerations": 2492}
    assert len(task["tolerations"]) == len(task["node_selector"]) == len(task["scheduling_gates"]) == 8
    assert len(task["workload_name"]) == len(task["owner"]) == 253
    assert peak.growth < 32 * 2**20
