"""A fleet that hands its GPUs out in all ways: by device plugins, as parts of GPUs, and by claims."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from lens_sim.cluster.claims import ClaimRequest
from lens_sim.cluster.fleet import Fleet
from lens_sim.cluster.nodes import Node, Trouble
from lens_sim.cluster.pools import DYNAMIC, PARTITIONED, TIME_SLICED, WHOLE, every_pool
from lens_sim.cluster.slices import DRIVER, resource_slice
from lens_sim.node.activity import activity, bounds, together
from lens_sim.objects.resources import (
    DEVICE_CLASSES,
    NODES,
    PODS,
    RESOURCE_CLAIM_TEMPLATES,
    RESOURCE_CLAIMS,
    RESOURCE_SLICES,
    Object,
    Resource,
)
from lens_sim.objects.resources import (
    DYNAMIC as DRA,
)
from lens_sim.objects.store import Store
from tests.profiles import full_or
from tests.sim.living import NOW, holds

GIB = 2**30
EXTENDED = "resource.kubernetes.io/extended-resource-claim"
MINUTES = full_or(25, 240)


def every(store: Store, resource: Resource) -> list[Object]:
    return [msgspec.json.decode(found.body) for found in store.snapshot(resource)]


def by_key(store: Store, resource: Resource) -> dict[str, Object]:
    return {resource.key_of(obj): obj for obj in every(store, resource)}


def living(seed: int, nodes: int = 10) -> Iterator[tuple[Store, Fleet]]:
    """Give a fleet every 20 seconds of its life."""
    store = Store(seed)
    fleet = Fleet(store, NOW, nodes=nodes, seed=seed, mixed=True)
    for step in range(MINUTES * 3):
        fleet.step(NOW + timedelta(seconds=20 * step))
        yield store, fleet


def results(claim: Object) -> list[dict[str, Any]]:
    allocation = claim["status"].get("allocation", {"devices": {"results": []}})
    found: list[dict[str, Any]] = allocation["devices"]["results"]
    return found


def claim_of(pod: Object, claims: dict[str, Object]) -> Object | None:
    """Follow a pod to its claim as the scheduler does."""
    if extended := pod["status"].get("extendedResourceClaimStatus"):
        return claims.get(f"{pod['metadata']['namespace']}/{extended['resourceClaimName']}")
    if "resourceClaims" not in pod["spec"]:
        return None
    (entry,) = pod["spec"]["resourceClaims"]
    named = {one["name"]: one["resourceClaimName"] for one in pod["status"].get("resourceClaimStatuses", [])}
    name = entry.get("resourceClaimName") or named[entry["name"]]
    return claims.get(f"{pod['metadata']['namespace']}/{name}")


@pytest.mark.parametrize("nodes", [1, 3, 4, 5, 6, 20])
def test_a_mixed_fleet_of_any_size_has_what_it_is_large_enough_for(nodes: int) -> None:
    store = Store()
    fleet = Fleet(store, NOW, nodes=nodes, mixed=True)
    fleet.step(NOW + timedelta(minutes=10))
    pools = Counter(node.pool for node in fleet.nodes)
    assert [node.pool for node in fleet.nodes] == list(every_pool(nodes))
    assert pools[WHOLE] > 0
    assert (pools[DYNAMIC] > 0) is (nodes >= 4)
    assert (pools[PARTITIONED] > 0) is (nodes >= 5)
    assert (pools[TIME_SLICED] > 0) is (nodes >= 6)
    assert len(every(store, RESOURCE_SLICES)) == pools[DYNAMIC]
    if nodes < 4:
        assert not any(every(store, resource) for resource in DRA)


def test_two_mixed_fleets_of_one_seed_are_equal_however_their_time_is_cut() -> None:
    def lived(step: timedelta) -> list[dict[str, Object]]:
        store = Store(3)
        fleet = Fleet(store, NOW, seed=3, mixed=True)
        for number in range(1, timedelta(minutes=30) // step + 1):
            fleet.step(NOW + number * step)
        return [by_key(store, resource) for resource in (PODS, NODES, *DRA)]

    assert lived(timedelta(seconds=30)) == lived(timedelta(minutes=30))


@pytest.mark.parametrize("seed", [1, 2])
def test_claims_are_allocated_as_the_scheduler_does_it(seed: int) -> None:
    states: Counter[str] = Counter()
    for store, _ in living(seed):
        devices: dict[tuple[str, str, str], Object] = {}
        nodes_of_pools: dict[str, str] = {}
        for each in every(store, RESOURCE_SLICES):
            spec = each["spec"]
            nodes_of_pools[spec["pool"]["name"]] = spec["nodeName"]
            for device in spec["devices"]:
                devices[spec["driver"], spec["pool"]["name"], device["name"]] = device
        pods, claims = by_key(store, PODS), by_key(store, RESOURCE_CLAIMS)
        held: set[tuple[str, str, str]] = set()
        for claim in claims.values():
            mine = {(one["driver"], one["pool"], one["device"]) for one in results(claim)}
            (request,) = claim["spec"]["devices"]["requests"]
            assert not mine & held, "a device is allocated twice"
            assert mine <= devices.keys()
            assert all(one["request"] == request["name"] for one in results(claim))
            held |= mine
            states["allocated" if mine else "pending"] += 1
            if not mine:
                continue
            assert len(mine) == request["exactly"]["count"]
            if request["exactly"]["deviceClassName"] == "a100.nvidia.com":
                products = {devices[one]["attributes"]["productName"]["string"] for one in mine}
                assert products == {"NVIDIA A100-SXM4-80GB"}
            (term,) = claim["status"]["allocation"]["nodeSelector"]["nodeSelectorTerms"]
            (node,) = term["matchFields"][0]["values"]
            assert {nodes_of_pools[pool] for _, pool, _ in mine} == {node}
            for user in claim["status"]["reservedFor"]:
                pod = pods[f"{claim['metadata']['namespace']}/{user['name']}"]
                assert (user["resource"], user["uid"]) == ("pods", pod["metadata"]["uid"])
                assert holds(pod)
                assert pod["spec"]["nodeName"] == node
                assert claim_of(pod, claims) == claim
                extended = "extendedResourceClaimStatus" in pod["status"]
                assert extended is (EXTENDED in claim["metadata"].get("annotations", {}))
                states["extended"] += extended
            states["shared"] += len(claim["status"]["reservedFor"]) > 1
        for key, pod in pods.items():
            found = claim_of(pod, claims)
            if holds(pod) and "resourceClaims" in pod["spec"]:
                assert found is not None, key
                assert pod["metadata"]["uid"] in {user["uid"] for user in found["status"]["reservedFor"]}
    assert min(states[state] for state in ("allocated", "pending", "shared", "extended")) > 10


def test_an_extended_resource_that_no_node_has_is_served_by_a_claim_of_the_scheduler() -> None:
    store = Store()
    Fleet(store, NOW, mixed=True)
    (pod,) = [each for each in every(store, PODS) if "segmentation" in each["metadata"]["name"]]
    resource = "deviceclass.resource.kubernetes.io/a100.nvidia.com"
    (container,) = pod["spec"]["containers"]
    assert container["resources"]["requests"][resource] == container["resources"]["limits"][resource] == "2"
    assert "resourceClaims" not in pod["spec"]
    assert not any(resource in each["status"]["allocatable"] for each in every(store, NODES))
    (mapping,) = pod["status"]["extendedResourceClaimStatus"]["requestMappings"]
    assert (mapping["containerName"], mapping["resourceName"]) == ("main", resource)
    claim = claim_of(pod, by_key(store, RESOURCE_CLAIMS))
    assert claim is not None
    assert [each["request"] for each in results(claim)] == [mapping["requestName"]] * 2


def test_a_claim_of_a_template_is_its_pods_own_and_ends_with_it() -> None:
    seen: set[str] = set()
    last: dict[str, Object] = {}
    for store, _ in living(1):
        pods, last = by_key(store, PODS), by_key(store, RESOURCE_CLAIMS)
        seen |= last.keys()
        for claim in last.values():
            metadata = claim["metadata"]
            if metadata["name"] == "feature-store":
                assert "ownerReferences" not in metadata
                continue
            (owner,) = metadata["ownerReferences"]
            pod = pods[f"{metadata['namespace']}/{owner['name']}"]
            assert (owner["kind"], owner["uid"]) == ("Pod", pod["metadata"]["uid"])
            assert owner["controller"]
            extended = EXTENDED in metadata["annotations"]
            named = {EXTENDED: "true"} if extended else {"resource.kubernetes.io/pod-claim-name": "gpu"}
            assert metadata["annotations"] == named
            what = "extended-resources" if extended else "gpu"
            assert metadata["name"][:-5] == metadata["generateName"] == f"{owner['name']}-{what}-"
            assert pod["status"]["phase"] in ("Pending", "Running")
    assert len(seen) > len(last) + 2


def test_a_pod_waits_for_a_claim_in_the_schedulers_words_and_another_is_gated() -> None:
    store = Store()
    Fleet(store, NOW, mixed=True).step(NOW + timedelta(hours=1))
    waits = store.get(PODS, "research/long-context-eval-1-worker-0")
    gated = store.get(PODS, "research/sweep-1-worker-0")
    assert waits is not None
    assert gated is not None
    (scheduled,) = waits["status"]["conditions"]
    assert (scheduled["status"], scheduled["reason"]) == ("False", "Unschedulable")
    assert "cannot allocate all claims" in scheduled["message"]
    claim = claim_of(waits, by_key(store, RESOURCE_CLAIMS))
    assert claim is not None
    assert claim["status"] == {}
    assert gated["spec"]["schedulingGates"] == [{"name": "kueue.x-k8s.io/admission"}]
    (scheduled,) = gated["status"]["conditions"]
    assert (scheduled["status"], scheduled["reason"]) == ("False", "SchedulingGated")
    classes = by_key(store, DEVICE_CLASSES)
    for template in every(store, RESOURCE_CLAIM_TEMPLATES):
        (request,) = template["spec"]["spec"]["devices"]["requests"]
        assert request["exactly"]["deviceClassName"] in classes


@pytest.mark.parametrize("nodes", [3, 6, 10])
@pytest.mark.parametrize("seed", [1, 7])
def test_a_whole_node_is_free_within_two_minutes_and_again_later(seed: int, nodes: int) -> None:
    fleet = Fleet(Store(seed), NOW, nodes=nodes, seed=seed, mixed=True)

    def is_free() -> bool:
        return any(node.free.gpus == 8 and not node.unschedulable and not node.silent for node in fleet.nodes)

    free = []
    for seconds in range(0, 1_200, 5):
        fleet.step(NOW + timedelta(seconds=seconds))
        free.append(is_free())
    assert any(free[: 120 // 5])
    assert any(free[600 // 5 :])
    assert not all(free)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_device_of_any_kind_is_given_twice_or_beyond_what_its_node_offers(seed: int) -> None:
    held: Counter[str] = Counter()
    for _, fleet in living(seed):
        for node in fleet.nodes:
            pods = fleet.pods_on(node)
            given = [device for pod in pods if pod.claim is None for device in pod.devices]
            claimed = {pod.claim: pod.claim.devices for pod in pods if pod.claim is not None}
            given += [device for devices in claimed.values() for device in devices]
            assert len(given) == len(set(given)) == node.devices.held
            assert set(given) <= set(node.devices.healthy)
            held[node.pool.has] += len(given)
            if not node.pool.dynamic:
                assert node.allocated.devices == len(given) <= node.allocatable.devices
            doing: dict[str, list[Any]] = {}
            for pod in pods:
                for device, act in activity(pod).items():
                    doing.setdefault(device.partition("::")[0], []).append(act)
            room = 9_728 * 2**20 if node.devices.instances else 79 * GIB
            for acts in doing.values():
                assert bounds(together(acts).utilization)[1] <= 100
                assert bounds(together(acts).memory)[1] <= room
    assert len(held) == 4
    assert min(held.values()) > 100


def test_slices_say_of_gpus_what_nvidias_driver_says() -> None:
    store = Store()
    fleet = Fleet(store, NOW, mixed=True)
    uids = {node["metadata"]["name"]: node["metadata"]["uid"] for node in every(store, NODES)}
    for each in every(store, RESOURCE_SLICES):
        spec, metadata = each["spec"], each["metadata"]
        node = next(node for node in fleet.nodes if node.name == spec["nodeName"])
        assert metadata["ownerReferences"][0]["uid"] == uids[node.name]
        assert metadata["name"].startswith(metadata["generateName"])
        assert spec["pool"] == {"name": node.name, "generation": 1, "resourceSliceCount": 1}
        attributes = [device["attributes"] for device in spec["devices"]]
        assert tuple(each["uuid"]["string"] for each in attributes) == node.devices.uuids
        assert len({each["resource.kubernetes.io/pciBusID"]["string"] for each in attributes}) == 8
        assert attributes[0]["type"] == {"string": "gpu"}
        assert attributes[0]["cudaComputeCapability"] == {"version": "8.0.0"}
        assert "nvidia.com/gpu" not in node.manifest()["status"]["capacity"]


def test_a_gpu_that_turns_unhealthy_is_tainted_and_goes_to_nobody() -> None:
    node = Node(1, created=NOW, heartbeat=NOW, pool=DYNAMIC)
    node.befall(Trouble.GPU_UNHEALTHY, NOW)
    devices = resource_slice(node, "uid")["spec"]["devices"]
    assert [len(device.get("taints", [])) for device in devices] == [0] * 7 + [1]
    (taint,) = devices[7]["taints"]
    assert (taint["effect"], taint["timeAdded"]) == ("NoSchedule", "2026-01-05T12:03:07Z")
    assert ClaimRequest(DRIVER, 7).fits(node)
    assert not ClaimRequest(DRIVER, 8).fits(node)
    node.recover(NOW)
    assert ClaimRequest(DRIVER, 8).fits(node)
    assert not ClaimRequest("h200.nvidia.com", 1).fits(node)
