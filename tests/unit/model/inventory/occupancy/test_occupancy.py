"""Every GPU of a node is in one state, and the states are the scheduler's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lens.model.inventory.occupancy.gpu_states import GpuStates
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.k8s.taints import TaintPolicy
from tests.unit.model.manifests import GPU, Object, container, node, pod, snapshot_of

AMD = "amd.com/gpu"


def occupied(*objects: Object, taints: TaintPolicy | None = None) -> NodeOccupancy:
    """Return node-1's row."""
    return snapshot_of(*objects, taints=taints).nodes["node-1"]


@pytest.mark.parametrize(
    ("capacity", "allocatable", "held", "states", "overcommitted"),
    [
        (8, 8, 0, GpuStates(0, 0, 0, 8), 0),
        (8, 8, 3, GpuStates(3, 0, 0, 5), 0),
        (8, 8, 8, GpuStates(8, 0, 0, 0), 0),
        (8, 6, 0, GpuStates(0, 2, 0, 6), 0),
        (8, 6, 3, GpuStates(3, 2, 0, 3), 0),
        # The seventh is held although only six may be: it is one of the two unhealthy ones.
        (8, 6, 7, GpuStates(7, 1, 0, 0), 0),
        (8, 0, 8, GpuStates(8, 0, 0, 0), 0),
        (8, 0, 0, GpuStates(0, 8, 0, 0), 0),
        (8, 8, 10, GpuStates(8, 0, 0, 0), 2),
        (8, 6, 10, GpuStates(8, 0, 0, 0), 2),
        (0, 0, 4, GpuStates(0, 0, 0, 0), 4),
        (0, 8, 2, GpuStates(2, 0, 0, 6), 0),
        (4, 8, 2, GpuStates(2, 0, 0, 6), 0),
    ],
)
def test_what_is_not_held_is_free_as_far_as_it_is_allocatable(
    capacity: int, allocatable: int, held: int, states: GpuStates, overcommitted: int
) -> None:
    offer = node(capacity={GPU: str(capacity)}, allocatable={GPU: str(allocatable)})
    row = occupied(offer, pod(container("main", str(held))))
    assert row.states == states
    assert row.overcommitted == overcommitted
    assert row.states.total == states.total == max(capacity, allocatable)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.booleans())
def test_no_gpu_is_counted_twice_or_lost(capacity: int, allocatable: int, held: int, cordoned: bool) -> None:
    offer = node(capacity={GPU: capacity}, allocatable={GPU: allocatable}, unschedulable=cordoned)
    row = occupied(offer, pod(container("main", held)))
    assert row.states.total == max(capacity, allocatable)
    assert row.states.allocated + row.overcommitted == held
    assert row.states.available + row.states.unavailable == max(0, allocatable - held)
    assert 0 in (row.states.available, row.states.unavailable)


@pytest.mark.parametrize(
    ("spec", "taints", "takes_gpu_pods"),
    [
        ({}, [], True),
        ({"unschedulable": True}, [], False),
        ({"unschedulable": True}, ["node.kubernetes.io/unschedulable:NoSchedule"], False),
        ({}, ["nvidia.com/gpu=present:NoSchedule"], True),
        ({}, ["nvidia.com/gpu=present:NoSchedule", "team=a:NoSchedule"], False),
        ({}, ["team=a:PreferNoSchedule"], True),
        # A node that stopped to report: first one taint, then both, and while it comes back the other.
        ({}, ["node.kubernetes.io/unreachable:NoSchedule"], False),
        (
            {},
            ["node.kubernetes.io/unreachable:NoSchedule", "node.kubernetes.io/unreachable:NoExecute"],
            False,
        ),
        ({}, ["node.kubernetes.io/unreachable:NoExecute"], True),
    ],
)
def test_free_gpus_are_available_where_gpu_pods_can_go(
    spec: Object, taints: list[str], takes_gpu_pods: bool
) -> None:
    row = occupied(node(gpus="8", taints=taints, **spec), pod(container("main", "3")))
    assert row.takes_gpu_pods is takes_gpu_pods
    assert row.states == (GpuStates(3, 0, 0, 5) if takes_gpu_pods else GpuStates(3, 0, 5, 0))
    assert row.largest_block == (5 if takes_gpu_pods else 0)


def test_the_scheduler_goes_by_taints_and_not_by_conditions() -> None:
    row = occupied(node(gpus="8", ready="False"))
    assert row.status == "NotReady"
    assert row.states.available == 8


def test_who_tolerates_the_cordon_goes_to_a_cordoned_node() -> None:
    # kube-scheduler's plugin NodeUnschedulable
    cordoned = node(gpus="8", unschedulable=True, taints=["node.kubernetes.io/unschedulable:NoSchedule"])
    assert occupied(cordoned, taints=TaintPolicy(["node.kubernetes.io/unschedulable"])).takes_gpu_pods
    assert occupied(cordoned, taints=TaintPolicy(["*"])).takes_gpu_pods
    assert not occupied(
        cordoned, taints=TaintPolicy(["node.kubernetes.io/unschedulable:NoExecute"])
    ).takes_gpu_pods


def test_what_is_held_on_a_closed_node_is_still_allocated() -> None:
    row = occupied(node(gpus="8", unschedulable=True), pod(container("main", "8")))
    assert row.states == GpuStates(8, 0, 0, 0)


def test_who_binds_a_pod_to_a_node_that_does_not_exist_adds_no_gpu_to_any_total() -> None:
    row = occupied(pod(container("main", "10000001")))
    assert row.node is None
    assert row.status == "Missing"
    assert row.states == GpuStates(0, 0, 0, 0)
    assert row.overcommitted == 10_000_001
    assert not row.takes_gpu_pods
    assert row.largest_block == 0


def test_a_pod_can_have_gpus_of_one_resource_only() -> None:
    offers = {GPU: "4", AMD: "3"}
    row = occupied(
        node(capacity=offers, allocatable=offers),
        pod({"name": "main", "resources": {"limits": {GPU: "2"}}}),
    )
    assert row.states == GpuStates(2, 0, 0, 5)
    assert row.largest_block == 3


def test_one_resource_that_is_overcommitted_takes_nothing_from_another() -> None:
    offers = {GPU: "4", AMD: "3"}
    row = occupied(node(capacity=offers, allocatable=offers), pod(container("main", "6")))
    assert {pool.resource: pool.states for pool in row.pools} == {
        GPU: GpuStates(4, 0, 0, 0),
        AMD: GpuStates(0, 0, 0, 3),
    }
    assert (row.states.total, row.overcommitted) == (7, 2)


def test_what_is_held_of_a_resource_that_the_node_does_not_offer_shows() -> None:
    row = occupied(node(gpus="8"), pod({"name": "main", "resources": {"limits": {AMD: "1"}}}))
    assert [(pool.resource, pool.states.allocated, pool.overcommitted) for pool in row.pools] == [
        (AMD, 0, 1),
        (GPU, 0, 0),
    ]


def test_the_pods_of_a_node_come_by_namespace_and_name() -> None:
    names = [("b", "a"), ("a", "z"), ("a", "b")]
    row = occupied(*(pod(container("main", "1"), namespace=ns, name=name) for ns, name in names))
    assert [tuple(each.key) for each in row.pods] == sorted(names)


@pytest.mark.parametrize(("ready", "status"), [("True", "Ready"), ("Unknown", "NotReady"), (None, "Unknown")])
def test_a_node_has_a_status(ready: str | None, status: str) -> None:
    assert occupied(node(gpus="8", ready=ready)).status == status
