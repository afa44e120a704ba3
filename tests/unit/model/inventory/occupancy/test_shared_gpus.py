"""A unit is counted as the part of a GPU that it is, and what labels can't be believed costs no node."""

import pytest

from lens.model.inventory.ledger import Ledger
from lens.model.inventory.occupancy.gpu_states import GpuStates
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.inventory.occupancy.placement import DevicePlacement, Placement
from lens.model.inventory.occupancy.shared_gpus import UNKNOWN_RATIO
from tests.unit.model.manifests import GPU, Object, container, ledger_of, node, pod, snapshot_of

SHARED = "nvidia.com/gpu.shared"
SMALL = "nvidia.com/mig-1g.10gb"
HALF = "nvidia.com/mig-3g.40gb"

Labels = dict[str, str]


def sliced(replicas: str = "4", count: str = "2") -> Labels:
    return {"nvidia.com/gpu.replicas": replicas, "nvidia.com/gpu.count": count}


def single(profile: str) -> Labels:
    return {
        "nvidia.com/mig.strategy": "single",
        "nvidia.com/gpu.product": f"NVIDIA-H100-80GB-HBM3-MIG-{profile}",
    }


def holding(name: str, resource: str, units: int, *ids: str, **fields: object) -> Object:
    """Return a pod with so many units, of which its status names some."""
    named = [{"resourceID": each, "health": "Healthy"} for each in ids]
    return pod(
        container("main") | {"resources": {"limits": {resource: units}}},
        name=name,
        status={
            "containerStatuses": [
                {"name": "main", "allocatedResourcesStatus": [{"name": resource, "resources": named}]}
            ]
        },
        **fields,  # type: ignore[arg-type]
    )


def row(*objects: Object, placement: Placement | None = None) -> NodeOccupancy:
    ledger = ledger_of(*objects)
    if placement is not None:
        ledger.put_placement("node-1", placement)
    return ledger.snapshot().nodes["node-1"]


# Time-slicing and MPS


def test_a_gpu_of_which_one_unit_is_held_is_allocated_and_its_free_units_are_told_apart() -> None:
    occupied = row(node(gpus="8", labels=sliced()), holding("a", GPU, 1))
    assert occupied.states == GpuStates(allocated=1, available=1)
    assert occupied.largest_block == 1
    assert not occupied.approximate
    (units,) = occupied.units
    assert units.states == GpuStates(allocated=1, available=7)


@pytest.mark.parametrize(
    ("held", "allocated", "approximate"),
    [([2], 1, True), ([1, 1], 1, True), ([4], 1, True), ([5], 2, False), ([8], 2, False), ([1], 1, False)],
)
def test_without_device_ids_the_least_number_is_given_and_called_approximate_if_it_may_be_more(
    held: list[int], allocated: int, approximate: bool
) -> None:
    pods = [holding(f"p{index}", GPU, units) for index, units in enumerate(held)]
    occupied = row(node(gpus="8", labels=sliced()), *pods)
    assert (occupied.states.allocated, occupied.approximate) == (allocated, approximate)
    assert occupied.states.total == 2


def test_device_ids_in_pods_say_which_gpus_are_held() -> None:
    pods = [holding("a", GPU, 1, "GPU-a::0"), holding("b", GPU, 1, "GPU-b::3")]
    occupied = row(node(gpus="8", labels=sliced()), *pods)
    assert (occupied.states, occupied.approximate) == (GpuStates(allocated=2), False)


def test_a_pod_that_names_no_device_yet_adds_nothing_that_must_not_be() -> None:
    known = holding("a", GPU, 1, "GPU-a::0")
    occupied = row(node(gpus="12", labels=sliced(count="3")), known, holding("b", GPU, 1))
    assert (occupied.states.allocated, occupied.approximate) == (1, True)


def test_units_of_a_sick_gpu_make_one_unhealthy_gpu() -> None:
    sick = node(capacity={GPU: "8"}, allocatable={GPU: "4"}, labels=sliced())
    assert row(sick).states == GpuStates(unhealthy=1, available=1)
    assert row(sick, holding("a", GPU, 4)).states == GpuStates(allocated=1, unhealthy=1)


def test_more_units_than_the_node_has_overcommit_gpus_only_where_no_gpu_is_left_for_them() -> None:
    occupied = row(node(gpus="8", labels=sliced()), holding("a", GPU, 9))
    assert (occupied.states.total, occupied.states.allocated, occupied.overcommitted) == (2, 2, 1)
    assert (occupied.units[0].states.allocated, occupied.units[0].overcommitted) == (8, 1)


