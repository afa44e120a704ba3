"""The figures of a snapshot are those of its nodes."""

import pytest

from lens.model.inventory.occupancy.gpu_states import GpuStates
from lens.model.inventory.snapshot import EMPTY, Demand
from tests.unit.model.manifests import container, node, pod, snapshot_of


def test_an_empty_cluster_has_nothing_of_anything() -> None:
    snapshot = snapshot_of()
    assert snapshot is EMPTY
    assert snapshot.states == GpuStates()
    assert snapshot.allocation_rate == 0.0
    assert (snapshot.available_nodes, snapshot.max_contiguous, snapshot.running_tasks) == (0, 0, 0)
    assert snapshot.demand == Demand()


def test_a_cluster_is_the_sum_of_its_nodes() -> None:
    snapshot = snapshot_of(
        node("node-1", "8"),
        node("node-2", "4"),
        node("node-3", "8", unschedulable=True),
        node("node-4", capacity={"nvidia.com/gpu": "8"}, allocatable={"nvidia.com/gpu": "5"}),
        node("node-5", capacity={"cpu": "8"}),
        pod(container("main", "7"), name="a", node="node-1"),
        pod(container("main", "4"), name="b", node="node-2", phase="Pending"),
        pod(container("main", "1"), name="c", node="node-3"),
        pod(container("main", "2"), name="d", node="gone"),
        pod(container("main", "9"), name="e", node=None, phase="Pending"),
    )
    assert snapshot.states == GpuStates(allocated=12, unhealthy=3, unavailable=7, available=6)
    assert snapshot.states.total == 28
    assert snapshot.allocation_rate == 42.9
    assert snapshot.running_tasks == 3
    assert snapshot.available_nodes == 2
    assert snapshot.max_contiguous == 5
    assert (snapshot.overcommitted, snapshot.missing_nodes) == (2, 1)
    assert snapshot.demand == Demand(pods=1, gpus=9)
    assert sorted(snapshot.nodes) == ["gone", "node-1", "node-2", "node-3", "node-4"]


@pytest.mark.parametrize(
    ("held", "of", "rate"), [(0, 8, 0.0), (1, 3, 33.3), (2, 3, 66.7), (8, 8, 100.0), (1, 1000, 0.1)]
)
def test_the_allocation_rate_has_one_decimal(held: int, of: int, rate: float) -> None:
    assert snapshot_of(node(gpus=of), pod(container("main", held))).allocation_rate == rate
