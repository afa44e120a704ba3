"""What claims and slices amount to: every GPU in one state, whoever hands it out."""

from itertools import permutations
from typing import Any

import pytest

from lens.model.inventory.dra.gpus import HELD_ELSEWHERE, NO_COUNTERS_LEFT, SLICE_GONE
from lens.model.inventory.objects.pod import PodKey
from lens.model.inventory.occupancy.gpu_states import GpuStates
from tests.unit.model.dra_manifests import (
    DRIVER,
    H100,
    claim,
    cluster,
    device,
    device_class,
    gpu,
    put,
    resource_slice,
    result,
    snapshot_of,
    taint_rule,
)
from tests.unit.model.manifests import GPU, Object, container, node, pod, read_pod

CPU = {"cpu": "64"}


def cpu_node(name: str = "node-1", **fields: Any) -> Object:
    """Return a node that names no GPU resource."""
    return node(name, capacity=CPU, allocatable=CPU, **fields)


def claiming(
    *claims: str, name: str = "train-0", node: str | None = "node-1", phase: str = "Running", **fields: Any
) -> Object:
    """Return a pod that names claims."""
    named = [{"name": f"c{index}", "resourceClaimName": each} for index, each in enumerate(claims)]
    return pod(container(), name=name, node=node, phase=phase, resourceClaims=named, **fields)


def _states(*objects: Object) -> dict[str, str]:
    snapshot = snapshot_of(*objects)
    return {each.gpu.devices[0].name: each.state for each in snapshot.nodes["node-1"].gpus}


def test_a_node_without_gpu_resources_has_the_gpus_of_its_slices() -> None:
    snapshot = snapshot_of(cpu_node(), resource_slice(gpu(0), gpu(1)), claim(result("gpu-0")))
    occupied = snapshot.nodes["node-1"]
    assert occupied.status == "Ready"
    assert occupied.states == snapshot.states == GpuStates(allocated=1, available=1)
    assert (snapshot.max_contiguous, snapshot.available_nodes, snapshot.missing_nodes) == (1, 1, 0)
    assert [each.gpu.product for each in occupied.gpus] == [H100, H100]
    assert [(each.resource, each.capacity) for each in occupied.drivers] == [(DRIVER, 2)]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "available"),
        ({"unschedulable": True}, "unavailable"),
        ({"taints": ["a:NoSchedule"]}, "unavailable"),
    ],
)
def test_a_free_gpu_is_available_where_pods_can_go(fields: Any, state: str) -> None:
    assert _states(cpu_node(**fields), resource_slice(gpu(0))) == {"gpu-0": state}


def test_gpus_of_a_node_that_does_not_exist_are_not_available() -> None:
    snapshot = snapshot_of(resource_slice(gpu(0), gpu(1)), claim(result("gpu-0")))
    assert snapshot.states == GpuStates(allocated=1, unavailable=1)
    assert (snapshot.nodes["node-1"].status, snapshot.missing_nodes) == ("Missing", 1)


def test_admin_access_and_other_drivers_hold_nothing() -> None:
    watched = claim(result("gpu-0", adminAccess=True), result("gpu-0", driver="net.example.com"))
    assert _states(cpu_node(), resource_slice(gpu(0)), watched) == {"gpu-0": "available"}


def test_two_drivers_with_one_pool_name_have_two_pools() -> None:
    amd = resource_slice(device("gpu-0"), name="amd", driver="gpu.amd.com")
    snapshot = snapshot_of(
        cpu_node(), resource_slice(gpu(0)), amd, claim(result("gpu-0", driver="gpu.amd.com"))
    )
    assert [(each.gpu.driver, each.state) for each in snapshot.nodes["node-1"].gpus] == [
        ("gpu.amd.com", "allocated"),
        (DRIVER, "available"),
    ]


@pytest.mark.parametrize("effect", ["NoSchedule", "NoExecute"])
def test_a_taint_takes_a_free_gpu_out_and_not_a_held_one(effect: str) -> None:
    tainted = [gpu(each, taints=[f"hot:{effect}"]) for each in range(2)]
    assert _states(cpu_node(), resource_slice(*tainted), claim(result("gpu-0"))) == {
        "gpu-0": "allocated",
        "gpu-1": "unhealthy",
    }


def test_a_taint_of_another_effect_takes_nothing_out() -> None:
    assert _states(cpu_node(), resource_slice(gpu(0, taints=["hot:None"]))) == {"gpu-0": "available"}


