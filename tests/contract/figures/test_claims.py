"""Who holds GPUs by ResourceClaims, and which claim a pending pod waits for."""

import csv
import io
from typing import Any

import pytest

from tests.contract.conftest import NOW, Api
from tests.contract.figures.test_metrics import scrape
from tests.contract.kubernetes import Cluster, Manifest, node, pod
from tests.contract.lists.test_pending_tasks import pending
from tests.unit.model.dra_manifests import (
    DRIVER,
    H100,
    claim,
    device,
    device_class,
    gpu,
    resource_slice,
    result,
)
from tests.unit.model.inventory.dra.test_claims import cpu_node

NAMESPACE = "ml-team"


def claiming(name: str, node_name: str, *claims: str, template: bool = False, **fields: Any) -> Manifest:
    """Return a pod of no extended resource with claims."""
    raw = pod(name, node_name, resource="cpu", **fields)
    raw["metadata"] |= {"uid": f"uid-{name}", "creationTimestamp": "2025-12-19T15:00:00Z"}
    raw["spec"]["resourceClaims"] = [
        {"name": f"c{index}", **({} if template else {"resourceClaimName": each})}
        for index, each in enumerate(claims)
    ]
    return raw


def held(*results: Manifest, name: str = "claim-1", **fields: Any) -> Manifest:
    return claim(*results, name=name, namespace=NAMESPACE, **fields)


async def test_a_task_has_its_claims_and_their_devices(api: Api, cluster: Cluster) -> None:
    cluster.add(
        cpu_node(),
        resource_slice(gpu(0), device("odd")),
        held(result("gpu-0"), result("odd", shareID="s-1"), result("gone"), pods=["train"]),
        claiming("train", "node-1", "claim-1"),
    )
    cluster.publish(NOW)
    (task,) = (await api.tasks()).data["tasks"]
    assert task["allocated_gpus"] == 3
    (own,) = task["claims"]
    assert (own["name"], own["resource_claim"], own["ready"], own["reason"]) == ("c0", "claim-1", True, None)
    assert (own["gpus"], own["waits_for"]) == (3, [])
    named = {"request": "gpus", "driver": DRIVER, "pool": "node-1", "share_id": None}
    unknown = {"product": None, "uuid": None, "gpu_uuid": None}
    assert own["devices"] == [
        named
        | {"device": "gpu-0", "product": H100, "uuid": "GPU-0abc", "gpu_uuid": "GPU-0abc", "reason": None},
        named | {"device": "odd", "share_id": "s-1", **unknown, "reason": "NOT_REPORTED"},
        named | {"device": "gone", **unknown, "reason": "SLICE_GONE"},
    ]


async def test_a_task_without_claims_has_no_such_field(api: Api, cluster: Cluster) -> None:
    cluster.add(pod("plain", "node-1"))
    cluster.publish(NOW)
    assert "claims" not in (await api.tasks()).data["tasks"][0]


async def test_a_cell_with_claims_is_json(api: Api, cluster: Cluster) -> None:
    cluster.add(
        cpu_node(),
        resource_slice(gpu(0)),
        held(result("gpu-0"), pods=["train"]),
        claiming("train", "node-1", "claim-1"),
    )
    cluster.publish(NOW)
    (row,) = csv.DictReader(io.StringIO((await api.tasks(Accept="text/csv")).body.decode(), newline=""))
    assert row["claims"].startswith('[{"name":"c0","resource_claim":"claim-1","ready":true,"reason":null,')


CONDITIONED = result("gpu-0", bindingConditions=["Attached"], bindingFailureConditions=["AttachFailed"])
FAILED = {
    "devices": [
        {
            "driver": DRIVER,
            "pool": "node-1",
            "device": "gpu-0",
            "conditions": [{"type": "AttachFailed", "status": "True"}],
        }
    ]
}


