"""Pools: which generation counts, what makes one invalid, and which devices are one physical GPU."""

from collections.abc import Sequence
from typing import Any

import pytest

from lens.model.inventory.dra.pool import Pool, build_pool
from tests.unit.model.dra_manifests import DRIVER, H100, device, gpu, read_slice, resource_slice
from tests.unit.model.manifests import Object


def _pool(*slices: Object) -> Pool:
    read = [read_slice(raw) for raw in slices]
    return build_pool(read[0].key, read)


def _gpus(pool: Pool) -> list[tuple[str, list[str]]]:
    return [
        (node, [device.name for device in gpu.devices])
        for node in sorted(pool.gpus)
        for gpu in pool.gpus[node]
    ]


def _wrong(*slices: Object) -> tuple[str, str] | None:
    problem = _pool(*slices).problem
    return None if problem is None else (problem.reason, problem.detail)


def test_only_the_newest_generation_counts_in_whatever_order_slices_come() -> None:
    old = resource_slice(gpu(0), gpu(1), name="a", generation=1)
    new = resource_slice(gpu(2), name="b", generation=2)
    for slices in ((old, new), (new, old)):
        assert _gpus(_pool(*slices)) == [("node-1", ["gpu-2"])]
        assert _wrong(*slices) is None


@pytest.mark.parametrize(("count", "wrong"), [(1, "2 of 1 slices"), (2, None), (3, "2 of 3 slices")])
def test_a_pool_is_complete_with_exactly_as_many_slices_as_it_says(count: int, wrong: str | None) -> None:
    slices = [resource_slice(gpu(each), name=f"s{each}", count=count) for each in range(2)]
    assert _wrong(*slices) == (wrong and ("INCOMPLETE", wrong))


@pytest.mark.parametrize(
    ("counts", "more"), [((3, 3), True), ((1, 3), True), ((3, 1), True), ((1, 1), False), ((1, 2), False)]
)
def test_a_pool_may_have_more_gpus_only_while_slices_are_missing(
    counts: Sequence[int], *, more: bool
) -> None:
    slices = [resource_slice(gpu(n), name=f"s{n}", count=count) for n, count in enumerate(counts)]
    problem = _pool(*slices).problem
    assert problem is not None
    assert (problem.reason, problem.slice_count, problem.may_have_more) == ("INCOMPLETE", max(counts), more)


def test_an_old_generation_does_not_complete_a_new_one() -> None:
    old = resource_slice(gpu(0), name="a", generation=1, count=2)
    new = resource_slice(gpu(1), name="b", generation=2, count=2)
    assert _wrong(old, new) == ("INCOMPLETE", "1 of 2 slices")


COUNTERS = {"gpu-0": {"memory": "80Gi"}}


@pytest.mark.parametrize(
    ("devices", "counters", "wrong"),
    [
        ([gpu(0), gpu(0)], None, ("DUPLICATE_DEVICE", "gpu-0")),
        ([gpu(0, consumes={"gpu-1": {"memory": 1}})], COUNTERS, ("MISSING_COUNTER_SET", "gpu-1")),
        ([gpu(0, consumes={"gpu-0": {"slices": 1}})], COUNTERS, ("MISSING_COUNTER", "slices of gpu-0")),
        ([gpu(0, consumes={"gpu-0": {"memory": 1}})], COUNTERS, None),
        ([gpu(0), {"name": 7}], None, ("UNREADABLE", "Expected `str`, got `int` - at `$.name`")),
    ],
)
def test_what_makes_a_pool_invalid_is_named(devices: Any, counters: Any, wrong: Any) -> None:
    assert _wrong(resource_slice(*devices, counters=counters)) == wrong


def test_a_counter_set_that_two_slices_have_is_named() -> None:
    slices = [resource_slice(name=name, counters=COUNTERS, count=2) for name in ("a", "b")]
    assert _wrong(*slices) == ("DUPLICATE_COUNTER_SET", "gpu-0")


def test_counters_in_a_slice_of_their_own_serve_the_pools_devices() -> None:
    parts = [device(f"mig-{each}", {}, consumes={"gpu-0": {"memory": "10Gi"}}) for each in range(7)]
    pool = _pool(
        resource_slice(name="a", counters=COUNTERS, count=2), resource_slice(*parts, name="b", count=2)
    )
    assert pool.problem is None
    assert _gpus(pool) == [("node-1", [f"mig-{each}" for each in range(7)])]


def test_a_device_that_draws_on_two_gpus_is_of_both() -> None:
    pool = _pool(
        resource_slice(
            device("one", consumes={"a": {"c": 1}}),
            device("pair", consumes={"a": {"c": 1}, "b": {"c": 1}}),
            counters={"a": {"c": 1}, "b": {"c": 1}},
        )
    )
    assert _gpus(pool) == [("node-1", ["one", "pair"]), ("node-1", ["pair"])]
    assert [each.name for each in pool.gpus_of("pair")] == ["a", "b"]


