"""What is read of the objects of resource.k8s.io, in all versions, and what becomes of odd ones."""

import json
from typing import Any

import msgspec
import pytest

from lens.model.inventory.objects.claim import AllocatedDevice, Alternative, ClaimRequest, Consumer
from lens.model.inventory.objects.taint_rule import SELECTOR_NOT_EVALUATED
from lens.model.k8s.taints import Taint
from tests.unit.model.dra_manifests import (
    DRIVER,
    H100,
    VERSIONS,
    claim,
    claims,
    device,
    device_class,
    gpu,
    read_claim,
    read_class,
    read_rule,
    read_slice,
    resource_slice,
    result,
    rules,
    slices,
    taint_rule,
)


def _read(raw: object) -> Any:
    return slices.read(msgspec.json.encode(raw))


def test_gpus_of_slices_that_are_alike_have_their_own_names_and_uuids() -> None:
    uuids = [f"GPU-5fd4f087-86f3-7a43-b711-4771313afc{number}" for number in range(50, 54)]
    zeros = "GPU-00000000-0000-0000-0000-000000000000"
    for pool, names, own, known in (
        ("n0", ("gpu-0", "gpu-1"), uuids[:2], uuids[:2]),
        ("n1", ("gpu-0", "gpu-1"), uuids[2:], uuids[2:]),
        ("n2", ("gpu-2", "gpu-3"), [zeros, uuids[3]], [None, uuids[3]]),
        ("n3", ("gpu-0", "gpu-1"), [zeros, zeros], [None, None]),
    ):
        listed = [
            device(name, {"productName": H100, "uuid": uuid}) for name, uuid in zip(names, own, strict=True)
        ]
        read = read_slice(resource_slice(*listed, name=pool, pool=pool, node=pool)).devices
        assert [(each.name, each.uuid, each.pool, each.node) for each in read] == [
            (name, uuid, pool, pool) for name, uuid in zip(names, known, strict=True)
        ]
        assert {each.product for each in read} == {H100}


@pytest.mark.parametrize("version", VERSIONS)
def test_all_versions_of_a_slice_say_the_same(version: str) -> None:
    attributes: dict[str, str | int] = {
        "uuid": "GPU-9b8d",
        "parentUUID": "GPU-1a2b",
        "productName": H100,
        "type": "mig",
        "profile": "1g.10gb",
        "resource.kubernetes.io/pciBusID": "00000000:C1:00.0",
        "numaNode": 1,
    }
    raw = resource_slice(
        device(
            "mig-1",
            attributes,
            capacity={"memory": "10Gi" if version == "v1alpha3" else {"value": "10Gi"}},
            consumes={"gpu-0": {"memory": "10Gi", "slices": 1}},
            taints=["hot:NoSchedule"],
        ),
        counters={"gpu-0": {"memory": "80Gi", "slices": "7"}},
        version=version,
    )
    (mig,) = read_slice(raw).devices
    assert (mig.name, mig.node, mig.kind.type, mig.product, mig.kind.profile) == (
        "mig-1",
        "node-1",
        "mig",
        H100,
        "1g.10gb",
    )
    assert (mig.uuid, mig.parent_uuid, mig.pci_bus_id) == ("GPU-9b8d", "GPU-1a2b", "0000:c1:00.0")
    assert (mig.memory_bytes, mig.kind.numa_node) == (10 * 2**30, 1)
    assert mig.taints == (Taint("hot", None, "NoSchedule"),)
    assert [(each.counter_set, each.counters) for each in mig.consumes] == [
        ("gpu-0", (("memory", 10 * 2**30), ("slices", 1)))
    ]
    assert read_slice(raw).counter_sets[0].counters == (("memory", 80 * 2**30), ("slices", 7))


def test_slices_of_drivers_without_gpus_are_left_out() -> None:
    reading = _read(resource_slice(device("channel-0"), driver="compute-domain.nvidia.com"))
    assert (reading.value, reading.problem) == (None, None)


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        ({"name": 4}, "Expected `str`"),
        ("gpu", "Expected `object`"),
        ({"name": ""}, "a name of 0 characters"),
        ({"name": "g" * 300}, "a name of 300 characters"),
        ({"name": "g", "nodeName": 5}, "Expected `str | null`"),
        ({"name": "g", "consumesCounters": [{}]}, "missing required field"),
        ({"name": "g", "taints": {"key": "hot"}}, "Expected `array | null`"),
        ({"name": "g", "taints": [{"key": "hot", "effect": 5}]}, "Expected `str`"),
        (
            {"name": "g", "consumesCounters": [{"counterSet": "a", "counters": {"b": {"value": "x"}}}]},
            "quantity",
        ),
    ],
)
def test_an_odd_device_costs_only_itself_and_is_named(odd: Any, named: str) -> None:
    reading = _read(resource_slice(gpu(0), odd, gpu(1)))
    assert [each.name for each in reading.value.devices] == ["gpu-0", "gpu-1"]
    assert named in reading.problem


