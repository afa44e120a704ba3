"""What it means that a snapshot is right."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pytest

from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.inventory.occupancy.products import ProductCount
from lens.model.inventory.occupancy.resource_count import ResourceCount
from lens.model.inventory.snapshot import Snapshot
from lens.model.k8s.bounds import MAX_STRANGE
from tests.recount import Object, recount
from tests.recount_gpus import Reported


def assert_agrees(
    snapshot: Snapshot,
    pods: Iterable[Object],
    nodes: Iterable[Object],
    reported: Mapping[str, Reported] | None = None,
) -> None:
    """Compare every figure, every node's row and every task with a recount of the raw objects."""
    expected = recount(pods, nodes, reported)
    if any(_strange(row) > MAX_STRANGE for row in expected["nodes"].values()):
        # Of so many made-up resources some have no row: tests/contract/figures/test_made_up_nodes.py.
        return
    states = snapshot.states
    got: dict[str, Any] = {
        "total_gpus": states.total,
        "allocated_gpus": states.allocated,
        "unhealthy_gpus": states.unhealthy,
        "unavailable_gpus": states.unavailable,
        "available_gpus": states.available,
        "overcommitted_gpus": snapshot.overcommitted,
        "missing_nodes": snapshot.missing_nodes,
        "available_nodes": snapshot.available_nodes,
        "max_contiguous_gpu": snapshot.max_contiguous,
        "running_tasks": snapshot.running_tasks,
        "held_without_pod": snapshot.held_without_pod,
        # The exact rate may lie in the middle between two decimals.
        "allocation_rate": pytest.approx(float(expected["allocation_rate"]), abs=0.0500001),
        "units": {resource: _cell(pool) for resource, pool in snapshot.units.items()},
        "approximate": snapshot.approximate > 0,
        "products": products(snapshot.products),
        "gpu_nodes": {
            state: number for state, number in msgspec.structs.asdict(snapshot.gpu_nodes).items() if number
        },
        "nodes": {name: _row(occupied) for name, occupied in snapshot.nodes.items()},
        "tasks": {
            tuple(pod.key): {"node": pod.node, "units": dict(pod.units), **_part(snapshot, pod)}
            for occupied in snapshot.nodes.values()
            for pod in occupied.pods
            if pod.is_running
        },
    }
    rows = got["nodes"], expected["nodes"]
    assert {name: row for name, row in rows[0].items() if row != rows[1].get(name)} == {
        name: row for name, row in rows[1].items() if row != rows[0].get(name)
    }
    assert got == expected


def _strange(row: Mapping[str, Any]) -> int:
    """Return how many resources pods hold on a node that it doesn't have."""
    return sum(not (cell["capacity"] or cell["allocatable"]) for cell in row["resources"].values())


def _row(occupied: NodeOccupancy) -> dict[str, Any]:
    return {
        "known": occupied.node is not None,
        "schedulable": occupied.takes_gpu_pods,
        "running_tasks": occupied.running_tasks,
        "resources": {pool.resource: _cell(pool) for pool in occupied.pools},
        "shared": {pool.resource: _cell(pool) for pool in occupied.units},
        "approximate": occupied.approximate,
        "allocated_gpus": occupied.states.allocated,
        "unhealthy_gpus": occupied.states.unhealthy,
        "unavailable_gpus": occupied.states.unavailable,
        "available_gpus": occupied.states.available,
        "overcommitted_gpus": occupied.overcommitted,
        "most_available": occupied.largest_block,
        "products": products(occupied.products),
    }


def products(counts: Iterable[ProductCount]) -> dict[tuple[str | None, str | None], dict[str, int]]:
    """Return the numbers of GPUs by product in the recount's form."""
    return {
        (each.product, each.reason): msgspec.structs.asdict(each.states)
        | {"largest_block": each.largest_block}
        for each in counts
    }


def _cell(pool: ResourceCount) -> dict[str, int]:
    return {
        "capacity": pool.capacity,
        "allocatable": pool.allocatable,
        "allocated": pool.states.allocated,
        "unhealthy": pool.states.unhealthy,
        "available": pool.states.available,
        "unavailable": pool.states.unavailable,
        "overcommitted": pool.overcommitted,
    }


def _part(snapshot: Snapshot, pod: Pod) -> dict[str, Any]:
    part = snapshot.part(pod)
    if part is None:
        return {"gpus": pod.gpus}
    return {"gpus": part.gpus, "approximate": part.approximate}
