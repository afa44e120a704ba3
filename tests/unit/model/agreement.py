"""What it means that a snapshot is right."""

from collections.abc import Iterable
from typing import Any

import pytest

from lens.model.occupancy import NodeOccupancy
from lens.model.snapshot import Snapshot
from tests.recount import Object, recount


def assert_agrees(snapshot: Snapshot, pods: Iterable[Object], nodes: Iterable[Object]) -> None:
    """Compare every figure, every node's row and every task with a recount of the raw objects."""
    expected = recount(pods, nodes)
    states = snapshot.states
    assert {
        "total_gpus": states.total,
        "allocated_gpus": states.allocated,
        "unhealthy_gpus": states.unhealthy,
        "unavailable_gpus": states.unavailable,
        "available_gpus": states.available,
        "overcommitted_gpus": snapshot.overcommitted,
        "available_nodes": snapshot.available_nodes,
        "max_contiguous_gpu": snapshot.max_contiguous,
        "running_tasks": snapshot.running_tasks,
        # The exact rate may lie in the middle between two decimals.
        "allocation_rate": pytest.approx(float(expected["allocation_rate"]), abs=0.0500001),
        "nodes": {name: _row(occupied) for name, occupied in snapshot.nodes.items()},
        "tasks": {
            tuple(pod.key): {"node": pod.node, "units": dict(pod.units), "gpus": pod.gpus}
            for pod in snapshot.running()
        },
    } == expected


def _row(occupied: NodeOccupancy) -> dict[str, Any]:
    return {
        "known": occupied.node is not None,
        "schedulable": occupied.takes_gpu_pods,
        "running_tasks": occupied.running_tasks,
        "resources": {
            pool.resource: {
                "capacity": pool.capacity,
                "allocatable": pool.allocatable,
                "allocated": pool.states.allocated,
                "unhealthy": pool.states.unhealthy,
                "available": pool.states.available,
                "unavailable": pool.states.unavailable,
                "overcommitted": pool.overcommitted,
            }
            for pool in occupied.pools
        },
    }