def test_a_renamed_resource_is_shared_by_the_label_of_its_first_name_which_then_is_not() -> None:
    offered = {GPU: "4", SHARED: "8"}
    occupied = row(node(capacity=offered, allocatable=offered, labels=sliced(count="1")))
    assert occupied.states.total == 4 + 2
    assert [pool.resource for pool in occupied.units] == [SHARED]


def test_ids_that_name_more_gpus_than_there_are_count_no_more_than_there_are() -> None:
    pods = [holding(f"p{number}", GPU, 1, f"GPU-{number}::0") for number in range(5)]
    occupied = row(node(gpus="8", labels=sliced()), *pods)
    assert occupied.states == GpuStates(allocated=2)


TOLD = Placement(instances={}, pods={}, replicas={GPU: 4})


def test_where_no_label_says_so_the_agents_ids_tell_how_often_gpus_are_offered() -> None:
    pods = [holding("a", GPU, 1, "GPU-a::0"), holding("b", GPU, 2, "GPU-a::3", "GPU-a::1")]
    occupied = row(node(gpus="8"), *pods, placement=TOLD)
    assert (occupied.states, occupied.approximate) == (GpuStates(allocated=1, available=1), False)
    assert occupied.units[0].states == GpuStates(allocated=3, available=5)
    assert (occupied.parts["team/b"].gpus, occupied.parts["team/b"].replicated) == (1, True)
    # The label goes before it, and a number that can't be right counts for nothing.
    assert row(node(gpus="8", labels=sliced("2", "4")), placement=TOLD).states.total == 4
    assert row(node(gpus="7"), placement=TOLD).states.total == 7


def test_a_replica_that_a_pod_holds_makes_the_number_of_gpus_approximate_where_nobody_tells_it() -> None:
    occupied = row(node(gpus="8"), holding("a", GPU, 1, "GPU-a::0"))
    assert (occupied.states.total, occupied.approximate_reason) == (8, UNKNOWN_RATIO)
    assert not row(node(gpus="8"), holding("a", GPU, 1, "GPU-a")).approximate


@pytest.mark.parametrize(
    "labels",
    [
        sliced("-4"),
        sliced("four"),
        sliced(""),
        sliced("٤"),
        sliced("0"),
        sliced("1"),
        sliced("99999999999999999999"),
        sliced("3"),  # eight units are not threefold anything
        sliced("4", count="8"),  # the plugin doesn't offer what the label says yet
        {"nvidia.com/mig.strategy": "single", "nvidia.com/gpu.product": "NVIDIA-H100-MIG-INVALID"},
        {"nvidia.com/mig.strategy": "single", "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"},
        single("0g.5gb"),
        single("5g.5gb"),
        single("g.gb"),
        {"nvidia.com/mig.strategy": "mixed", "nvidia.com/gpu.product": "NVIDIA-H100-MIG-1g.10gb"},
    ],
)
def test_labels_that_cannot_be_believed_leave_each_unit_a_gpu(labels: Labels) -> None:
    occupied = row(node(gpus="8", labels=labels), holding("a", GPU, 3))
    assert occupied.states == GpuStates(allocated=3, available=5)
    assert (occupied.units, occupied.approximate) == ((), False)


@pytest.mark.parametrize("count", ["", "two", "-2", "0"])
def test_a_count_that_is_none_does_not_take_the_replicas_away(count: str) -> None:
    assert row(node(gpus="8", labels=sliced(count=count))).states.total == 2


# MIG


@pytest.mark.parametrize("labels", [{}, {"nvidia.com/mig.strategy": "mixed"}])
@pytest.mark.parametrize(
    ("units", "count"), [({"2g.10gb": 24}, 8), ({"4g.20gb": 8}, 8), ({"1g.5gb": 14}, 3), ({"1g.35gb": 28}, 4)]
)
def test_under_mixed_the_count_is_that_of_all_gpus(units: dict[str, int], count: int, labels: Labels) -> None:
    offered = {f"nvidia.com/mig-{profile}": str(number) for profile, number in units.items()}
    labels = labels | {"nvidia.com/gpu.count": str(count)}
    occupied = row(node(capacity=offered, allocatable=offered, labels=labels))
    assert (occupied.states, occupied.approximate) == (GpuStates(available=count), False)


def test_the_count_under_mixed_has_the_gpus_that_are_not_cut_up_too() -> None:
    offered = {GPU: "6", SMALL: "10"}
    labels = {"nvidia.com/mig.strategy": "mixed", "nvidia.com/gpu.count": "8"}
    occupied = row(node(capacity=offered, allocatable=offered, labels=labels), holding("a", SMALL, 1))
    assert (occupied.states, occupied.approximate) == (GpuStates(allocated=1, available=7), False)
    assert occupied.largest_block == 6

    shared = offered | {GPU: "24"}
    sliced_too = labels | {"nvidia.com/gpu.replicas": "4"}
    occupied = row(node(capacity=shared, allocatable=shared, labels=sliced_too))
    assert (occupied.states, occupied.approximate) == (GpuStates(available=8), False)


