"""What it costs to count a GPU grows with its devices, and no faster."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from lens.model.inventory.ledger import Ledger
from tests.unit.model.dra_manifests import (
    claim,
    cluster,
    device,
    gpu,
    put,
    resource_slice,
    result,
    taint_rule,
)
from tests.unit.model.manifests import Object, node

SLICE = 64
FEW, MANY = 2, 8
PARENT: dict[str, str | int] = {"type": "mig", "parentUUID": "GPU-0abc"}


def _slices(number: int, make: Callable[[str], Object]) -> list[Object]:
    return [
        resource_slice(*(make(f"g-{part}-{n}") for n in range(SLICE)), name=f"s-{part}", count=number + 1)
        for part in range(number)
    ] + [resource_slice(name="counters", count=number + 1, counters={"g": {"slices": "1M"}})]


def _on_counters(number: int) -> list[Object]:
    return [*_slices(number, lambda name: device(name, consumes={"g": {"slices": 1}})), taint_rule()]


def _parts(number: int) -> list[Object]:
    return [*_slices(number, lambda name: device(name, PARENT)), taint_rule()]


def _republished(number: int) -> list[Object]:
    """Return a pool of which one slice has been published anew."""
    return [*_parts(number), resource_slice(device("new", PARENT), name="new", generation=2)]


def _calls(ledger: Ledger) -> int:
    """Return how many functions are called for a snapshot."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        ledger.snapshot()
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("objects", [_on_counters, _parts, _republished])
def test_a_gpu_of_many_devices_costs_no_more_for_each(objects: Callable[[int], list[Object]]) -> None:
    few, many = (cluster(node(), *objects(number)) for number in (FEW, MANY))
    assert _calls(many) < 1.5 * MANY / FEW * _calls(few)
    assert [len(each.snapshot().nodes["node-1"].gpus) for each in (few, many)] == [1, 1]


def _held(index: int, **fields: Any) -> Object:
    name = f"node-{index}"
    return claim(result(f"gpu-{index}", pool="gpus"), name=f"claim-{index}", node=name, **fields)


def _one_name(nodes: int) -> Ledger:
    """Return nodes, each with a pool of its own, which all have one name, and a GPU that is held."""
    return cluster(
        *(node(f"node-{index}") for index in range(nodes)),
        *(
            resource_slice(gpu(index), name=f"slice-{index}", pool="gpus", node=f"node-{index}")
            for index in range(nodes)
        ),
        *map(_held, range(nodes)),
    )


def test_pools_of_many_nodes_by_one_name_cost_no_more_for_each() -> None:
    few, many = _one_name(FEW), _one_name(MANY)
    assert _calls(many) < 1.5 * MANY / FEW * _calls(few)
    for ledger in (few, many):
        put(ledger, _held(1, pods=["train-0"]))
    assert _calls(many) < 1.1 * _calls(few)
    assert many.snapshot().states.allocated == MANY
