"""Lens' own reading of pending pods: what it says, to whom, and at what bounds."""

import asyncio
import csv
import io
from typing import Any

from tests.contract.conftest import NOW, Api
from tests.contract.kubernetes import Cluster, node, pod
from tests.contract.lists.test_pending_tasks import pending, waiting

TAINTS = [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]


async def read(api: Api, query: str = "") -> dict[str, Any]:
    tasks = (await pending(api, query, Cache_Control="no-cache")).data["tasks"]
    return {task["pod_name"]: task["fit"] for task in tasks}


def fill(cluster: Cluster) -> None:
    cluster.add(
        node("gpu-node-5"),
        node("gpu-node-6"),
        node("gpu-node-7", cordoned=True),
        node("gpu-node-8", taints=TAINTS),
        pod("one", "gpu-node-5", 6),
        pod("two", "gpu-node-6", 5),
    )


async def test_it_says_what_is_short_on_how_many_nodes(api: Api, cluster: Cluster) -> None:
    fill(cluster)
    cluster.add(waiting("train", 8), waiting("small", 3))
    cluster.publish(NOW)
    found = await read(api)
    assert found["train"] == {
        "fits": "no",
        "reason": "2 nodes: needs 8 nvidia.com/gpu on one node; most free is 3, on gpu-node-6; "
        "1 node: a taint that the pod doesn't tolerate; 1 node: cordoned",
        "reasons": [
            {
                "code": "resource",
                "message": "Insufficient nvidia.com/gpu",
                "nodes": 2,
                "resource": "nvidia.com/gpu",
                "asked": 8,
                "most_free": 3,
                "short_by": 5,
                "node_names": ["gpu-node-6"],
            },
            {
                "code": "taint",
                "message": "node(s) had untolerated taint(s)",
                "nodes": 1,
                "resource": None,
                "asked": None,
                "most_free": None,
                "short_by": None,
            },
            {
                "code": "unschedulable",
                "message": "node(s) were unschedulable",
                "nodes": 1,
                "resource": None,
                "asked": None,
                "most_free": None,
                "short_by": None,
            },
        ],
        "complete": True,
        "not_checked": [],
    }
    assert found["small"] == {
        "fits": "yes",
        "reason": "a node has room for it: gpu-node-6",
        "reasons": [],
        "complete": True,
        "not_checked": [],
    }


async def test_lists_of_one_namespace_name_no_nodes(api: Api, cluster: Cluster) -> None:
    fill(cluster)
    cluster.add(waiting("train", 8), waiting("small", 3))
    cluster.publish(NOW)
    answer = await pending(api, "&namespace=ml-team")
    assert b"gpu-node" not in answer.body
    assert answer.data["tasks"][1]["fit"]["reason"].startswith(
        "2 nodes: needs 8 nvidia.com/gpu on one node; most free is 3; "
    )
    assert b"gpu-node" not in (await pending(api, "&namespace=ml-team&format=csv")).body


async def test_the_table_has_it_too(api: Api, cluster: Cluster) -> None:
    fill(cluster)
    cluster.add(waiting("train", 8))
    cluster.publish(NOW)
    (row,) = csv.DictReader(io.StringIO((await pending(api, "&format=csv")).body.decode()))
    assert '"most_free":3' in row["fit"]
    assert row["fit_reason"] == ""


async def test_what_decides_and_is_not_looked_at_is_named(api: Api, cluster: Cluster) -> None:
    fill(cluster)
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    cluster.add(
        waiting("gated", schedulingGates=[{"name": "kueue.x-k8s.io/admission"}]),
        waiting("claims", resourceClaims=[{"name": "gpu", "resourceClaimTemplateName": "one"}]),
        waiting("disk", volumes=[volume]),
        waiting("large-disk", 8, volumes=[volume]),
        waiting("volcano", schedulerName="volcano"),
    )
    cluster.publish(NOW)
    found = await read(api)
    assert {name: (fit["fits"], fit["complete"], fit["not_checked"]) for name, fit in found.items()} == {
        "gated": ("no", True, []),
        "claims": ("no", True, []),
        "disk": ("unknown", False, ["volumes"]),
        "large-disk": ("no", True, ["volumes"]),
        "volcano": ("unknown", False, ["scheduler"]),
    }
    assert found["gated"]["reason"] == "waiting for scheduling gates: [kueue.x-k8s.io/admission]"
    assert found["disk"]["reason"] == "a node has room for it: gpu-node-6, but this isn't checked: volumes"


