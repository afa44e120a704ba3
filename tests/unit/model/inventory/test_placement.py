"""Only what is new of where shared units are is passed on, and what nobody tells any more is taken back."""

from lens.model.gpu.node_report import Health, Holder
from lens.model.gpu.telemetry import GpuTelemetry, NodeTelemetry
from lens.model.inventory.placement import NO_PLACEMENT, DevicePlacement, Placement, Placements

GPU = "nvidia.com/gpu"


def told(*holders: Holder, sampled_at: float = 1.0) -> NodeTelemetry:
    gpus = (GpuTelemetry(index=0, uuid="GPU-0", sampled_at=sampled_at, health=Health(state="ok")),)
    return NodeTelemetry(node="n", source="agent", sampled_at=sampled_at, gpus=gpus, holders=holders)


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
    (first,) = placements.changes({"n"}, {"n": told(holder("a", 0), holder("b", 1))}).values()
    assert first.pods == {
        "team/a": (DevicePlacement(GPU, "GPU-0::0", "GPU-0"),),
        "team/b": (DevicePlacement(GPU, "GPU-0::1", "GPU-0"),),
    }
    again = told(holder("b", 1), holder("a", 0), sampled_at=2.0)
    assert placements.changes({"n"}, {"n": again}) == {}
    (moved,) = placements.changes({"n"}, {"n": told(holder("a", 2))}).values()
    assert moved.pods == {"team/a": (DevicePlacement(GPU, "GPU-0::2", "GPU-0"),)}


def test_nodes_whose_gpus_are_whole_are_left_alone() -> None:
    assert Placements().changes(frozenset(), {"n": told(holder("a", 0))}) == {}


def test_what_is_not_told_or_not_shared_any_more_is_taken_back() -> None:
    for shared, telemetry in (({"n"}, {}), (set[str](), {"n": told(holder("a", 0))})):
        placements = Placements()
        placements.changes({"n"}, {"n": told(holder("a", 0))})
        assert placements.changes(shared, telemetry) == {"n": NO_PLACEMENT}
        assert placements.changes(shared, telemetry) == {}


def test_a_device_whose_gpu_is_unknown_says_nothing() -> None:
    changes = Placements().changes({"n"}, {"n": told(holder("a", 0, gpu=None))})
    assert changes == {"n": Placement(instances={}, pods={}, reported=1)}