@pytest.mark.parametrize("count", ["1", "25", "0", "-8", "eight"])
def test_a_count_that_the_devices_can_not_be_on_is_ignored(count: str) -> None:
    offered = {"nvidia.com/mig-2g.20gb": "24"}
    labels = {"nvidia.com/mig.strategy": "mixed", "nvidia.com/gpu.count": count}
    occupied = row(node(capacity=offered, allocatable=offered, labels=labels))
    assert (occupied.states.total, occupied.approximate) == (8, True)


def test_telemetry_goes_before_the_count_and_the_count_before_the_product() -> None:
    """28 devices named 1g.35gb are on four GPUs if they are GB300s, and on seven if they are H200s."""
    profile = "nvidia.com/mig-1g.35gb"
    product = {"nvidia.com/gpu.product": "NVIDIA-H200", "nvidia.com/mig.strategy": "mixed"}

    def total(labels: Labels, told: Placement | None = None) -> int:
        raw = node(capacity={profile: "28"}, allocatable={profile: "28"}, labels=labels)
        return row(raw, placement=told).states.total

    agent = Placement(instances={f"MIG-{n}": f"GPU-{n % 4}" for n in range(28)}, pods={})
    assert total({}) == 4
    assert total(product) == 7
    assert total(product | {"nvidia.com/gpu.count": "5"}) == 5
    assert total(product | {"nvidia.com/gpu.count": "5"}, agent) == 4
    assert total({"nvidia.com/gpu.product": "NVIDIA-GB300"}) == 4


def test_pods_are_on_no_more_gpus_than_an_agent_tells_of_whatever_profiles_are_called() -> None:
    profile = "nvidia.com/mig-1g.35gb"
    raw = node(
        capacity={profile: "28"},
        allocatable={profile: "28"},
        labels={"nvidia.com/gpu.product": "NVIDIA-H200"},
    )
    agent = Placement(instances={f"MIG-{n}": f"GPU-{n % 4}" for n in range(28)}, pods={})
    occupied = row(raw, holding("a", profile, 28), placement=agent)
    assert (occupied.states, occupied.overcommitted) == (GpuStates(allocated=4), 0)
    assert occupied.parts["team/a"].gpus == 4


def test_mixed_profiles_are_on_the_same_gpus() -> None:
    offered = {SMALL: "7", HALF: "2", GPU: "6"}
    occupied = row(node(capacity=offered, allocatable=offered), holding("a", SMALL, 1), holding("b", HALF, 1))
    assert occupied.states == GpuStates(allocated=1, available=6 + 1)
    assert occupied.approximate
    assert {pool.resource: pool.states.available for pool in occupied.units} == {SMALL: 6, HALF: 1}


def test_under_single_the_profile_is_in_the_product_and_the_count_is_that_of_devices() -> None:
    labels = single("1g.10gb") | {"nvidia.com/gpu.count": "14", "nvidia.com/gpu.replicas": "1"}
    occupied = row(node(gpus="14", labels=labels), holding("a", GPU, 3))
    assert occupied.states == GpuStates(allocated=1, available=1)
    assert occupied.approximate


def test_mig_devices_may_be_time_sliced_too() -> None:
    labels = single("1g.10gb-SHARED") | {"nvidia.com/gpu.count": "7", "nvidia.com/gpu.replicas": "4"}
    assert row(node(gpus="28", labels=labels)).states.total == 1


def test_gke_says_in_labels_of_its_own_how_its_gpus_are_shared_and_cut() -> None:
    clients = "cloud.google.com/gke-max-shared-clients-per-gpu"
    partition = "cloud.google.com/gke-gpu-partition-size"
    assert row(node(gpus="24", labels={clients: "3"}), holding("a", GPU, 1)).states.total == 8
    assert row(node(gpus="7", labels={partition: "1g.5gb"}), holding("a", GPU, 1)).states == GpuStates(
        allocated=1
    )
    both = row(node(gpus="14", labels={partition: "1g.5gb", clients: "2"}))
    assert both.states == GpuStates(available=1)
    assert row(node(gpus="8", labels={clients: "1"})).states.total == 8
    assert row(node(gpus="8", labels={clients: "3"})).states.total == 8, "it does not divide the capacity"


def test_a_pod_on_a_node_that_is_gone_is_told_apart_with_the_gpus_that_its_profile_needs() -> None:
    occupied = snapshot_of(holding("a", SMALL, 7)).nodes["node-1"]
    assert (occupied.status, occupied.states.total, occupied.overcommitted) == ("Missing", 0, 1)