def test_of_too_many_taints_those_that_repel_are_kept() -> None:
    many = [f"t{number}:None" for number in range(100)]
    (found,) = read_slice(resource_slice(device("g", taints=[*many, "hot:NoExecute"]))).devices
    assert (len(found.taints), found.taints[0]) == (16, Taint("hot", None, "NoExecute"))


@pytest.mark.parametrize(
    "attributes",
    [
        {"uuid": 5, "productName": {"string": H100}},
        {"uuid": {"string": 5}, "productName": {"string": H100}},
        {"numaNode": {"int": 2**63}, "productName": {"string": H100}},
        {"uuid": {"string": "00000000-0000"}, "productName": {"string": H100}, "new": {"list": [1]}},
    ],
)
def test_an_odd_attribute_costs_only_itself(attributes: Any) -> None:
    reading = _read(resource_slice({"name": "gpu-0", "attributes": attributes}))
    assert [(each.uuid, each.product) for each in reading.value.devices] == [(None, H100)]


def test_a_slice_keeps_no_more_devices_than_kubernetes_allows() -> None:
    reading = _read(resource_slice(*map(gpu, range(40_000))))
    assert len(reading.value.devices) == 128
    assert reading.problem == "40000 entries where 128 are the most"


@pytest.mark.parametrize("broken", [{"devices": 4}, {"sharedCounters": "no"}])
def test_an_odd_list_leaves_the_slice(broken: Any) -> None:
    reading = _read(resource_slice() | {"spec": resource_slice()["spec"] | broken})
    assert (reading.value.devices, reading.value.counter_sets) == ((), ())
    assert "Expected `array" in reading.problem


@pytest.mark.parametrize("number", ["generation", "resourceSliceCount"])
def test_a_number_that_is_no_int64_leaves_the_slice_out(number: str) -> None:
    raw = resource_slice(gpu(0))
    raw["spec"]["pool"][number] = 2**63
    reading = _read(raw)
    assert reading.value is None
    assert reading.problem is not None


def test_a_slice_without_a_pool_is_named_and_left_out() -> None:
    reading = _read({"metadata": {"name": "a", "resourceVersion": "1"}, "spec": {"driver": DRIVER}})
    assert reading.value is None
    assert "pool" in reading.problem


@pytest.mark.parametrize("version", VERSIONS)
def test_all_versions_of_a_claim_say_the_same(version: str) -> None:
    seen = read_claim(
        claim(
            result("gpu-0"),
            result("eth0", driver="net.example.com"),
            result("gpu-1", adminAccess=True),
            count=2,
            pods=["train-0"],
            version=version,
        )
    )
    assert seen.requests == (ClaimRequest("gpus", (Alternative("", DRIVER, 2),)),)
    assert seen.devices == (AllocatedDevice(DRIVER, "node-1", "gpu-0", "gpus"),)
    assert (seen.allocated, seen.node) == (True, "node-1")
    assert seen.reserved_for == (Consumer("pods", "train-0", "uid-train-0"),)


def test_a_prioritized_list_keeps_its_alternatives() -> None:
    raw = claim()
    raw["spec"]["devices"]["requests"] = [
        {
            "name": "main",
            "firstAvailable": [
                {"name": "big", "deviceClassName": "h200", "count": 1},
                {"name": "small", "deviceClassName": "h100", "allocationMode": "All"},
            ],
        }
    ]
    (request,) = read_claim(raw).requests
    assert request.alternatives == (Alternative("big", "h200", 1), Alternative("small", "h100", None))


def test_binding_conditions_that_are_not_true_are_what_a_device_waits_for() -> None:
    attached = {"type": "attached", "status": "True", "reason": "Done"}
    raw = claim(
        result("gpu-0", bindingConditions=["attached", "ready"], bindingFailureConditions=["failed"]),
        result("gpu-1", bindingConditions=["attached"], bindingFailureConditions=["failed"]),
    )
    raw["status"]["devices"] = [
        {"driver": DRIVER, "pool": "node-1", "device": "gpu-0", "conditions": [attached]},
        {
            "driver": DRIVER,
            "pool": "node-1",
            "device": "gpu-1",
            "conditions": [attached, {"type": "failed", "status": "True"}],
        },
    ]
    first, second = read_claim(raw).devices
    assert (first.waits_for, first.failed) == (("ready",), ())
    assert (second.waits_for, second.failed) == ((), ("failed",))
    assert [each.type for each in second.conditions] == ["attached", "failed"]


def test_a_share_says_what_it_consumes() -> None:
    shared = result("gpu-0", shareID="s-1", consumedCapacity={"memory": "10Gi", "odd": []})
    (found,) = read_claim(claim(shared)).devices
    assert (found.share_id, found.consumed) == ("s-1", (("memory", "10Gi"),))


@pytest.mark.parametrize("odd", [7, {"driver": DRIVER}, {"driver": DRIVER, "pool": "p", "device": "d" * 300}])
def test_an_odd_result_costs_only_itself_and_is_named(odd: Any) -> None:
    reading = claims.read(json.dumps(claim(odd, result("gpu-1"))).encode())
    assert reading.value is not None
    assert [each.device for each in reading.value.devices] == ["gpu-1"]
    assert reading.problem is not None


