"""AMD's partitions and Intel's shares aren't GPUs; if their kind is unknown, the figures are approximate."""

import pytest

from lens.model.inventory.occupancy.gpu_states import GpuStates
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.inventory.occupancy.placement import Placement
from tests.unit.model.manifests import Object, ledger_of, node, pod

AMD, I915, XE = "amd.com/gpu", "gpu.intel.com/i915", "gpu.intel.com/xe"
MODE = "amd.com/compute-memory-partition"
PRODUCT = "amd.com/gpu.product-name"
UNITS = "amd.com/gpu.cu-count"

Labels = dict[str, str]


def offering(units: dict[str, int], labels: Labels | None = None) -> Object:
    offered = {resource: str(number) for resource, number in units.items()}
    return node(capacity=offered, allocatable=offered, labels=labels)


def holding(resource: str, units: int, name: str = "a") -> Object:
    return pod({"name": "main", "resources": {"limits": {resource: units}}}, name=name)


def row(*objects: Object, placement: Placement | None = None) -> NodeOccupancy:
    ledger = ledger_of(*objects)
    if placement is not None:
        ledger.put_placement("node-1", placement)
    return ledger.snapshot().nodes["node-1"]


def seen(gpus: int, partitions: int) -> Placement:
    return Placement(instances={}, pods={}, gpus=gpus, partitions=partitions, domain="amd.com")


@pytest.mark.parametrize(
    ("units", "labels"),
    [
        ({AMD: 64}, {MODE: "cpx_nps4"}),
        ({AMD: 64}, {MODE: "CPX_NPS1"}),
        ({AMD: 64}, {"amd.com/gpu.compute-memory-partition": "cpx_nps1"}),
        ({AMD: 64}, {PRODUCT: "AMD_Instinct_MI300X_OAM", UNITS: "38"}),
        ({AMD: 32}, {MODE: "qpx_nps1"}),
        ({AMD: 32}, {PRODUCT: "AMD_Instinct_MI325X_OAM", UNITS: "76"}),
        ({AMD: 16}, {MODE: "dpx_nps2"}),
        ({AMD: 16}, {PRODUCT: "AMD_Instinct_MI355X_OAM", UNITS: "128"}),
        ({AMD: 8}, {MODE: "spx_nps1"}),
        ({AMD: 8}, {PRODUCT: "AMD_Instinct_MI300X_OAM", UNITS: "304"}),
        ({AMD: 8}, {PRODUCT: "AMD_Instinct_MI210"}),
        ({AMD: 8}, {"amd.com/compute-partitioning-supported": "false"}),
        ({AMD: 48}, {PRODUCT: "AMD_Instinct_MI300A", MODE: "cpx_nps1"}),
        ({AMD: 24}, {PRODUCT: "AMD_Instinct_MI300A", MODE: "tpx_nps1"}),
        ({AMD: 32}, {PRODUCT: "AMD_Instinct_MI308X", MODE: "cpx_nps1"}),
        ({"amd.com/cpx_nps4": 64}, {}),
        ({"amd.com/qpx_nps1": 32}, {}),
        ({"amd.com/dpx_nps2": 16}, {}),
        ({"amd.com/tpx_nps1": 24}, {}),
        ({"amd.com/spx_nps1": 8}, {}),
        ({"amd.com/spx_nps1": 5, "amd.com/cpx_nps1": 24}, {}),
        ({"habana.ai/gaudi": 8}, {}),
    ],
)
def test_eight_gpus_are_eight_whatever_mode_they_are_in(units: dict[str, int], labels: Labels) -> None:
    occupied = row(offering(units, labels))
    assert (occupied.states, occupied.approximate) == (GpuStates(available=8), False)


def test_a_gpu_is_held_with_its_first_partition_and_its_free_ones_are_units() -> None:
    resource = "amd.com/cpx_nps4"
    occupied = row(offering({resource: 64}), holding(resource, 9))
    assert occupied.states == GpuStates(allocated=2, available=6)
    assert occupied.parts["team/a"].gpus == 2
    (units,) = occupied.units
    assert units.states == GpuStates(allocated=9, available=55)