@pytest.mark.parametrize(
    ("selector", "unhealthy"),
    [
        ({}, ["gpu-0", "gpu-1"]),
        ({"driver": DRIVER, "pool": "node-1", "device": "gpu-1"}, ["gpu-1"]),
        ({"device": "gpu-0"}, ["gpu-0"]),
        ({"pool": "node-2"}, []),
        ({"driver": "gpu.amd.com"}, []),
        ({"deviceClassName": "gpu.nvidia.com"}, []),
    ],
)
def test_a_rule_taints_the_devices_that_it_matches(selector: Any, unhealthy: list[str]) -> None:
    ledger = cluster(cpu_node(), resource_slice(gpu(0), gpu(1)))
    assert ledger.snapshot().states.unhealthy == 0
    put(ledger, taint_rule(**selector))
    found = ledger.snapshot().nodes["node-1"].gpus
    assert [each.gpu.devices[0].name for each in found if each.state == "unhealthy"] == unhealthy
    assert [each.rule for gpu in found for each in gpu.taints] == ["rule"] * len(unhealthy)
    ledger.put_taint_rule("rule", None)
    assert ledger.snapshot().states == GpuStates(available=2)


def test_a_rule_that_cannot_be_evaluated_is_named() -> None:
    ledger = cluster(cpu_node(), resource_slice(gpu(0)), taint_rule(deviceClassName="gpu.nvidia.com"))
    assert ledger.snapshot().problems.rules_not_applied == ("rule",)
    ledger.put_taint_rule("rule", None)
    assert ledger.snapshot().problems.rules_not_applied == ()


def test_gpus_of_an_incomplete_pool_are_in_no_state_unless_they_are_held() -> None:
    ledger = cluster(cpu_node(), resource_slice(gpu(0), gpu(1), count=2), claim(result("gpu-0")))
    snapshot = ledger.snapshot()
    assert snapshot.states == GpuStates(allocated=1)
    assert (snapshot.unknown_gpus, snapshot.problems.incomplete) == (1, 1)
    (problem,) = snapshot.problems.pools
    assert (problem.driver, problem.pool, problem.reason) == (DRIVER, "node-1", "INCOMPLETE")
    assert [each.reason for each in snapshot.nodes["node-1"].gpus] == [None, "INCOMPLETE"]
    put(ledger, resource_slice(gpu(2), name="node-1-b", count=2))
    assert ledger.snapshot().states == GpuStates(allocated=1, available=2)
    assert ledger.snapshot().problems.pools == ()


def test_a_device_whose_slice_is_gone_stays_allocated_without_a_product() -> None:
    ledger = cluster(cpu_node(), resource_slice(gpu(0)), claim(result("gpu-0")))
    ledger.put_slice("node-1-a", None)
    (gone,) = ledger.snapshot().nodes["node-1"].gpus
    assert (gone.state, gone.gpu.product, gone.reason) == ("allocated", None, SLICE_GONE)
    assert ledger.snapshot().states == GpuStates(allocated=1)
    put(ledger, resource_slice(gpu(1), generation=2))
    assert ledger.snapshot().states == GpuStates(allocated=1, available=1)


def test_devices_of_no_node_count_in_totals_and_in_a_row_of_their_own() -> None:
    shared = resource_slice(gpu(0), gpu(1), node=None, pool="rack", allNodes=True)
    held = claim(result("gpu-0", pool="rack"), node=None, pods=["train-0"])
    snapshot = snapshot_of(cpu_node(), shared, held, claiming("claim-1"))
    assert snapshot.states == GpuStates(allocated=1, available=1)
    assert [each.state for each in snapshot.unattached.gpus] == ["allocated", "available"]
    assert (snapshot.available_nodes, snapshot.max_contiguous) == (0, 0)
    (running,) = snapshot.nodes["node-1"].pods
    assert (running.gpus, snapshot.running_tasks) == (1, 1)
    assert snapshot.nodes["node-1"].states == GpuStates()
    assert (snapshot.nodes["node-1"].status, snapshot.missing_nodes) == ("Ready", 0)


def test_a_device_under_per_device_node_selection_is_its_nodes() -> None:
    each = resource_slice(
        device("a", nodeName="node-1"),
        device("b", nodeSelector={}),
        node=None,
        pool="rack",
        perDeviceNodeSelection=True,
    )
    snapshot = snapshot_of(cpu_node(), each)
    assert snapshot.nodes["node-1"].states == GpuStates(available=1)
    assert snapshot.unattached.states == GpuStates(available=1)


# Partitions and shares

WHOLE = {"memory": "80Gi", "slices": 7}


