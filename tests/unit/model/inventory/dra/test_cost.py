"""What it costs to count a GPU grows with its devices, and no faster."""

import sys
from collections.abc import Callable

import pytest

from tests.unit.model.dra_manifests import cluster, device, resource_slice, taint_rule
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


def _calls(objects: list[Object]) -> int:
    """Return how many functions are called for a snapshot."""
    ledger, calls = cluster(node(), *objects), 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        snapshot = ledger.snapshot()
    finally:
        sys.setprofile(before)
    assert len(snapshot.nodes["node-1"].gpus) == 1
    return calls


@pytest.mark.parametrize("objects", [_on_counters, _parts, _republished])
def test_a_gpu_of_many_devices_costs_no_more_for_each(objects: Callable[[int], list[Object]]) -> None:
    assert _calls(objects(MANY)) < 1.5 * MANY / FEW * _calls(objects(FEW))