@pytest.mark.parametrize(
    ("claims", "reason", "waits_for", "gpus"),
    [
        ([], "NOT_FOUND", [], None),
        ([held(count=2)], "NOT_ALLOCATED", [DRIVER], 2),
        ([held(allocationMode="All")], "NOT_ALLOCATED", [DRIVER], None),
        ([held(result("gpu-0"), pods=["other"])], "NOT_RESERVED", [], None),
        ([held(CONDITIONED, pods=["train"])], "BINDING_CONDITIONS", ["Attached"], 1),
        ([held(CONDITIONED, pods=["train"], status=FAILED)], "BINDING_FAILED", ["AttachFailed"], 1),
        ([held(result("gpu-0"), pods=["train"])], None, [], 1),
    ],
)
async def test_a_pending_pod_says_what_its_claim_waits_for(
    api: Api,
    cluster: Cluster,
    claims: list[Manifest],
    reason: str | None,
    waits_for: list[str],
    gpus: int | None,
) -> None:
    waiting = claiming("train", "", "claim-1", phase="Pending", started=None)
    waiting["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": "1"}}
    cluster.add(cpu_node(), device_class(), resource_slice(gpu(0)), waiting, *claims)
    cluster.publish(NOW)
    (task,) = (await pending(api)).data["tasks"]
    (own,) = task["claims"]
    assert (own["ready"], own["reason"], own["waits_for"], own["gpus"]) == (
        reason is None,
        reason,
        waits_for,
        gpus,
    )


async def test_a_claim_that_was_not_made_yet_or_has_no_class_says_so(api: Api, cluster: Cluster) -> None:
    waiting = claiming("train", "", "claim-1", phase="Pending", started=None)
    fresh = claiming("fresh", "", "", template=True, phase="Pending", started=None)
    fresh["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": "1"}}
    ending = held(name="ending")
    ending["metadata"]["deletionTimestamp"] = "2025-12-19T15:00:00Z"
    late = claiming("late", "", "ending", phase="Pending", started=None)
    cluster.add(held(), waiting, fresh, ending, late)
    cluster.publish(NOW)
    tasks = {each["pod_name"]: each["claims"] for each in (await pending(api)).data["tasks"]}
    assert [(each["reason"], each["waits_for"]) for each in tasks["train"]] == [("NO_DEVICE_CLASS", [DRIVER])]
    assert [(each["reason"], each["resource_claim"]) for each in tasks["fresh"]] == [("NOT_CREATED", None)]
    assert [each["reason"] for each in tasks["late"]] == ["TERMINATING"]


async def test_the_status_has_what_no_node_and_no_state_has(api: Api, cluster: Cluster) -> None:
    cluster.add(
        cpu_node(),
        resource_slice(gpu(0), gpu(1)),
        resource_slice(gpu(7), name="shared", pool="shared", node=None, allNodes=True),
        resource_slice(gpu(5), gpu(5), name="twice", pool="twice"),
        held(result("gpu-0")),
    )
    cluster.publish(NOW)
    data = (await api.status("&include=nodes")).data
    states, dra = data["gpu_states"], data["dra"]
    assert (states["allocated"], states["available"], states["held_without_pod"]) == (1, 2, 1)
    assert (states["unknown"], states["unknown_reason"]) == (1, None)
    assert [(each["resource"], each["capacity"], each["available"]) for each in dra["no_node"]] == [
        (DRIVER, 1, 1)
    ]
    assert dra["total_problem_pools"] == 1
    assert dra["problem_pools"] == [
        {
            "driver": DRIVER,
            "pool": "twice",
            "reason": "DUPLICATE_DEVICE",
            "detail": "gpu-5",
            "generation": 1,
            "slices": 1,
            "slice_count": 1,
        }
    ]
    (row,) = data["nodes"]
    assert (row["held_without_pod"], row["unknown_gpus"]) == (1, 1)
    assert [(each["resource"], each["capacity"], each["allocated"]) for each in row["drivers"]] == [
        (DRIVER, 2, 1)
    ]
    samples = await scrape(api)
    assert samples["lens_unknown_gpus"] == samples["lens_problem_pools"] == 1
    assert samples["lens_held_without_pod_gpus"] == samples["lens_no_node_gpus{state=available}"] == 1