def _partitionable() -> Object:
    return resource_slice(
        gpu(0, consumes={"gpu-0": WHOLE}, capacity={"memory": {"value": "80Gi"}}),
        *(
            device(
                f"{size}g-{at}",
                {"type": "mig", "profile": f"{size}g", "parentUUID": "GPU-0abc"},
                consumes={"gpu-0": {"memory": f"{size * 10}Gi", "slices": size}},
                capacity={"memory": {"value": f"{size * 10}Gi"}},
            )
            for size, at in ((1, 0), (1, 1), (3, 0), (3, 4), (4, 0))
        ),
        counters={"gpu-0": WHOLE},
    )


@pytest.mark.parametrize(
    ("held", "state", "left"),
    [
        ([], "available", "gpu-0"),
        (["1g-0"], "allocated", "4g-0"),
        (["4g-0"], "allocated", "3g-0"),
        (["4g-0", "3g-4"], "allocated", None),
        (["3g-0", "3g-4"], "allocated", "1g-0"),
        (["gpu-0"], "allocated", None),
    ],
)
def test_counters_say_the_largest_partition_that_is_left(
    held: list[str], state: str, left: str | None
) -> None:
    snapshot = snapshot_of(cpu_node(), _partitionable(), *([claim(*map(result, held))] if held else []))
    (only,) = snapshot.nodes["node-1"].gpus
    assert (only.state, only.largest_partition_left) == (state, left)
    assert snapshot.states.total == 1


def test_a_partition_that_is_tainted_is_not_left() -> None:
    ledger = cluster(cpu_node(), _partitionable(), taint_rule(device="gpu-0"))
    (only,) = ledger.snapshot().nodes["node-1"].gpus
    assert (only.state, only.largest_partition_left) == ("available", "4g-0")


def _drawing(index: int, node: str) -> Object:
    """Return a slice with a GPU that two partitions draw on, of the pool that all nodes have a part of."""
    halves = [device(f"half-{index}-{each}", consumes={f"gpu-{index}": {"slices": 4}}) for each in "ab"]
    return resource_slice(*halves, gpu(9 - index), name=node, pool="rack", count=3, node=node)


def _counters(slices: int) -> Object:
    sets = {f"gpu-{index}": {"slices": slices} for index in (1, 2)}
    return resource_slice(name="sets", pool="rack", count=3, node=None, allNodes=True, counters=sets)


def test_nothing_draws_on_a_pools_counters_while_one_is_overdrawn() -> None:
    held = claim(result("half-1-a", pool="rack"), result("half-1-b", pool="rack"))
    ledger = cluster(
        cpu_node("node-1"),
        cpu_node("node-2"),
        _drawing(1, "node-1"),
        _drawing(2, "node-2"),
        _counters(8),
        held,
    )

    def there(node: str) -> dict[str, tuple[str, str | None, str | None]]:
        gpus = ledger.snapshot().nodes[node].gpus
        return {each.gpu.name: (each.state, each.largest_partition_left, each.reason) for each in gpus}

    assert there("node-2") == {
        "gpu-2": ("available", "half-2-a", None),
        "gpu-7": ("available", None, None),
    }
    put(ledger, _counters(7))
    assert there("node-1") == {"gpu-1": ("allocated", None, None), "gpu-8": ("available", None, None)}
    assert there("node-2") == {
        "gpu-2": ("unavailable", None, NO_COUNTERS_LEFT),
        "gpu-7": ("available", None, None),
    }
    assert ledger.snapshot().states == GpuStates(allocated=1, unavailable=1, available=2)
    put(ledger, claim(result("half-1-a", pool="rack")))
    assert there("node-2")["gpu-2"] == ("available", "half-2-a", None)


def test_a_free_gpu_of_which_no_device_can_be_had_is_unavailable() -> None:
    both = device("both", consumes={each: {"slices": 4} for each in ("gpu-1", "gpu-2")})
    part = device("part", consumes={"gpu-1": {"slices": 5}})
    sets = {each: {"slices": 8} for each in ("gpu-1", "gpu-2")}
    objects = cpu_node(), resource_slice(both, part, counters=sets)
    assert _by_gpu(*objects) == {"gpu-1": "available", "gpu-2": "available"}
    assert _by_gpu(*objects, claim(result("part"))) == {"gpu-1": "allocated", "gpu-2": "unavailable"}


def _by_gpu(*objects: Object) -> dict[str, str]:
    return {each.gpu.name: each.state for each in snapshot_of(*objects).nodes["node-1"].gpus}


def test_a_pod_with_two_partitions_of_a_gpu_is_on_one_gpu() -> None:
    snapshot = snapshot_of(
        cpu_node(),
        _partitionable(),
        claim(result("1g-0"), result("1g-1"), pods=["train-0"]),
        claiming("claim-1"),
    )
    (task,) = snapshot.nodes["node-1"].pods
    assert (task.gpus, [each.allocated.device for each in task.uses[0].devices]) == (1, ["1g-0", "1g-1"])
    assert {each.gpu_uuid for each in task.uses[0].devices} == {"GPU-0abc"}


