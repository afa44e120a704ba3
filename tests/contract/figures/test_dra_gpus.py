"""A node's GPUs that DRA hands out: each once, with its claims and with what telemetry measures."""

import json
from typing import Any

import msgspec

from lens.mcp import answers
from lens.model.gpu.node_report import Claimed
from lens.model.gpu.telemetry import GpuTelemetry
from lens.model.gpu.telemetry_cache import TelemetryCache
from tests.contract.conftest import NOW, Api
from tests.contract.figures.test_claims import claiming, held
from tests.contract.kubernetes import Cluster, Manifest
from tests.unit.model.dra_manifests import DRIVER, H100, device, gpu, resource_slice, result, taint_rule
from tests.unit.model.inventory.dra.test_claims import cpu_node
from tests.unit.telemetry import made

BUS = "0000:3b:00.0"


async def gpus(api: Api, name: str = "node-1") -> list[Any]:
    answer = await api.ask(f"/api/v1/realtime/nodes/{name}?cluster=prod-cluster")
    rows: list[Any] = answer.data["gpus"]
    return rows


def report(cluster: Cluster, *reported: GpuTelemetry, claimed: tuple[Claimed, ...] | None = ()) -> None:
    cache = TelemetryCache(stale_after=30, unknown_after=60)
    cache.put("node-1", made.node("node-1", *reported, at=NOW, claimed=claimed), NOW)
    cluster.state.telemetry = cache.snapshot()


async def test_a_gpu_of_a_claim_has_its_claim_and_its_device(api: Api, cluster: Cluster) -> None:
    ready = {"type": "Ready", "status": "False", "reason": "Overheated"}
    status = {"devices": [{"driver": DRIVER, "pool": "node-1", "device": "gpu-0", "conditions": [ready]}]}
    own = held(result("gpu-0"), pods=["train"], status=status)
    own["status"]["allocation"]["allocationTimestamp"] = "2025-12-19T15:00:00Z"
    train = claiming("train", "node-1", "claim-1")
    health = {
        "name": "claim:c0",
        "resources": [{"resourceID": f"{DRIVER}/node-1/gpu-0", "health": "Unhealthy"}],
    }
    train["status"]["containerStatuses"] = [{"name": "main", "allocatedResourcesStatus": [health]}]
    cluster.add(
        cpu_node(), resource_slice(gpu(0), gpu(1, taints=["hot:NoSchedule"])), own, train, taint_rule()
    )
    cluster.publish(NOW)
    first, second = await gpus(api)
    assert (first["source"], first["uuid"], first["product"]) == ("dra", "GPU-0abc", H100)
    assert (first["state"], first["health"], first["health_because"]) == (
        "allocated",
        "critical",
        ["UNHEALTHY"],
    )
    assert first["utilization"] is None
    assert first["reasons"]["utilization"] == "NO_TELEMETRY"
    dra = first["dra"]
    assert (dra["driver"], dra["pool"], dra["name"], dra["total_devices"]) == (DRIVER, "node-1", "gpu-0", 1)
    assert dra["devices"][0]["claims"] == [
        {
            "namespace": "ml-team",
            "resource_claim": "claim-1",
            "request": "gpus",
            "share_id": None,
            "consumed": {},
            "total_pods": 1,
            "pods": ["train"],
            "without_pod": None,
            "allocated_at": "2025-12-19T15:00:00Z",
            "health": "Unhealthy",
            "conditions": [ready],
            "waits_for": [],
            "failed": [],
        }
    ]
    assert (second["state"], second["dra"]["state"], second["health"]) == (
        "unhealthy",
        "unhealthy",
        "unknown",
    )
    (tainted,) = second["dra"]["devices"]
    assert tainted["taints"] == ["hot:NoSchedule", "example.com/broken=yes:NoSchedule"]
    assert (tainted["taint_rules"], tainted["claims"]) == (["rule"], [])


async def test_a_device_has_its_driver_version_its_nvlink_clique_and_its_numa_node(
    api: Api, cluster: Cluster
) -> None:
    attributes = {
        "driverVersion": {"version": "580.159.4"},
        "cliqueID": {"string": "3f1e.7"},
        "resource.kubernetes.io/numaNode": {"int": 0},
    }
    cluster.add(cpu_node(), resource_slice({"name": "gpu-0", "attributes": attributes}, device("gpu-1")))
    cluster.publish(NOW)
    first, second = (row["dra"]["devices"][0] for row in await gpus(api))
    fields = ("driver_version", "nvlink_clique", "numa_node")
    assert [first[each] for each in fields] == ["580.159.4", "3f1e.7", 0]
    assert [second[each] for each in fields] == [None, None, None]