@pytest.mark.parametrize(
    "odd",
    [
        {"request": None},
        {"shareID": 7},
        {"adminAccess": "no"},
        {"bindingConditions": [None]},
        {"bindingFailureConditions": "Failed"},
        {"skipNodeOperations": 1},
        {"shareID": "s-1", "consumedCapacity": 5},
        {"shareID": "s-1", "consumedCapacity": {"memory": "much"}},
    ],
)
def test_an_odd_result_that_names_its_device_holds_it(odd: Any) -> None:
    reading = claims.read(json.dumps(claim(result("gpu-0") | odd, result("gpu-1"))).encode())
    assert reading.value is not None
    assert [each.device for each in reading.value.devices] == ["gpu-0", "gpu-1"]
    assert reading.problem is not None


def test_an_odd_status_of_a_device_costs_only_itself_and_is_named() -> None:
    told = {"driver": DRIVER, "pool": "node-1", "device": "gpu-0"}
    raw = claim(result("gpu-0"), status={"devices": [{**told, "conditions": 5}, told, 7]})
    reading = claims.read(json.dumps(raw).encode())
    assert reading.value is not None
    assert [each.device for each in reading.value.devices] == ["gpu-0"]
    assert "Expected `array" in (reading.problem or "")


def test_an_odd_reason_of_a_device_costs_only_itself_and_is_named() -> None:
    told = {"driver": DRIVER, "pool": "node-1", "device": "gpu-0"}
    attached = {"type": "attached", "status": "True", "reason": 7}
    raw = claim(
        result("gpu-0", bindingConditions=["attached"]),
        status={"devices": [told | {"conditions": [attached]}]},
    )
    reading = claims.read(json.dumps(raw).encode())
    assert reading.value is not None
    assert [each.waits_for for each in reading.value.devices] == [()]
    assert "reason" in (reading.problem or "")


@pytest.mark.parametrize("odd", [7, [], {"seconds": 1}, "yesterday", None])
def test_an_odd_time_of_allocation_costs_only_itself(odd: Any) -> None:
    raw = claim(result("gpu-0"))
    raw["status"]["allocation"]["allocationTimestamp"] = odd
    found = read_claim(raw)
    assert (len(found.devices), found.allocated_at, found.problem) == (1, None, None)


def test_a_claim_keeps_no_more_results_than_kubernetes_allows() -> None:
    reading = claims.read(json.dumps(claim(*(result(f"gpu-{n}") for n in range(5000)))).encode())
    assert reading.value is not None
    assert len(reading.value.devices) == 32
    assert reading.problem == "5000 entries where 32 are the most"


@pytest.mark.parametrize(
    ("expression", "extended", "gpus"),
    [
        ('device.driver == "gpu.nvidia.com"', None, True),
        ("device.driver == 'gpu.amd.com' && device.attributes['gpu.amd.com'].type == 'amdgpu'", None, True),
        ('device.driver != "gpu.nvidia.com"', None, False),
        ('device.driver == "net.example.com"', None, False),
        ('device.driver == "net.example.com"', "nvidia.com/gpu", True),
        ('device.driver == "net.example.com"', "example.com/nic", False),
    ],
)
def test_a_class_is_of_gpus_by_the_driver_or_the_resource_it_names(
    expression: str, extended: str | None, *, gpus: bool
) -> None:
    fields = {} if extended is None else {"extendedResourceName": extended}
    seen = read_class(device_class("fast", expression, **fields))
    assert (seen.gpus, seen.extended_resource) == (gpus, extended)


def test_a_rule_names_the_devices_it_is_for() -> None:
    rule = read_rule(taint_rule(driver=DRIVER, pool="node-1", device="gpu-0"))
    assert (rule.driver, rule.pool, rule.device) == (DRIVER, "node-1", "gpu-0")
    assert str(rule.taint) == "example.com/broken=yes:NoSchedule"
    assert rule.matches_pool(DRIVER, "node-1")
    assert not rule.matches_pool(DRIVER, "node-2")
    assert read_rule(taint_rule()).matches_pool("any", "pool")


@pytest.mark.parametrize(
    "selector",
    [
        {"deviceClassName": "gpu.nvidia.com"},
        {"selectors": [{"cel": {"expression": "true"}}], "pool": "node-1"},
    ],
)
def test_a_rule_that_selects_by_cel_is_not_applied_and_says_so(selector: Any) -> None:
    rule = read_rule(taint_rule(version="v1alpha3", **selector))
    assert rule.not_applied == SELECTOR_NOT_EVALUATED
    assert not rule.matches_pool(DRIVER, "node-1")


def test_a_rule_without_a_selector_is_for_no_device() -> None:
    raw = taint_rule()
    del raw["spec"]["deviceSelector"]
    assert not read_rule(raw).matches_pool(DRIVER, "node-1")


def test_a_rule_without_a_taint_is_named_and_left_out() -> None:
    reading = rules.read(json.dumps(taint_rule() | {"spec": {}}).encode())
    assert reading.value is None
    assert reading.problem is not None