async def test_a_pod_does_not_take_the_place_that_it_is_nominated_to(api: Api, cluster: Cluster) -> None:
    cluster.add(node("n1", gpus=4))
    mine = waiting("mine", 4)
    mine["status"]["nominatedNodeName"] = "n1"
    cluster.add(mine, waiting("other", 4))
    cluster.publish(NOW)
    found = await read(api)
    assert (found["mine"]["fits"], found["other"]["fits"]) == ("yes", "no")


async def test_it_follows_the_cluster(api: Api, cluster: Cluster) -> None:
    cluster.add(node("n1", gpus=8), pod("holder", "n1", 6), waiting("train", 4))
    cluster.publish(NOW)
    first = await pending(api)
    assert first.data["tasks"][0]["fit"]["fits"] == "no"
    cluster.remove_pod("ml-team", "holder")
    cluster.publish(NOW)
    assert (await read(api))["train"]["fits"] == "yes"


async def test_it_follows_what_no_figure_shows(api: Api, cluster: Cluster) -> None:
    """A pod without GPUs that ends changes no snapshot: the list's entity tag tells the difference."""
    busy = pod("busy", "n1", 0)
    busy["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "64"}}
    train = waiting("train", 1)
    train["spec"]["containers"][0]["resources"]["requests"] = {"cpu": "2"}
    cluster.add(node("n1"), busy, train)
    cluster.publish(NOW)
    first = await pending(api, Cache_Control="no-cache")
    assert first.data["tasks"][0]["fit"]["reason"] == (
        "1 node: needs 2 cpu on one node; most free is 0, on n1"
    )
    again = {"Cache_Control": "no-cache", "If_None_Match": first.headers["ETag"]}
    assert (await pending(api, **again)).status == 304
    cluster.remove_pod("ml-team", "busy")
    cluster.publish(NOW)
    second = await pending(api, **again)
    assert second.data["tasks"][0]["fit"]["fits"] == "yes"


async def test_a_pod_that_is_too_long_or_odd_has_no_reading(api: Api, cluster: Cluster) -> None:
    odd = waiting("odd", 1, tolerations=[{"key": 1}])
    long = waiting("long", 1)
    long["metadata"]["annotations"] = {"note": "x" * 2**16}
    cluster.add(node("n1"), odd, long, waiting("plain"))
    cluster.publish(NOW)
    tasks = (await pending(api)).data["tasks"]
    assert {task["pod_name"]: task["fit_reason"] for task in tasks} == {
        "odd": "UNREADABLE",
        "long": "UNREADABLE",
        "plain": None,
    }


async def test_only_so_many_shapes_are_read(api: Api, cluster: Cluster) -> None:
    cluster.add(node("n1"))
    for number in range(300):
        cluster.add(waiting(f"p{number:03}", 1, nodeSelector={"pool": str(number)}))
    cluster.publish(NOW)
    reasons: list[str | None] = ["OUT_OF_TIME"]
    async with asyncio.timeout(60):
        while "OUT_OF_TIME" in reasons:
            tasks = (await pending(api, Cache_Control="no-cache")).data["tasks"]
            reasons = [task["fit_reason"] for task in tasks]
    assert (reasons.count(None), reasons.count("TOO_MANY_SHAPES")) == (256, 44)


async def test_pods_of_one_template_share_a_reading(api: Api, cluster: Cluster) -> None:
    cluster.add(node("n1", gpus=4))
    for number in range(400):
        replica = waiting(f"p{number:03}", 8)
        replica["metadata"]["labels"] = {"batch.kubernetes.io/job-completion-index": str(number)}
        cluster.add(replica)
    cluster.publish(NOW)
    found = await read(api)
    assert len(found) == 400
    assert {fit["fits"] for fit in found.values()} == {"no"}


async def test_a_pod_that_is_being_deleted_is_not_scheduled(api: Api, cluster: Cluster) -> None:
    gone = waiting("gone")
    gone["metadata"]["deletionTimestamp"] = "2025-12-19T15:29:00Z"
    cluster.add(node("n1"), gone)
    cluster.publish(NOW)
    assert (await read(api))["gone"]["reason"] == "it is being deleted"
