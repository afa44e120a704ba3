"""What a GPU measures is what the report says."""

import pytest

from lens.model.gpu.node_report import NvLinks, RemappedRows
from lens_sim.node.nvml.scenario import Gpu, Process
from tests.integration.agent.node import NODE_NAME, Node
from tests.integration.agent.nvml.errors import fault

H100_BYTES = 85520809984


def test_an_idle_h100_reads_as_the_recorded_one(node: Node) -> None:
    node.play(Gpu())
    report = node.run().sampled()
    [gpu] = report.gpus
    assert (report.node, report.driver.state) == (NODE_NAME, "ready")
    assert (report.driver.version, report.driver.cuda_version) == ("580.159.04", "13.0")
    assert (gpu.index, gpu.uuid) == (0, "GPU-00000000-0000-0000-0000-000000000001")
    assert (gpu.product, gpu.architecture) == ("NVIDIA H100 80GB HBM3", "hopper")
    assert (gpu.pci_bus_id, gpu.minor_number) == ("00000000:00:06.0", 0)
    assert (gpu.memory_total_bytes, gpu.memory_used_bytes) == (H100_BYTES, 0)
    assert gpu.memory_reserved_bytes == 503316480
    assert (gpu.utilization_percent, gpu.temperature_celsius) == (0, 50)
    assert (gpu.power_watts, gpu.power_limit_watts) == (83.294, 700)
    assert gpu.energy_joules == pytest.approx(4397.322)
    assert (gpu.clock_sm_mhz, gpu.clock_memory_mhz, gpu.clock_events) == (345, 2619, ("gpu_idle",))
    assert (gpu.ecc_enabled, gpu.ecc_uncorrected_volatile, gpu.ecc_uncorrected_aggregate) == (True, 0, 0)
    assert gpu.remapped_rows == RemappedRows(0, 0, False, False)
    assert (gpu.recovery_action, gpu.mig_enabled, gpu.instances) == ("NONE", False, ())
    assert gpu.health.state == "ok"
    assert gpu.reasons == {"nvlinks": "NOT_SUPPORTED"}


def test_a_loaded_h100_reads_as_the_recorded_one(node: Node) -> None:
    node.play(Gpu(utilization=100, memory=9142337536, processes=[Process(451, 9133096960)]))
    [gpu] = node.run().sampled().gpus
    assert gpu.utilization_percent == 100
    assert gpu.memory_used_bytes == 9142337536
    assert (gpu.temperature_celsius, gpu.power_watts) == (57, 271.345)
    assert (gpu.clock_sm_mhz, gpu.clock_events) == (1980, ())
    assert gpu.processes is not None
    [process] = gpu.processes
    assert (process.pid, process.used_memory_bytes) == (451, 9133096960)


def test_utilization_is_that_of_the_whole_interval_and_not_of_its_last_moment(node: Node) -> None:
    node.play(Gpu())
    agent = node.run(interval_seconds=2)
    agent.gpu(lambda gpu: gpu.utilization_source == "samples")
    burst = node.now + 0.5
    node.play(Gpu(utilization={0: 0, burst: 100, burst + 0.8: 0}))
    gpu = agent.gpu(lambda gpu: (gpu.utilization_percent or 0) > 0)
    assert (gpu.utilization_window_seconds or 0) > 1
    assert 2 <= (gpu.utilization_percent or 0) <= 80
    assert gpu.clock_events == ("gpu_idle",)


def test_a_driver_without_samples_gives_its_last_figure(node: Node) -> None:
    scenario = node.play(Gpu(utilization=70))
    scenario.gpus[0].faults.append(fault("nvmlDeviceGetSamples", "NOT_FOUND"))
    scenario.write(node.scenario_file)
    [gpu] = node.run().sampled().gpus
    assert (gpu.utilization_percent, gpu.utilization_source) == (70, "rate")
    assert gpu.utilization_window_seconds is None
    assert "utilization_percent" not in gpu.reasons


def test_health_has_its_causes(node: Node) -> None:
    node.play(
        Gpu(ecc=(2, 5), rows=(1, 2, 1, 0), clocks=0x44, nvlinks=(18, 16)),
        Gpu(recovery=1),
        Gpu(recovery=99),
    )
    first, second, third = node.run().sampled().gpus
    assert (first.ecc_uncorrected_volatile, first.ecc_uncorrected_aggregate) == (2, 5)
    assert first.remapped_rows == RemappedRows(1, 2, True, False)
    assert first.clock_events == ("sw_power_cap", "hw_thermal_slowdown")
    assert first.nvlinks == NvLinks(16, (16, 17))
    assert (first.health.state, first.health.because) == ("warning", ("row remapping pending",))
    assert (second.recovery_action, second.health.state) == ("GPU_RESET", "critical")
    assert (third.recovery_action, third.health.state) == ("ACTION_99", "critical")


def test_processes_that_share_a_gpu_have_their_own_share_of_its_time(node: Node) -> None:
    node.play(Gpu(utilization=90, processes=[Process(11, 2**30, 70), Process(12, 2**31, 20)]))
    gpu = node.run().gpu(lambda gpu: bool(gpu.processes and gpu.processes[0].utilization_percent))
    shares = {each.pid: (each.utilization_percent, each.used_memory_bytes) for each in gpu.processes or ()}
    assert shares == {11: (70, 2**30), 12: (20, 2**31)}


def test_eight_gpus_keep_their_order_and_their_own_figures(node: Node) -> None:
    node.play(*(Gpu(uuid=f"GPU-{index}", utilization=10 * index, minor=7 - index) for index in range(8)))
    agent = node.run()
    agent.until(lambda report: all(gpu.utilization_source == "samples" for gpu in report.gpus))
    gpus = agent.sampled().gpus
    assert [gpu.uuid for gpu in gpus] == [f"GPU-{index}" for index in range(8)]
    assert [gpu.utilization_percent for gpu in gpus] == [10 * index for index in range(8)]
    assert [gpu.minor_number for gpu in gpus] == [7 - index for index in range(8)]


def test_a_uuid_of_zeros_is_none(node: Node) -> None:
    node.play(Gpu(uuid="GPU-00000000-0000-0000-0000-000000000000"))
    [gpu] = node.run().sampled().gpus
    assert (gpu.uuid, gpu.reasons["uuid"]) == (None, "PLACEHOLDER")
    assert gpu.temperature_celsius is not None
