"""What the API says of the GPUs that KAI-Scheduler hands out in parts."""

import csv
import io
import json

import pytest

from tests.contract.conftest import NOW, Api
from tests.contract.kubernetes import Cluster, Manifest, node, pod

KAI = "kai-resource-reservation"


def reservation(name: str, group: str, on: str = "gpu-0") -> Manifest:
    made = pod(name, on, namespace=KAI)
    made["metadata"]["labels"] = {"runai-gpu-group": group}
    return made


def sharing(name: str, group: str | None, on: str = "gpu-0", fraction: str = "0.5") -> Manifest:
    made = pod(name, on)
    made["metadata"]["labels"] = {} if group is None else {"runai-gpu-group": group}
    made["metadata"]["annotations"] = {"gpu-fraction": fraction}
    made["spec"]["containers"][0]["resources"] = {}
    if not on:
        made["status"] = {"phase": "Pending"}
    return made


@pytest.fixture
def shared(cluster: Cluster) -> Cluster:
    cluster.add(
        node("gpu-0", 4),
        reservation("r-0", "g0"),
        reservation("r-1", "g1"),
        sharing("a", "g0"),
        sharing("b", "g0"),
        sharing("lost", "g9"),
        sharing("waits", None, on=""),
        sharing("odd", None, on="", fraction="much"),
        pod("whole", "gpu-0"),
    )
    cluster.publish(NOW)
    return cluster


async def test_those_who_share_a_gpu_are_its_tasks_and_it_counts_once(api: Api, shared: Cluster) -> None:
    status = (await api.status()).data
    assert (status["current_gpu_usage"]["allocated_gpus"], status["running_tasks"]) == (3, 3)
    data = (await api.tasks()).data
    assert [task["pod_name"] for task in data["tasks"]] == ["a", "b", "whole"]
    a, _, whole = data["tasks"]
    assert (a["allocated_gpus"], a["resources"]) == (1, {})
    assert a["fraction"] == {
        "portion": 0.5,
        "memory_mib": None,
        "devices": 1,
        "gpu_groups": ["g0"],
        "reservations": [f"{KAI}/r-0"],
        "reason": None,
    }
    assert "fraction" not in whole
    everyone = (await api.tasks("&state=all")).data["tasks"]
    (lost,) = (task for task in everyone if task["pod_name"] == "lost")
    assert (lost["allocated_gpus"], lost["fraction"]["reason"]) == (0, "NO_RESERVATION")
    assert not [task for task in everyone if task["namespace"] == KAI]
    table = (await api.tasks(Accept="text/csv")).body.decode()
    line, *_ = csv.DictReader(io.StringIO(table, newline=""))
    assert json.loads(line["fraction"]) == a["fraction"]


async def test_a_node_names_its_reservations_and_those_for_nobody(api: Api, shared: Cluster) -> None:
    (row,) = (await api.ask("/api/v1/realtime/nodes?cluster=prod-cluster")).data["nodes"]
    assert row["reservations"] == [
        {
            "pod": f"{KAI}/r-0",
            "gpus": 1,
            "gpu_groups": ["g0"],
            "total_tasks": 2,
            "tasks": ["ml-team/a", "ml-team/b"],
        },
        {"pod": f"{KAI}/r-1", "gpus": 1, "gpu_groups": ["g1"], "total_tasks": 0, "tasks": []},
    ]


async def test_who_waits_for_a_part_says_which(api: Api, shared: Cluster) -> None:
    data = (await api.ask("/api/v1/realtime/pending-tasks?cluster=prod-cluster")).data
    odd, waits = data["tasks"]
    assert (waits["requested_gpus"], waits["fraction"]["portion"], waits["fraction"]["reason"]) == (
        1,
        0.5,
        None,
    )
    assert (odd["fraction"]["portion"], odd["fraction"]["reason"]) == (None, "MALFORMED")
