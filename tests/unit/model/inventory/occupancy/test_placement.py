"""Only what is new of where shared units are is passed on, and what nobody tells any more is taken back."""

import msgspec

from lens.model.gpu.node_report import Health, Holder
from lens.model.gpu.telemetry import GpuTelemetry, NodeTelemetry
from lens.model.inventory.occupancy.placement import NO_PLACEMENT, DevicePlacement, Placement, Placements
from lens.model.inventory.occupancy.products import ReportedProducts
from lens.model.shards import Shards

GPU = "nvidia.com/gpu"


SHARED = frozenset({"n"})


def telemetry_of(
    *holders: Holder, sampled_at: float = 1.0, products: tuple[str, ...] = ()
) -> Shards[str, NodeTelemetry]:
    gpus = tuple(
        GpuTelemetry(
            index=index,
            uuid=f"GPU-{index}",
            sampled_at=sampled_at,
            health=Health(state="ok"),
            product=product,
        )
        for index, product in enumerate(products or (None,))
    )
    node = NodeTelemetry(node="n", source="agent", sampled_at=sampled_at, gpus=gpus, holders=holders)
    return Shards[str, NodeTelemetry]().updated({"n": node})


def holder(pod: str, replica: int, gpu: str | None = "GPU-0") -> Holder:
    return Holder(
        namespace="team",
        pod=pod,
        container="main",
        resource=GPU,
        device_id=f"GPU-0::{replica}",
        gpu_uuid=gpu,
    )


def test_a_sample_that_moves_no_pod_is_no_news() -> None:
    placements = Placements()
    (first,) = placements.changes(SHARED, telemetry_of(holder("a", 0), holder("b", 1))).values()
    assert first.pods == {
        "team/a": (DevicePlacement(GPU, "GPU-0::0", "GPU-0"),),
        "team/b": (DevicePlacement(GPU, "GPU-0::1", "GPU-0"),),
    }
    again = telemetry_of(holder("b", 1), holder("a", 0), sampled_at=2.0)
    assert placements.changes(SHARED, again) == {}
    (moved,) = placements.changes(SHARED, telemetry_of(holder("a", 2))).values()
    assert moved.pods == {"team/a": (DevicePlacement(GPU, "GPU-0::2", "GPU-0"),)}


def test_nodes_whose_gpus_are_whole_are_left_alone() -> None:
    assert Placements().changes(frozenset(), telemetry_of(holder("a", 0))) == {}


def test_replicas_are_those_before_while_an_agent_does_not_know_them() -> None:
    placements, none = Placements(), frozenset[str]()

    def told(replicas: dict[str, int] | None) -> Shards[str, NodeTelemetry]:
        (node,) = telemetry_of().values()
        return Shards[str, NodeTelemetry]().updated({"n": msgspec.structs.replace(node, replicas=replicas)})

    (first,) = placements.changes(none, told({GPU: 4})).values()
    assert first.replicas == {GPU: 4}
    assert placements.changes(none, told(None)) == {}
    assert placements.changes(none, told({})) == {"n": NO_PLACEMENT}
    assert placements.changes(none, told(None)) == {}


def test_what_is_not_told_or_not_shared_any_more_is_taken_back() -> None:
    nothing: Shards[str, NodeTelemetry] = Shards()
    for shared, telemetry in ((SHARED, nothing), (frozenset[str](), telemetry_of(holder("a", 0)))):
        placements = Placements()
        placements.changes(SHARED, telemetry_of(holder("a", 0)))
        assert placements.changes(shared, telemetry) == {"n": NO_PLACEMENT}
        assert placements.changes(shared, telemetry) == {}


def test_a_device_whose_gpu_is_unknown_says_nothing() -> None:
    changes = Placements().changes(SHARED, telemetry_of(holder("a", 0, gpu=None)))
    assert changes == {"n": Placement(instances={}, pods={}, reported=1)}


def test_whole_gpus_have_a_product_and_pods_matter_only_among_several() -> None:
    placements, none = Placements(), frozenset[str]()
    (one,) = placements.changes(
        none, telemetry_of(holder("a", 0), products=("NVIDIA A", "NVIDIA A"))
    ).values()
    assert (one.pods, one.products) == ({}, ReportedProducts("nvidia.com", (("NVIDIA-A", 2),)))
    assert placements.changes(none, telemetry_of(holder("b", 0), products=("NVIDIA A", "NVIDIA A"))) == {}
    (two,) = placements.changes(
        none, telemetry_of(holder("a", 0), products=("NVIDIA A", "NVIDIA B"))
    ).values()
    assert two.pods
    assert two.products.gpus == {"GPU-0": "NVIDIA-A", "GPU-1": "NVIDIA-B"}
