"""A GPU in MIG mode is told instance by instance."""

import pytest

from lens_sim.node.nvml.scenario import Gpu, Instance, Process
from lens_sim.node.podresources import Container, Pod
from tests.integration.agent.node import Node
from tests.integration.agent.nvml.errors import fault

AMPERE = 7
SMALL = Instance(9, "MIG-small", "1g.10gb", utilization=40.0, used_memory=2**30)
LARGE = Instance(2, "MIG-large", "3g.40gb", slices=3, memory_mib=40192, utilization=80.0)


def test_hopper_measures_each_instance_and_so_the_whole_gpu(node: Node) -> None:
    node.play(Gpu(mig=True, instances=[SMALL, LARGE], processes=[Process(77, 2**30, 0, 9, 0)]))
    gpu = node.run().gpu(lambda gpu: gpu.utilization_percent is not None)
    assert gpu.mig_enabled
    assert gpu.instances is not None
    small, large = gpu.instances
    assert (small.uuid, small.profile, small.slices) == ("MIG-small", "1g.10gb", 1)
    assert (small.gpu_instance_id, small.compute_instance_id) == (9, 0)
    assert (small.memory_total_bytes, small.memory_used_bytes) == (9728 * 2**20, 2**30)
    assert (small.utilization_percent, large.utilization_percent) == (40, 80)
    assert (large.uuid, large.profile, large.slices) == ("MIG-large", "3g.40gb", 3)
    assert (small.utilization_window_seconds or 0) > 0.1
    assert small.reasons == large.reasons == {}
    assert gpu.utilization_percent == pytest.approx((1 * 40 + 3 * 80) / 7, abs=0.05)
    assert gpu.utilization_source == "instances"
    assert gpu.processes is not None
    assert [(each.pid, each.instance) for each in gpu.processes] == [(77, 9)]


def test_mig_utilization_on_ampere_is_unknown_and_not_0(node: Node) -> None:
    node.play(Gpu(architecture=AMPERE, mig=True, instances=[SMALL]))
    agent = node.run()
    agent.sampled()
    gpu = agent.sampled().gpus[0]
    assert gpu.architecture == "ampere"
    assert gpu.utilization_percent is None
    assert gpu.reasons["utilization_percent"] == "NOT_SUPPORTED"
    assert gpu.instances is not None
    [instance] = gpu.instances
    assert instance.utilization_percent is None
    assert instance.reasons == {"utilization_percent": "NOT_SUPPORTED"}
    assert instance.memory_used_bytes == 2**30
    assert b"lens_gpu_instance_utilization_ratio" not in agent.ask("/metrics").body


def test_a_missing_profiling_permission_is_the_reason(node: Node) -> None:
    node.play(Gpu(mig=True, instances=[SMALL], faults=[fault("nvmlGpmMigSampleGet", "NO_PERMISSION")]))
    gpu = node.run().sampled().gpus[0]
    assert gpu.reasons["utilization_percent"] == "NO_PERMISSION"
    assert gpu.instances is not None
    assert gpu.instances[0].reasons == {"utilization_percent": "NO_PERMISSION"}


def test_compute_instances_that_share_a_gpu_instance_have_no_utilization_of_their_own(node: Node) -> None:
    first = Instance(1, "MIG-a", "1c.2g.20gb", 0, slices=2, utilization=50.0)
    second = Instance(1, "MIG-b", "1c.2g.20gb", 1, slices=2, utilization=50.0)
    node.play(Gpu(mig=True, instances=[first, second]))
    gpu = node.run().gpu(lambda gpu: gpu.utilization_percent is not None)
    assert gpu.instances is not None
    for each in gpu.instances:
        assert each.utilization_percent is None
        assert each.reasons == {"utilization_percent": "SHARED_INSTANCE"}
    assert gpu.utilization_percent == pytest.approx(2 * 50 / 7, abs=0.05)


def test_instances_that_are_taken_down_are_gone_within_a_round_or_two(node: Node) -> None:
    node.play(Gpu(mig=True, instances=[SMALL, LARGE]))
    agent = node.run()
    agent.gpu(lambda gpu: len(gpu.instances or ()) == 2)
    node.play(Gpu(mig=True, instances=[SMALL]))
    gpu = agent.gpu(lambda gpu: len(gpu.instances or ()) == 1)
    assert gpu.instances is not None
    assert gpu.instances[0].uuid == "MIG-small"


def test_a_gpu_in_mig_mode_without_instances_is_neither_busy_nor_idle(node: Node) -> None:
    node.play(Gpu(mig=True))
    gpu = node.run().sampled().gpus[0]
    assert (gpu.instances, gpu.utilization_percent) == ((), None)
    assert gpu.reasons["utilization_percent"] == "NO_INSTANCES"


def test_who_holds_an_instance_is_found_by_either_plugins_id(node: Node) -> None:
    kubelet = node.kubelet()
    kubelet.pods = [
        Pod("ml", "a", [Container("c", {"nvidia.com/mig-1g.10gb": ["MIG-small"]})]),
        Pod("ml", "b", [Container("c", {"nvidia.com/gpu": ["nvidia5/gi2/vgpu1"]})]),
    ]
    node.play(Gpu(uuid="GPU-a", minor=5, mig=True, instances=[SMALL, LARGE]))
    report = node.run().until(lambda report: bool(report.holders) and bool(report.gpus))
    held = {each.pod: (each.gpu_uuid, each.instance_uuid, each.replica) for each in report.holders or ()}
    assert held == {"a": ("GPU-a", "MIG-small", None), "b": ("GPU-a", "MIG-large", 1)}