@pytest.mark.parametrize(("consumed", "left"), [("30Gi", 20.0), ("40Gi", 0.0), ("50Gi", 0.0)])
def test_shares_of_a_device_leave_the_rest_of_its_capacity(consumed: str, left: float) -> None:
    shared = gpu(0, allowMultipleAllocations=True, capacity={"memory": {"value": "80Gi"}})
    shares = [
        claim(
            result("gpu-0", shareID=f"s{each}", consumedCapacity={"memory": consumed}), name=f"claim-{each}"
        )
        for each in range(2)
    ]
    snapshot = snapshot_of(cpu_node(), resource_slice(shared), *shares)
    (only,) = snapshot.nodes["node-1"].gpus
    assert (only.state, len(only.holders)) == ("allocated", 2)
    assert [each.left for each in only.capacity_left] == [(("memory", left * 2**30),)]
    assert snapshot.states == GpuStates(allocated=1)


# Pods and claims


def test_a_pod_that_holds_gpus_by_claims_only_is_a_task() -> None:
    ledger = cluster(cpu_node(), resource_slice(gpu(0), gpu(1)), device_class())
    put(ledger, claim(result("gpu-0"), pods=["train-0"]))
    ledger.put_pod(PodKey("team", "train-0"), read_pod(claiming("claim-1")).value)
    snapshot = ledger.snapshot()
    (task,) = snapshot.nodes["node-1"].pods
    assert (snapshot.running_tasks, task.gpus, task.units) == (1, 1, ())
    (use,) = task.uses
    assert (use.claim, use.state, use.gpus, use.devices[0].product) == ("claim-1", "held", 1, H100)
    assert [each.pods for each in snapshot.nodes["node-1"].gpus[0].holders] == [(PodKey("team", "train-0"),)]


def test_a_pod_with_claims_of_other_drivers_is_no_gpu_pod() -> None:
    nic = claim(result("eth0", driver="net.example.com"), pods=["train-0"])
    snapshot = snapshot_of(cpu_node(), nic, claiming("claim-1"))
    assert (snapshot.running_tasks, len(snapshot.nodes)) == (0, 0)
    waiting = snapshot_of(claim(device_class="nic"), claiming("claim-1", node=None))
    assert (waiting.demand.pods, len(waiting.pending)) == (0, 0)


def test_a_claim_that_pods_share_counts_once_and_each_pod_names_it() -> None:
    shared = claim(result("gpu-0"), pods=["a", "b"])
    snapshot = snapshot_of(
        cpu_node(),
        resource_slice(gpu(0), gpu(1)),
        shared,
        claiming("claim-1", name="a"),
        claiming("claim-1", name="b"),
    )
    assert snapshot.states == GpuStates(allocated=1, available=1)
    assert [each.gpus for each in snapshot.nodes["node-1"].pods] == [1, 1]
    assert snapshot.nodes["node-1"].gpus[0].holders[0].pods == (
        PodKey("team", "a"),
        PodKey("team", "b"),
    )


def test_a_pod_that_a_claim_is_not_reserved_for_has_nothing_of_it() -> None:
    snapshot = snapshot_of(
        cpu_node(), resource_slice(gpu(0)), claim(result("gpu-0"), pods=["other"]), claiming("claim-1")
    )
    assert (snapshot.running_tasks, snapshot.nodes["node-1"].pods) == (0, ())


@pytest.mark.parametrize(
    ("pods", "phase", "without"),
    [
        ([], "Running", "UNRESERVED"),
        (["gone"], "Running", "PODS_GONE"),
        (["train-0"], "Succeeded", "PODS_GONE"),
    ],
)
def test_a_claim_without_a_pod_holds_and_says_so(pods: list[str], phase: str, without: str) -> None:
    held = claim(result("gpu-0"), pods=pods)
    held["status"]["allocation"]["allocationTimestamp"] = "2025-12-19T15:30:00Z"
    snapshot = snapshot_of(cpu_node(), resource_slice(gpu(0)), held, claiming("claim-1", phase=phase))
    (holder,) = snapshot.nodes["node-1"].gpus[0].holders
    assert (holder.without_pod, holder.claim.allocated_at) == (without, 1766158200)
    assert (snapshot.states.allocated, snapshot.held_without_pod) == (1, 1)