@pytest.mark.parametrize(
    ("units", "labels", "gpus"),
    [
        ({AMD: 64}, {}, 8),
        ({AMD: 64}, {PRODUCT: "AMD_Instinct_MI300X_OAM"}, 8),
        ({AMD: 16}, {PRODUCT: "AMD_Instinct_MI300X_OAM"}, 8),
        ({AMD: 8}, {PRODUCT: "AMD_Instinct_MI300X_OAM"}, 8),
        ({AMD: 8}, {}, 8),
        ({AMD: 64}, {MODE: "odd"}, 8),
        ({"amd.com/cpx_nps4": 63}, {}, 8),
        ({I915: 10}, {}, 10),
        ({I915: 10}, {"gpu.intel.com/device.count": "3"}, 10),
        ({I915: 10}, {"gpu.intel.com/device.count": "none"}, 10),
    ],
)
def test_an_unknown_number_of_units_for_each_gpu_is_approximate(
    units: dict[str, int], labels: Labels, gpus: int
) -> None:
    (resource,) = units
    occupied = row(offering(units, labels), holding(resource, 1))
    assert (occupied.states.total, occupied.approximate) == (gpus, True)
    assert occupied.parts["team/a"].approximate


@pytest.mark.parametrize("resource", [AMD, I915])
def test_a_single_unit_is_a_single_gpu(resource: str) -> None:
    occupied = row(offering({resource: 1}))
    assert (occupied.states, occupied.approximate, occupied.units) == (GpuStates(available=1), False, ())


@pytest.mark.parametrize(
    ("units", "labels", "gpus"),
    [
        ({I915: 20}, {"gpu.intel.com/device-id.0380-56c1.count": "2"}, 2),
        ({I915: 20}, {"gpu.intel.com/device.count": "2", "gpu.intel.com/device-id.0380-56c1.count": "4"}, 4),
        (
            {I915: 9},
            {"gpu.intel.com/device-id.0380-56c0.count": "2", "gpu.intel.com/device-id.0300-4680.count": "1"},
            3,
        ),
        ({I915: 20}, {"gpu.intel.com/gpu-numbers": "0.1.2.3.10"}, 5),
        ({I915: 20}, {"gpu.intel.com/cards": "card0.card1"}, 2),
        ({XE: 8}, {"gpu.intel.com/device.count": "2"}, 2),
        ({I915: 4, XE: 8}, {"gpu.intel.com/device-id.0300-e20b.count": "3"}, 3),
        ({I915: 4}, {"gpu.intel.com/device.count": "4"}, 4),
    ],
)
def test_intels_gpus_are_as_many_as_labels_count(units: dict[str, int], labels: Labels, gpus: int) -> None:
    occupied = row(offering(units, labels))
    assert (occupied.states, occupied.approximate) == (GpuStates(available=gpus), False)


def test_ids_say_which_of_intels_gpus_are_held() -> None:
    def on(name: str, device: str) -> Object:
        named = [{"name": I915, "resources": [{"resourceID": device, "health": "Healthy"}]}]
        statuses = [{"name": "main", "allocatedResourcesStatus": named}]
        return holding(I915, 1, name) | {"status": {"phase": "Running", "containerStatuses": statuses}}

    labels = {"gpu.intel.com/device.count": "2"}
    for second, held in (("card0-1", 1), ("card1-0", 2)):
        occupied = row(offering({I915: 20}, labels), on("a", "card0-0"), on("b", second))
        assert (occupied.states.allocated, occupied.approximate) == (held, False)


@pytest.mark.parametrize(
    ("units", "gpus", "partitions", "total", "approximate"),
    [
        (64, 8, 64, 8, False),
        (64, 8, 8, 8, False),  # an exporter that reports only the first partition: fewer GPUs are impossible
        (16, 8, 16, 8, False),
        (16, 8, 8, 8, True),
        (8, 8, 8, 8, False),
        (8, 1, 8, 1, False),
        (8, 3, 3, 8, True),  # it leaves out some
        (64, 3, 24, 8, True),
        (64, 0, 0, 8, True),
        (64, 64, 64, 8, True),  # without serial numbers, it counts partitions as GPUs
        (16, 16, 16, 16, False),  # MI250X
    ],
)
def test_the_number_of_gpus_is_an_exporters(
    units: int, gpus: int, partitions: int, total: int, approximate: bool
) -> None:
    occupied = row(offering({AMD: units}), placement=seen(gpus, partitions))
    assert (occupied.states.total, occupied.approximate) == (total, approximate)


def test_gpus_of_another_vendor_have_no_effect() -> None:
    nvidia = Placement(instances={}, pods={}, gpus=4, partitions=64, domain="nvidia.com")
    assert row(offering({AMD: 64}), placement=nvidia).approximate