@pytest.mark.parametrize(
    ("devices", "groups"),
    [
        # MIG devices that exist already name their GPU; the GPU itself may be listed too, or not.
        (
            [
                device("mig-0", {"uuid": "MIG-1", "parentUUID": "GPU-0abc", "type": "mig"}),
                device("mig-1", {"uuid": "MIG-2", "parentUUID": "GPU-0abc", "type": "mig"}),
                gpu(0),
            ],
            [["gpu-0", "mig-0", "mig-1"]],
        ),
        (
            [
                device("mig-0", {"uuid": "MIG-1", "parentUUID": "GPU-0abc"}),
                device("mig-1", {"uuid": "MIG-2", "parentUUID": "GPU-1abc"}),
            ],
            [["mig-0"], ["mig-1"]],
        ),
        # AMD's partitions have the address of their GPU.
        (
            [
                device(f"gpu-0-{each}", {"resource.kubernetes.io/pciBusID": "0000:19:00.0", "type": type_})
                for each, type_ in ((128, "amdgpu-partition"), (129, "amdgpu-partition"))
            ],
            [["gpu-0-128", "gpu-0-129"]],
        ),
        # One GPU is offered with counters, and for passthrough without.
        (
            [
                device("vfio", {"uuid": "odd", "pciBusID": "0000:19:00.0", "type": "vfio"}),
                device("gpu-0", {"pciBusID": "0000:19:00.0"}, consumes={"set": {"c": 1}}),
            ],
            [["gpu-0", "vfio"]],
        ),
        # A part tells that two devices are one GPU.
        (
            [
                device("a", {"uuid": "GPU-0abc"}),
                device("b", {"pciBusID": "0000:19:00.0"}),
                device("c", {"parentUUID": "GPU-0abc", "pciBusID": "0000:19:00.0"}),
            ],
            [["a", "b", "c"]],
        ),
        (
            [
                device("a", {"uuid": "GPU-0abc"}),
                device("b", {"pciBusID": "0000:19:00.0"}, consumes={"set": {"c": 1}}),
                device("c", {"parentUUID": "GPU-0abc", "pciBusID": "0000:19:00.0"}),
            ],
            [["b", "a", "c"]],
        ),
        # Zeros stand for no identity.
        ([device("a", {"uuid": "GPU-0000"}), device("b", {"uuid": "GPU-0000"})], [["a"], ["b"]]),
        ([device("a"), device("b")], [["a"], ["b"]]),
    ],
)
def test_devices_of_one_physical_gpu_are_one_gpu(devices: list[Object], groups: list[list[str]]) -> None:
    pool = _pool(resource_slice(*devices, counters={"set": {"c": 1}}))
    assert [names for _, names in _gpus(pool)] == groups


def test_an_address_tells_gpus_apart_on_one_node_only() -> None:
    same = {"pciBusID": "0000:19:00.0"}
    pool = _pool(
        resource_slice(
            device("a", same, nodeName="node-1"),
            device("b", same, nodeName="node-2"),
            node=None,
            perDeviceNodeSelection=True,
        )
    )
    assert _gpus(pool) == [("node-1", ["a"]), ("node-2", ["b"])]
    assert (
        len(_gpus(_pool(resource_slice(device("a", same), device("b", same), node=None, allNodes=True)))) == 2
    )


def test_a_gpu_is_what_its_devices_say_of_it_whole_ones_first() -> None:
    part = {"uuid": "MIG-1", "parentUUID": "GPU-0abc", "type": "mig", "productName": f"{H100} MIG 1g"}
    pool = _pool(
        resource_slice(
            device("a", part, capacity={"memory": {"value": "10Gi"}}),
            gpu(0, capacity={"memory": {"value": "80Gi"}}),
        )
    )
    (whole,) = pool.gpus["node-1"]
    assert (whole.driver, whole.pool, whole.product, whole.uuid) == (DRIVER, "node-1", H100, "GPU-0abc")
    assert whole.memory_bytes == 80 * 2**30


@pytest.mark.parametrize("number", [1, 2])
def test_the_memory_of_parts_is_not_the_gpus(number: int) -> None:
    parts = [
        device(
            f"mig-{each}",
            {"uuid": f"MIG-{each}", "parentUUID": "GPU-0abc", "type": "mig"},
            capacity={"memory": {"value": "40Gi"}},
        )
        for each in range(number)
    ]
    (whole,) = _pool(resource_slice(*parts)).gpus["node-1"]
    assert (whole.uuid, whole.memory_bytes) == ("GPU-0abc", None)


def test_a_device_that_names_a_counter_set_twice_is_one_device() -> None:
    drawn = {"counterSet": "g", "counters": {"slices": {"value": 1}}}
    twice = device("a") | {"consumesCounters": [drawn, drawn]}
    (whole,) = _pool(resource_slice(twice, counters={"g": {"slices": 2}})).gpus["node-1"]
    assert [each.name for each in whole.devices] == ["a"]