async def test_a_gpu_that_telemetry_reports_too_is_one_gpu(api: Api, cluster: Cluster) -> None:
    by_address = device("gpu-1", {"resource.kubernetes.io/pciBusID": BUS})
    cluster.add(
        cpu_node(),
        resource_slice(gpu(0), by_address, gpu(2)),
        held(result("gpu-0"), result("gpu-1"), pods=["train"]),
        claiming("train", "node-1", "claim-1"),
    )
    cluster.publish(NOW)
    container = Claimed("ml-team", "train", "main", "claim-1", DRIVER, "node-1", "gpu-0")
    report(
        cluster,
        made.gpu("GPU-0abc", 70.0, at=NOW),
        made.gpu("GPU-b", 30.0, at=NOW, pci_bus_id=BUS),
        claimed=(container,),
    )
    rows = await gpus(api)
    assert [(each["source"], each["uuid"], each["state"], each["utilization"]) for each in rows] == [
        ("agent", "GPU-0abc", "allocated", 70.0),
        ("agent", "GPU-b", "allocated", 30.0),
        ("dra", "GPU-2abc", "available", None),
    ]
    assert [each["dra"]["name"] for each in rows] == ["gpu-0", "gpu-1", "gpu-2"]
    assert rows[0]["holders"] == [
        {"namespace": "ml-team", "pod": "train", "container": "main", "instance_uuid": None}
    ]
    assert rows[2]["reasons"]["utilization"] == "NOT_REPORTED"


async def test_a_gpu_that_a_claim_holds_for_no_pod_says_why(api: Api, cluster: Cluster) -> None:
    cluster.add(
        cpu_node(),
        resource_slice(gpu(0), gpu(1)),
        held(result("gpu-0"), name="unreserved"),
        held(result("gpu-1"), name="left", pods=["gone"]),
    )
    cluster.publish(NOW)
    assert [
        (each["state"], *(claim["without_pod"] for claim in each["dra"]["devices"][0]["claims"]))
        for each in await gpus(api)
    ] == [("allocated", "UNRESERVED"), ("allocated", "PODS_GONE")]


async def test_parts_of_a_gpu_are_beside_it_the_held_ones_first(api: Api, cluster: Cluster) -> None:
    def part(name: str, memory: str, slices: int) -> Manifest:
        return device(
            name,
            {"type": "mig", "profile": name},
            consumes={"gpu-0-counters": {"slices": slices}},
            capacity={"memory": {"value": memory}},
        )

    parts = [part("all", "80Gi", 7), part("half", "40Gi", 3), part("small", "10Gi", 1)]
    cluster.add(
        cpu_node(),
        resource_slice(*parts, name="node-1-a", count=2),
        resource_slice(name="node-1-b", count=2, counters={"gpu-0-counters": {"slices": 7}}),
        held(result("small")),
    )
    cluster.publish(NOW)
    (row,) = await gpus(api)
    dra = row["dra"]
    assert (dra["state"], dra["largest_partition_left"], dra["total_devices"]) == ("allocated", "half", 3)
    assert [(each["device"], each["profile"]) for each in dra["devices"]] == [
        ("small", "small"),
        ("all", "all"),
        ("half", "half"),
    ]


async def test_what_is_unknown_says_why(api: Api, cluster: Cluster) -> None:
    cluster.add(cpu_node(), resource_slice(gpu(0), count=2), held(result("gone", pool="other")))
    cluster.publish(NOW)
    unknown, gone = sorted(await gpus(api), key=lambda each: each["state"], reverse=True)
    assert (unknown["state"], unknown["dra"]["reason"]) == ("unknown", "INCOMPLETE")
    assert (gone["state"], gone["dra"]["reason"], gone["dra"]["name"]) == ("allocated", "SLICE_GONE", "gone")
    assert (gone["product"], gone["reasons"]["product"]) == (None, "SLICE_GONE")
    assert gone["dra"]["devices"][0]["claims"][0]["without_pod"] == "UNRESERVED"


async def test_a_gpu_has_its_first_devices_and_the_number_of_all(api: Api, cluster: Cluster) -> None:
    many = [device(f"part-{index:03}", consumes={"set": {"slices": 1}}) for index in range(100)]
    cluster.add(cpu_node(), resource_slice(*many, counters={"set": {"slices": 7}}), held(result("part-099")))
    cluster.publish(NOW)
    (row,) = await gpus(api)
    assert (row["dra"]["total_devices"], len(row["dra"]["devices"])) == (100, 64)
    assert row["dra"]["devices"][0]["device"] == "part-099"


async def test_a_model_is_shown_who_holds_what_without_empty_fields(api: Api, cluster: Cluster) -> None:
    cluster.add(
        cpu_node(),
        resource_slice(gpu(0)),
        held(result("gpu-0"), pods=["train"]),
        claiming("train", "node-1", "claim-1"),
    )
    cluster.publish(NOW)
    tasks = json.loads(msgspec.json.encode(msgspec.convert((await api.tasks()).data, answers.Tasks)))
    named = {"request": "gpus", "driver": DRIVER, "pool": "node-1", "device": "gpu-0", "product": H100}
    assert tasks["tasks"][0]["claims"] == [
        {"name": "c0", "resource_claim": "claim-1", "ready": True, "gpus": 1, "devices": [named]}
    ]
    answer = await api.ask("/api/v1/realtime/nodes/node-1?cluster=prod-cluster")
    detail = json.loads(msgspec.json.encode(msgspec.convert(answer.data, answers.NodeDetail)))
    assert detail["gpus"][0]["dra"]["devices"] == [
        {
            "device": "gpu-0",
            "type": "gpu",
            "uuid": "GPU-0abc",
            "claims": [
                {
                    "namespace": "ml-team",
                    "resource_claim": "claim-1",
                    "request": "gpus",
                    "total_pods": 1,
                    "pods": ["train"],
                    "health": "Unknown",
                }
            ],
        }
    ]