async def test_who_holds_the_gpus_of_no_node_is_named_as_on_a_node(api: Api, cluster: Cluster) -> None:
    cluster.add(
        cpu_node(),
        resource_slice(gpu(0)),
        resource_slice(gpu(6), gpu(7), gpu(8), name="fabric", pool="fabric", node=None, allNodes=True),
        held(result("gpu-0"), pods=["train"], name="of-a-node"),
        held(result("gpu-7", pool="fabric"), pods=["train"]),
        held(result("gpu-8", pool="fabric"), name="kept"),
        held(result("gone", pool="fabric"), name="lost", node=None),
        claiming("train", "node-1", "of-a-node", "claim-1"),
    )
    cluster.publish(NOW)
    assert "no_node_gpus" not in (await api.status()).data
    data = (await api.status("&include=no_node")).data
    rows = data["no_node_gpus"]
    assert [(each["pool"], each["name"], each["state"], each["reason"]) for each in rows] == [
        ("fabric", "gpu-7", "allocated", None),
        ("fabric", "gpu-8", "allocated", None),
        ("fabric", "gone", "allocated", "SLICE_GONE"),
    ]
    assert [(each["product"], each["driver"]) for each in rows] == [(H100, DRIVER)] * 2 + [(None, DRIVER)]
    holders = [[claim for device in each["devices"] for claim in device["claims"]] for each in rows]
    assert [
        [(each["namespace"], each["resource_claim"], each["pods"], each["without_pod"]) for each in of_gpu]
        for of_gpu in holders
    ] == [
        [(NAMESPACE, "claim-1", ["train"], None)],
        [(NAMESPACE, "kept", [], "UNRESERVED")],
        [(NAMESPACE, "lost", [], "UNRESERVED")],
    ]
    (row,) = data["dra"]["no_node"]
    assert row["allocated"] == len(rows)


async def test_while_slices_are_missing_nobody_knows_how_many_gpus_are_unknown(
    api: Api, cluster: Cluster
) -> None:
    cluster.add(cpu_node(), resource_slice(gpu(0), count=2))
    cluster.publish(NOW)
    data = (await api.status()).data
    assert (data["gpu_states"]["unknown"], data["gpu_states"]["unknown_reason"]) == (None, "INCOMPLETE_POOLS")
    assert [(each["reason"], each["detail"]) for each in data["dra"]["problem_pools"]] == [
        ("INCOMPLETE", "1 of 2 slices")
    ]
    assert "lens_unknown_gpus" not in await scrape(api)


async def test_a_node_that_offers_gpus_both_ways_is_counted_as_such(api: Api, cluster: Cluster) -> None:
    cluster.add(node("node-1", 4), resource_slice(gpu(0)))
    cluster.publish(NOW)
    data = (await api.status("&include=nodes")).data
    assert (data["dra"]["both_ways_nodes"], data["approximate"]) == (1, True)
    assert data["nodes"][0]["approximate_reason"] == "BOTH_WAYS"


async def test_what_fits_without_claims_fits_where_there_are_claims_too(api: Api, cluster: Cluster) -> None:
    cluster.add(node("node-1", 4), resource_slice(gpu(0), node="other"))
    cluster.publish(NOW, devices_unseen={"resourceclaims": "403"})
    fit = "/api/v1/realtime/fit?cluster=prod-cluster&gpus="
    known, unknown = (await api.ask(f"{fit}4")).data, (await api.ask(f"{fit}5")).data
    assert (known["fits"], known["complete"], known["not_checked"]) == ("yes", True, [])
    assert (unknown["fits"], unknown["complete"]) == ("unknown", False)
    assert unknown["not_checked"] == ["dynamic_resources"]
    assert unknown["pods"][0]["fits"] == "unknown"
    assert unknown["nearest"][0]["value"] == "4"
