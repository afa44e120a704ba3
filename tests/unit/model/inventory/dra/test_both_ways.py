"""A GPU that a device plugin and DRA both offer is one GPU."""

from typing import Any

import pytest

from lens.model.inventory.dra.both_ways import BOTH_WAYS, Identified, Offered, joined
from lens.model.inventory.occupancy.gpu_states import GpuStates
from lens.model.inventory.occupancy.placement import Placement
from tests.unit.model.dra_manifests import DRIVER, claim, cluster, device, gpu, resource_slice, result
from tests.unit.model.manifests import GPU, Object, container, node, pod


@pytest.mark.parametrize(
    ("plugin", "dra", "reported", "total", "approximate"),
    [
        (8, 8, 8, 8, False),
        (8, 8, None, 8, True),
        (4, 4, 8, 8, True),
        (4, 4, 6, 6, True),
        (4, 4, 3, 4, True),
        (4, 8, 8, 8, False),
        (1, 2, 16, 3, True),
    ],
)
def test_the_total_is_bounded_by_what_the_agent_reports(
    plugin: int, dra: int, reported: int | None, total: int, *, approximate: bool
) -> None:
    both = joined(Offered(0, 0, plugin), Offered(0, 0, dra), Identified(0), reported)
    assert (both.offered.total, both.approximate) == (total, approximate)


@pytest.mark.parametrize(
    ("plugin", "dra", "ids", "expected"),
    [
        # Nobody knows which are the same: held ones are different as long as there are enough.
        (Offered(2, 0, 6), Offered(3, 0, 5), None, Offered(5, 0, 3)),
        (Offered(6, 0, 2), Offered(3, 0, 5), None, Offered(8, 0, 0)),
        (Offered(2, 0, 6), Offered(3, 0, 5), 3, Offered(3, 0, 5)),
        (Offered(2, 1, 5), Offered(3, 2, 3), 5, Offered(5, 2, 1)),
        (Offered(8, 0, 0), Offered(0, 2, 6), 8, Offered(8, 0, 0)),
    ],
)
def test_every_gpu_of_both_is_in_one_state(
    plugin: Offered, dra: Offered, ids: int | None, expected: Offered
) -> None:
    assert joined(plugin, dra, Identified(ids), 8).offered == expected


def _holding(name: str, *uuids: str) -> Object:
    devices = {"name": GPU, "resources": [{"resourceID": each, "health": "Healthy"} for each in uuids]}
    status = {"containerStatuses": [{"name": "main", "allocatedResourcesStatus": [devices]}]}
    return pod(container(gpus=str(len(uuids))), name=name, status=status)


def test_uuids_tell_which_of_the_held_gpus_are_the_same() -> None:
    ledger = cluster(
        node(gpus="4"),
        resource_slice(*map(gpu, range(4))),
        claim(result("gpu-0"), result("gpu-1")),
        _holding("a", "GPU-0abc", "GPU-3abc"),
    )
    ledger.put_placement("node-1", Placement(instances={}, pods={}, reported=4))
    occupied = ledger.snapshot().nodes["node-1"]
    assert occupied.states == GpuStates(allocated=3, available=1)
    assert occupied.approximate_reason is None
    assert (occupied.largest_block, ledger.snapshot().both_ways) == (1, frozenset({"node-1"}))


@pytest.mark.parametrize(
    ("claimed", "reported", "states", "approximate"),
    [
        (3, 0, GpuStates(allocated=6, available=1), True),
        (0, 0, GpuStates(allocated=3, available=4), True),
        # An agent can see less than there is.
        (3, 4, GpuStates(allocated=6, available=1), True),
        (3, 8, GpuStates(allocated=6, available=2), True),
    ],
)
def test_gpus_with_different_uuids_are_different(
    claimed: int, reported: int, states: GpuStates, *, approximate: bool
) -> None:
    ledger = cluster(
        node(gpus="4"),
        resource_slice(*map(gpu, range(4))),
        claim(*(result(f"gpu-{index}") for index in range(claimed))),
        _holding("a", "GPU-10abc", "GPU-11abc", "GPU-12abc"),
    )
    ledger.put_placement("node-1", Placement(instances={}, pods={}, reported=reported))
    occupied = ledger.snapshot().nodes["node-1"]
    assert (occupied.states, occupied.approximate) == (states, approximate)


def test_where_all_gpus_are_known_to_be_different_the_numbers_are_exact() -> None:
    ledger = cluster(
        node(gpus="2"),
        resource_slice(gpu(0), gpu(1)),
        claim(result("gpu-0")),
        _holding("a", "GPU-10abc", "GPU-11abc"),
    )
    occupied = ledger.snapshot().nodes["node-1"]
    assert (occupied.states, occupied.approximate) == (GpuStates(allocated=3, available=1), False)


def test_without_an_agent_the_numbers_are_approximate_and_say_why() -> None:
    snapshot = cluster(node(gpus="4"), resource_slice(*map(gpu, range(4)))).snapshot()
    occupied = snapshot.nodes["node-1"]
    assert (occupied.states, occupied.approximate_reason) == (GpuStates(available=4), BOTH_WAYS)
    assert snapshot.approximate == 1


@pytest.mark.parametrize(
    "other",
    [
        resource_slice(device("gpu-0"), driver="gpu.amd.com"),
        resource_slice(device("hl-0"), driver="gaudi.intel.com"),
    ],
)
def test_gpus_of_another_vendor_are_others(other: Any) -> None:
    occupied = cluster(node(gpus="4"), other).snapshot().nodes["node-1"]
    assert (occupied.states, occupied.approximate_reason) == (GpuStates(available=5), None)
    assert not occupied.offered_both_ways


def test_gaudis_of_a_plugin_and_of_dra_are_the_same() -> None:
    offers = {"habana.ai/gaudi": "1"}
    occupied = (
        cluster(
            node(capacity=offers, allocatable=offers),
            resource_slice(device("hl-0"), driver="gaudi.intel.com"),
        )
        .snapshot()
        .nodes["node-1"]
    )
    assert occupied.states == GpuStates(available=1)


def test_a_plugin_that_has_given_its_gpus_up_is_no_second_way() -> None:
    occupied = cluster(node(gpus="0"), resource_slice(gpu(0))).snapshot().nodes["node-1"]
    assert (occupied.states, occupied.approximate_reason) == (GpuStates(available=1), None)
    assert [each.resource for each in occupied.drivers] == [DRIVER]