def test_a_pod_of_the_same_name_and_another_uid_is_not_the_claims() -> None:
    held = claim(result("gpu-0"), pods=["train-0"])
    again = claiming("claim-1", metadata={"uid": "uid-new"})
    snapshot = snapshot_of(cpu_node(), resource_slice(gpu(0)), held, again)
    assert (snapshot.running_tasks, snapshot.held_without_pod) == (0, 1)


def test_binding_conditions_make_an_allocated_claim_not_ready() -> None:
    held = claim(result("gpu-0", bindingConditions=["attached"]), pods=["train-0"])
    snapshot = snapshot_of(cpu_node(), resource_slice(gpu(0)), held, claiming("claim-1", node=None))
    (use,) = snapshot.pending["team/train-0"].uses
    assert (use.state, use.waits_for) == ("not ready", ("attached",))


@pytest.mark.parametrize(
    ("named", "state", "unknown"),
    [
        (claim(count=2), "waiting", ()),
        (claim(device_class="gpu.amd.com", count=2), "waiting", ("gpu.amd.com",)),
    ],
)
def test_a_pending_pod_says_which_claim_waits(named: Object, state: str, unknown: tuple[str, ...]) -> None:
    snapshot = snapshot_of(device_class(), named, claiming("claim-1", node=None, phase="Pending"))
    waiting = snapshot.pending["team/train-0"]
    (use,) = waiting.uses
    assert (use.claim, use.state, use.gpus, use.unknown_classes) == ("claim-1", "waiting", 2, unknown)
    assert (waiting.gpus, snapshot.demand.pods, snapshot.demand.gpus) == (2, 1, 2)


def test_a_claim_that_does_not_exist_is_named_with_a_pod_of_gpus() -> None:
    asking = claiming("claim-1", node=None, phase="Pending")
    asking["spec"]["containers"] = [container(gpus="1")]
    (use,) = snapshot_of(asking).pending["team/train-0"].uses
    assert use.state == "missing"
    assert not snapshot_of(claiming("claim-1", node=None)).pending


def test_a_class_that_comes_later_makes_its_pods_gpu_pods() -> None:
    ledger = cluster(claim(device_class="fast"), claiming("claim-1", node=None))
    assert not ledger.snapshot().pending
    put(ledger, device_class("fast"))
    assert list(ledger.snapshot().pending) == ["team/train-0"]
    ledger.put_device_class("fast", None)
    assert not ledger.snapshot().pending


def test_claims_made_of_templates_are_named_by_the_status() -> None:
    made = pod(
        container(),
        resourceClaims=[
            {"name": "gpu", "resourceClaimTemplateName": "one"},
            {"name": "unneeded", "resourceClaimTemplateName": "two"},
            {"name": "coming", "resourceClaimTemplateName": "three"},
        ],
        status={
            "resourceClaimStatuses": [{"name": "gpu", "resourceClaimName": "claim-1"}, {"name": "unneeded"}]
        },
    )
    view = read_pod(made).value
    assert view is not None
    assert [(each.name, each.claim) for each in view.claims] == [("gpu", "claim-1"), ("coming", None)]


@pytest.mark.parametrize("odd", [7, [7], [{"name": 3}], {"a": 1}])
def test_odd_claims_do_not_cost_the_pod(odd: Any) -> None:
    raw = pod(container(gpus="1"), resourceClaims=odd, status={"resourceClaimStatuses": odd})
    view = read_pod(raw).value
    assert view is not None
    assert (view.units, view.claims) == (((GPU, 1),), ())


# Extended resources served by DRA


def _extended(resource: str, node: str | None = "node-1") -> Object:
    served = {
        "resourceClaimName": "claim-1",
        "requestMappings": [{"containerName": "main", "resourceName": resource, "requestName": "r"}],
    }
    asked = {"limits": {resource: "1"}, "requests": {resource: "1"}}
    return pod(
        container(resources=asked),
        node=node,
        status={"extendedResourceClaimStatus": served} if node else {},
    )


@pytest.mark.parametrize("resource", [GPU, f"deviceclass.resource.kubernetes.io/{DRIVER}", "example.com/gpu"])
def test_an_extended_resource_that_a_claim_serves_counts_once(resource: str) -> None:
    snapshot = snapshot_of(
        cpu_node(),
        resource_slice(gpu(0), gpu(1)),
        device_class(extendedResourceName=resource),
        claim(result("gpu-0"), pods=["train-0"]),
        _extended(resource),
    )
    assert snapshot.states == GpuStates(allocated=1, available=1)
    assert snapshot.overcommitted == 0
    (task,) = snapshot.nodes["node-1"].pods
    assert (task.units, task.gpus) == ((), 1)