# What telemetry adds


MIG_NODE = node(capacity={SMALL: "4"}, allocatable={SMALL: "4"})
TWO_CUT_GPUS = {"MIG-1": "GPU-a", "MIG-2": "GPU-a", "MIG-3": "GPU-b", "MIG-4": "GPU-b"}


def test_telemetry_turns_an_approximate_figure_into_an_exact_one() -> None:
    pods = [holding("a", SMALL, 1), holding("b", SMALL, 1)]
    guessed = row(MIG_NODE, *pods)
    assert (guessed.states, guessed.approximate) == (GpuStates(allocated=1), True)
    told = Placement(
        instances=TWO_CUT_GPUS,
        pods={
            "team/a": (DevicePlacement(SMALL, "MIG-1", "GPU-a"),),
            "team/b": (DevicePlacement(SMALL, "MIG-3", "GPU-b"),),
            "team/finished-since": (DevicePlacement(SMALL, "MIG-4", "GPU-c"),),
        },
    )
    exact = row(MIG_NODE, *pods, placement=told)
    assert (exact.states, exact.approximate) == (GpuStates(allocated=2), False)


def test_a_mig_device_that_a_pod_names_is_found_on_the_gpu_that_telemetry_knows() -> None:
    told = Placement(instances=TWO_CUT_GPUS, pods={})
    occupied = row(MIG_NODE, holding("a", SMALL, 1, "MIG-1"), holding("b", SMALL, 1, "MIG-2"), placement=told)
    assert (occupied.states, occupied.approximate) == (GpuStates(allocated=1, available=1), False)


def test_a_pod_that_telemetry_does_not_list_yet_is_between_the_least_and_all() -> None:
    told = Placement(instances=TWO_CUT_GPUS, pods={"team/a": (DevicePlacement(SMALL, "MIG-1", "GPU-a"),)})
    occupied = row(MIG_NODE, holding("a", SMALL, 1), holding("b", SMALL, 1), placement=told)
    assert (occupied.states.allocated, occupied.states.total, occupied.approximate) == (1, 2, True)


def test_an_exporter_that_tells_no_resource_is_believed_of_pods_with_one() -> None:
    told = Placement(
        instances={},
        pods={"team/a": (DevicePlacement("", "GPU-a", "GPU-a"), DevicePlacement("", "GPU-b", "GPU-b"))},
    )
    occupied = row(node(gpus="8", labels=sliced()), holding("a", GPU, 2), placement=told)
    assert (occupied.states, occupied.approximate) == (GpuStates(allocated=2), False)


def test_telemetry_of_more_gpus_than_the_units_can_be_on_changes_nothing() -> None:
    told = Placement(instances={f"MIG-{number}": f"GPU-{number}" for number in range(9)}, pods={})
    assert row(MIG_NODE, placement=told).states.total == row(MIG_NODE).states.total == 1


# Sums over nodes


def test_sums_over_nodes_follow_nodes_that_come_change_and_go() -> None:
    ledger = ledger_of(
        node(gpus="8", labels=sliced()),
        node("node-2", gpus="4", labels=sliced(count="1")),
        holding("a", GPU, 2),
    )
    first = ledger.snapshot()
    assert (first.shared, first.approximate) == (frozenset({"node-1", "node-2"}), 1)
    assert (first.states.total, first.units[GPU].capacity, first.units[GPU].states.allocated) == (3, 12, 2)
    _refile(ledger, node(gpus="8"))
    second = ledger.snapshot()
    assert (second.shared, second.approximate, second.units[GPU].capacity) == (frozenset({"node-2"}), 0, 4)
    assert second.states.total == 8 + 1
    ledger.put_node("node-2", None)
    last = ledger.snapshot()
    assert (last.shared, dict(last.units)) == (frozenset(), {})


def _refile(ledger: Ledger, raw: Object) -> None:
    for name, view in ledger_of(raw).nodes.items():
        ledger.put_node(name, view)


@pytest.mark.parametrize(
    ("labels", "resource", "replicated"),
    [
        (sliced(), GPU, True),
        ({"amd.com/compute-memory-partition": "cpx_nps4"}, "amd.com/gpu", False),
        ({}, "amd.com/cpx_nps4", False),
        ({"gpu.intel.com/cards": "card0"}, "gpu.intel.com/i915", True),
    ],
)
def test_only_a_device_that_is_offered_several_times_over_may_have_further_holders(
    labels: Labels, resource: str, replicated: bool
) -> None:
    capacity = {resource: 8}
    occupied = row(node(labels=labels, capacity=capacity, allocatable=capacity), holding("a", resource, 1))
    (part,) = occupied.parts.values()
    assert part.replicated == replicated