def test_only_the_resources_that_a_claim_serves_are_the_claims() -> None:
    both = _extended("example.com/gpu")
    both["spec"]["containers"].append(container("plugin", gpus="2"))
    snapshot = snapshot_of(
        node(gpus="4"), resource_slice(gpu(0)), claim(result("gpu-0"), pods=["train-0"]), both
    )
    (task,) = snapshot.nodes["node-1"].pods
    assert (task.units, task.gpus) == (((GPU, 2),), 3)


def test_a_pending_pod_asks_for_what_it_names_whatever_claim_an_attempt_left() -> None:
    left = _extended(GPU)
    del left["spec"]["nodeName"]
    ledger = cluster(cpu_node(), resource_slice(gpu(0)), device_class(extendedResourceName=GPU), left)

    def waits() -> tuple[int, dict[str, int], list[str]]:
        (only,) = ledger.snapshot().pending.values()
        return only.gpus, dict(only.units), [each.state for each in only.uses]

    assert waits() == (1, {GPU: 1}, [])
    put(ledger, claim(result("gpu-0"), pods=["train-0"]))
    assert waits() == (1, {GPU: 1}, ["held"])
    assert ledger.snapshot().demand.gpus == 1
    # The claim holds its device until the scheduler deletes it.
    assert ledger.snapshot().states == GpuStates(allocated=1)


def test_a_pending_pod_asks_for_a_class_by_its_implicit_resource() -> None:
    asking = _extended(f"deviceclass.resource.kubernetes.io/{DRIVER}", node=None)
    ledger = cluster(device_class(), asking)
    assert ledger.snapshot().demand.gpus == 1
    put(ledger, device_class(expression='device.driver == "net.example.com"'))
    assert ledger.snapshot().demand.gpus == 0


# Changes


def test_a_change_makes_only_the_touched_nodes_anew() -> None:
    ledger = cluster(
        *(cpu_node(f"node-{each}") for each in range(3)),
        *(
            resource_slice(gpu(0), name=f"s{each}", pool=f"node-{each}", node=f"node-{each}")
            for each in range(3)
        ),
    )
    before = ledger.snapshot()
    put(ledger, claim(result("gpu-0", pool="node-2"), node="node-2"))
    after = ledger.snapshot()
    assert [name for name in after.nodes if after.nodes[name] is not before.nodes[name]] == ["node-2"]
    put(ledger, resource_slice(gpu(0), name="s1", pool="node-1", generation=9))
    assert ledger.snapshot() is after


@pytest.mark.parametrize("stored_with_the_slice", [True, False])
def test_a_pod_sees_what_becomes_of_a_device_of_no_node(stored_with_the_slice: bool) -> None:
    held = claim(result("gpu-0", pool="rack"), pods=["train-0"])
    ledger = cluster(cpu_node(), claiming("claim-1"), held)
    if not stored_with_the_slice:
        ledger.snapshot()
    for product in (H100, "another one"):
        attributes = {"uuid": "GPU-0abc", "productName": product, "type": "gpu"}
        put(ledger, resource_slice(device("gpu-0", attributes), pool="rack", node=None, allNodes=True))
        (train,) = ledger.snapshot().nodes["node-1"].pods
        assert [each.product for use in train.uses for each in use.devices] == [product]


def test_health_comes_from_the_pods_status() -> None:
    sick = claiming(
        "claim-1",
        status={
            "containerStatuses": [
                {
                    "name": "main",
                    "allocatedResourcesStatus": [
                        {
                            "name": "claim:c0/gpus",
                            "resources": [
                                {"resourceID": f"k8s.{DRIVER}/claim=1-gpu-0", "health": "Unhealthy"},
                                {"resourceID": f"{DRIVER}/node-1/gpu-1", "health": "Healthy"},
                            ],
                        }
                    ],
                }
            ]
        },
    )
    held = claim(result("gpu-0"), result("gpu-1"), pods=["train-0"])
    snapshot = snapshot_of(cpu_node(), resource_slice(gpu(0), gpu(1)), held, sick)
    assert [each.holders[0].health for each in snapshot.nodes["node-1"].gpus] == ["Unhealthy", "Healthy"]


def test_nothing_is_left_when_all_is_gone() -> None:
    ledger = cluster(resource_slice(gpu(0)), claim(result("gpu-0"), pods=["train-0"]), claiming("claim-1"))
    ledger.snapshot()
    ledger.put_slice("node-1-a", None)
    ledger.put_claim(PodKey("team", "claim-1"), None)
    ledger.put_pod(PodKey("team", "train-0"), None)
    snapshot = ledger.snapshot()
    assert (snapshot.states, len(snapshot.nodes), snapshot.running_tasks) == (GpuStates(), 0, 0)
    assert snapshot.problems.pools == ()


# A pool that is published anew

MIGS = ("mig-0", "mig-1", "mig-2")


def _parts_of(index: int, *names: str, **fields: Any) -> list[Object]:
    """Return MIG devices of a GPU, which draw on its counter set."""
    return [
        device(
            name,
            {
                "type": "mig",
                "uuid": f"MIG-{name}",
                "parentUUID": f"GPU-{index}abc",
                "productName": H100,
            },
            consumes={f"gpu-{index}": {"slices": 1}},
            **fields,
        )
        for name in names
    ]


def _published(generation: int, part: str) -> Object:
    """Return a slice of a node with two GPUs: the counters, the first one's devices, or the second one's."""
    fields: dict[str, Any] = {
        "counters": {"counters": {"gpu-0": {"slices": 7}, "gpu-1": {"slices": 7}}},
        "first": {},
        "second": {},
    }[part]
    devices = {"counters": [], "first": _parts_of(0, *MIGS), "second": _parts_of(1, "mig-8", "mig-9")}[part]
    return resource_slice(
        *devices, name=f"{part}-{generation}", generation=generation, count=len(PARTS), **fields
    )


PARTS = ("counters", "first", "second")


@pytest.mark.parametrize("order", list(permutations(PARTS)))
@pytest.mark.parametrize("deleted", ["at last", "one by one"])
def test_a_held_gpu_stays_one_gpu_while_its_pool_is_published_anew(
    order: tuple[str, ...], deleted: str
) -> None:
    held = claim(*(result(each) for each in MIGS), pods=["train-0"])
    ledger = cluster(cpu_node(), *(_published(1, part) for part in PARTS), held, claiming("claim-1"))
    before = ledger.snapshot()
    assert before.states == GpuStates(allocated=1, available=1)
    steps: list[tuple[str, bool]] = [(part, True) for part in order]
    if deleted == "one by one":
        # Each old slice goes as soon as the new one of the same devices is there.
        steps = [step for part in order for step in ((part, True), (part, False))]
    else:
        steps += [(part, False) for part in order]
    for part, new in steps:
        if new:
            put(ledger, _published(2, part))
        else:
            ledger.put_slice(f"{part}-1", None)
        snapshot = ledger.snapshot()
        assert snapshot.states.allocated == 1
        (allocated,) = (each for each in snapshot.nodes["node-1"].gpus if each.state == "allocated")
        assert (allocated.gpu.product, allocated.gpu.uuid, allocated.reason) == (H100, "GPU-0abc", None)
        assert [each.allocated.device for each in allocated.holders] == list(MIGS)
        (task,) = snapshot.nodes["node-1"].pods
        assert (task.gpus, [each.gone for each in task.uses[0].devices]) == (1, [False] * 3)
    assert snapshot.states == before.states
    assert snapshot.nodes["node-1"].gpus == before.nodes["node-1"].gpus


@pytest.mark.parametrize(
    ("consumes", "attributes"),
    [
        ({"gpu-0": {"slices": 1}}, {}),
        (None, {"parentUUID": "GPU-0abc"}),
        (None, {"pciBusID": "0000:19:00.0"}),
    ],
)
def test_a_held_device_of_an_older_generation_is_of_the_same_gpu_as_the_new_ones(
    consumes: Any, attributes: dict[str, str | int]
) -> None:
    def part(name: str) -> Object:
        return device(name, {"type": "mig", **attributes}, consumes=consumes)

    counters = {"gpu-0": {"slices": 7}}
    old = resource_slice(part("old"), name="a", counters=counters)
    new = resource_slice(part("new"), name="b", generation=2, counters=counters)
    snapshot = snapshot_of(cpu_node(), old, new, claim(result("old"), result("new")))
    assert snapshot.states == GpuStates(allocated=1)
    (one,) = snapshot.nodes["node-1"].gpus
    assert [each.name for each in one.gpu.devices] == ["new"]


def test_of_an_older_generation_only_held_devices_count() -> None:
    old = resource_slice(gpu(0), gpu(1), gpu(2), name="a")
    new = resource_slice(gpu(2), name="b", generation=2)
    ledger = cluster(cpu_node(), old, new, claim(result("gpu-0")))
    assert ledger.snapshot().states == GpuStates(allocated=1, available=1)
    (running,) = (each for each in ledger.snapshot().nodes["node-1"].gpus if each.state == "allocated")
    assert (running.gpu.uuid, running.gpu.product, running.reason) == ("GPU-0abc", H100, None)
    ledger.put_claim(PodKey("team", "claim-1"), None)
    assert ledger.snapshot().states == GpuStates(available=1)
    put(ledger, claim(result("gpu-1")))
    assert ledger.snapshot().states == GpuStates(allocated=1, available=1)
    ledger.put_slice("a", None)
    assert [each.reason for each in ledger.snapshot().nodes["node-1"].gpus] == [None, SLICE_GONE]


def test_a_held_device_is_on_the_node_that_an_older_generation_says() -> None:
    old = resource_slice(gpu(0), name="a")
    new = resource_slice(gpu(2), name="b", generation=2, node="node-2")
    ledger = cluster(
        cpu_node(), cpu_node("node-2"), cpu_node("node-3"), old, new, claim(result("gpu-0"), node="node-3")
    )
    assert {name: each.states for name, each in ledger.snapshot().nodes.items()} == {
        "node-1": GpuStates(allocated=1),
        "node-2": GpuStates(available=1),
    }
    ledger.put_claim(PodKey("team", "claim-1"), None)
    # The scheduler sees a whole pool of either generation from the nodes.
    assert {name: each.states for name, each in ledger.snapshot().nodes.items()} == {
        "node-1": GpuStates(available=1),
        "node-2": GpuStates(available=1),
    }


@pytest.mark.parametrize(
    ("count", "generation", "of"), [(1, 1, "gpu-0"), (1, 3, "gpu-0"), (2, 1, "gpu-0"), (1, 1, "gpu-1")]
)
def test_a_device_of_several_nodes_in_one_pool_counts_on_each_and_is_had_once(
    count: int, generation: int, of: str
) -> None:
    first = resource_slice(gpu(0), name="a", pool="gpus", count=count)
    other = gpu(int(of[-1]), allowMultipleAllocations=of == "gpu-1")
    second = resource_slice(other, name="b", pool="gpus", node="node-2", count=count, generation=generation)
    ledger = cluster(cpu_node(), cpu_node("node-2"), first, second, claiming("claim-1", node="node-2"))

    def there() -> dict[str, list[tuple[str, str | None]]]:
        nodes = ledger.snapshot().nodes
        return {name: [(gpu.state, gpu.reason) for gpu in nodes[name].gpus] for name in ("node-1", "node-2")}

    free = [("available", None)]
    named = [(each.reason, each.detail) for each in ledger.snapshot().problems.pools]
    assert named == ([("DUPLICATE_DEVICE", "gpu-0 of node-1 and node-2")] if of == "gpu-0" else [])
    assert there() == {"node-1": free, "node-2": free}
    put(ledger, claim(result(of, pool="gpus"), node="node-2", pods=["train-0"]))
    held = [("unavailable", HELD_ELSEWHERE)] if of == "gpu-0" else free
    assert there() == {"node-1": held, "node-2": [("allocated", None)]}
    (task,) = ledger.snapshot().nodes["node-2"].pods
    assert task.gpus == 1
    assert task.uses[0].devices[0].gpus[0].node == "node-2"
    ledger.put_claim(PodKey("team", "claim-1"), None)
    assert there() == {"node-1": free, "node-2": free}


def test_a_device_that_a_nodes_slices_had_is_gone_there_whatever_other_nodes_have() -> None:
    slices = [resource_slice(gpu(0), name=each, pool="gpus", node=each) for each in ("node-1", "node-2")]
    held = claim(result("gpu-0", pool="gpus"), node="node-3", pods=["train-0"])
    waiting = claiming("claim-1", node="node-3")
    ledger = cluster(*map(cpu_node, ("node-1", "node-2", "node-3")), *slices, held, waiting)
    nodes = ledger.snapshot().nodes
    assert {name: [(gpu.state, gpu.reason) for gpu in each.gpus] for name, each in nodes.items()} == {
        "node-1": [("unavailable", HELD_ELSEWHERE)],
        "node-2": [("unavailable", HELD_ELSEWHERE)],
        "node-3": [("allocated", SLICE_GONE)],
    }
    (task,) = nodes["node-3"].pods
    assert task.gpus == 1
    assert task.uses[0].devices[0].gone


def test_the_newest_of_the_older_generations_says_what_a_held_device_is() -> None:
    slices = [
        resource_slice(device("gpu-0", {"uuid": f"GPU-{number}abc"}), name=f"s{number}", generation=number)
        for number in (1, 2)
    ]
    new = resource_slice(gpu(7), name="s3", generation=3)
    snapshot = snapshot_of(cpu_node(), *slices, new, claim(result("gpu-0")))
    assert [each.gpu.uuid for each in snapshot.nodes["node-1"].gpus] == ["GPU-7abc", "GPU-2abc"]
