"""A call that fails costs its own value on its own GPU, says why, and nothing else."""

import itertools

import pytest

from lens.model.gpu.node_report import Gpu as ReportedGpu
from lens_sim.node.nvml import library
from lens_sim.node.nvml.scenario import Fault, Gpu, Instance, Process
from tests.integration.agent.node import Agent, Node
from tests.integration.agent.nvml.errors import FIELDS, VERSIONS, fault

CODES = ("NO_PERMISSION", "NOT_SUPPORTED", "FUNCTION_NOT_FOUND", "RESET_REQUIRED", "NO_DATA", "UNKNOWN")


@pytest.mark.parametrize("half", [0, 1])
def test_a_failing_function_affects_its_own_value_alone(node: Node, half: int) -> None:
    functions = list(FIELDS.items())[half::2]
    codes = itertools.cycle(CODES[half:] + CODES[:half])
    expected = [(function, fields, next(codes)) for function, fields in functions]
    node.play(
        Gpu(uuid="GPU-fine", nvlinks=(4, 4)),
        *(
            Gpu(uuid=f"GPU-{index}", nvlinks=(4, 4), faults=[fault(function, name)])
            for index, (function, _, name) in enumerate(expected)
        ),
    )
    fine, *failing = node.run().until(lambda report: report.xids_since is not None and bool(report.gpus)).gpus
    assert fine.reasons == {}
    assert fine.health.state == "ok"
    for gpu, (function, fields, name) in zip(failing, expected, strict=True):
        assert gpu.reasons == dict.fromkeys(fields, name), function
        for field in fields:
            assert getattr(gpu, field) is None, function


def test_an_error_without_a_name_in_pynvml_is_a_number(node: Node) -> None:
    node.play(Gpu(faults=[Fault("nvmlDeviceGetPowerUsage", 777)]))
    [gpu] = node.run().sampled().gpus
    assert gpu.reasons["power_watts"] == "ERROR_777"


def test_utilization_that_can_not_be_read_is_unknown_and_never_0(node: Node) -> None:
    node.play(
        Gpu(
            utilization=50,
            faults=[
                fault("nvmlDeviceGetSamples", "NOT_SUPPORTED"),
                fault("nvmlDeviceGetUtilizationRates", "NOT_SUPPORTED"),
            ],
        )
    )
    [gpu] = node.run().sampled().gpus
    assert gpu.utilization_percent is None
    assert gpu.utilization_source is None
    assert gpu.reasons["utilization_percent"] == "NOT_SUPPORTED"


def test_a_utilization_of_billions_is_unknown(node: Node) -> None:
    node.play(Gpu(uuid="GPU-a", utilization=4_000_000_000.0), Gpu(uuid="GPU-b", utilization=20))
    first, second = node.run().sampled().gpus
    assert first.utilization_percent is None
    assert first.reasons["utilization_percent"] == "OUT_OF_RANGE"
    assert second.utilization_percent == 20


def test_a_value_is_there_again_as_soon_as_it_can_be_read(node: Node) -> None:
    node.play(Gpu(faults=[fault("nvmlDeviceGetTemperature", "UNKNOWN")]))
    agent = node.run()
    agent.gpu(lambda gpu: gpu.reasons.get("temperature_celsius") == "UNKNOWN")
    node.play(Gpu())
    gpu = agent.gpu(lambda gpu: gpu.temperature_celsius == 50)
    assert "temperature_celsius" not in gpu.reasons


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("UNKNOWN", "lost"),
        ("IRQ_ISSUE", "lost"),
        ("INSUFFICIENT_POWER", "lost"),
        ("GPU_NOT_FOUND", "lost"),
        ("GPU_IS_LOST", "lost"),
        ("RESET_REQUIRED", "critical"),
        ("NO_PERMISSION", "unknown"),
        ("OPERATING_SYSTEM", "unknown"),
    ],
)
@pytest.mark.parametrize("known_before", [False, True])
def test_a_gpu_that_answers_nothing_is_lost_unless_the_driver_fails(
    node: Node, name: str, state: str, known_before: bool
) -> None:
    others = [Gpu(uuid=f"GPU-{index}") for index in range(3)]
    node.play(*others, Gpu(uuid="GPU-3", faults=[] if known_before else [fault("*", name)]))
    agent = node.run()
    if known_before:
        agent.sampled()
        node.play(*others, Gpu(uuid="GPU-3", faults=[fault("*", name)]))
    silent = agent.gpu(lambda gpu: gpu.temperature_celsius is None, 3)
    assert (silent.health.state, silent.health.because) == (state, (name,))
    assert {gpu.health.state for gpu in agent.report().gpus[:3]} == {"ok"}
    agent.until_health(200)


def test_one_call_that_asks_for_a_reset_is_enough(node: Node) -> None:
    node.play(Gpu(faults=[fault("nvmlDeviceGetPowerUsage", "RESET_REQUIRED")]))
    [gpu] = node.run().sampled().gpus
    assert (gpu.health.state, gpu.health.because) == ("critical", ("RESET_REQUIRED",))
    assert gpu.temperature_celsius == 50


def test_a_gpu_without_permission_is_unknown_and_the_others_are_not(node: Node) -> None:
    node.play(Gpu(uuid="GPU-a", faults=[fault("*", "NO_PERMISSION")]), Gpu(uuid="GPU-b", utilization=30))
    agent = node.run()
    first, second = agent.sampled().gpus
    assert (first.health.state, first.health.because) == ("unknown", ("NO_PERMISSION",))
    assert first.uuid is None
    assert second.temperature_celsius is not None
    agent.until_health(200)


def run_without(node: Node, *functions: str) -> Agent:
    node.nvml = library.build(node.nvml.parent, functions)
    return node.run()


def first(agent: Agent) -> ReportedGpu:
    return agent.until(lambda report: report.xids_since is not None and bool(report.gpus)).gpus[0]


def test_a_driver_that_lacks_the_newest_functions_is_read_by_the_others(node: Node) -> None:
    process = Process(4_000_000_000, 2**30)
    node.play(Gpu(memory=2**30, nvlinks=(4, 4), processes=[process]))
    agent = run_without(node, *VERSIONS)
    gpu = first(agent)
    assert agent.report().driver.cuda_version == "13.0"
    assert [each.pid for each in gpu.processes or ()] == [process.pid]
    assert (gpu.clock_events, gpu.temperature_celsius) == (("gpu_idle",), 50)
    assert gpu.memory_used_bytes == 2**30 + 503316480
    assert gpu.reasons == {"memory_reserved_bytes": "FUNCTION_NOT_FOUND"}
    assert gpu.health.state == "ok"


@pytest.mark.parametrize("half", [0, 1])
def test_a_function_that_the_driver_lacks_affects_its_own_value_alone(node: Node, half: int) -> None:
    lacking = [name for name in FIELDS if ":" not in name][half::2]
    node.play(Gpu(nvlinks=(4, 4)))
    gpu = first(run_without(node, *lacking, *filter(None, map(VERSIONS.get, lacking))))
    fields = {field for function in lacking for field in FIELDS[function]}
    assert gpu.reasons == dict.fromkeys(fields, "FUNCTION_NOT_FOUND")
    assert gpu.health.state == "ok"


@pytest.mark.parametrize("function", ["nvmlEventSetCreate", "nvmlEventSetWait_v2"])
def test_without_xid_events_xids_are_unknown_and_not_none(node: Node, function: str) -> None:
    node.play(Gpu(nvlinks=(4, 4)))
    gpu = run_without(node, function).gpu(lambda gpu: "xids" in gpu.reasons)
    assert (gpu.xids, gpu.reasons) == (None, {"xids": "FUNCTION_NOT_FOUND"})


def test_mig_devices_are_reported_without_counters_of_the_driver(node: Node) -> None:
    node.play(Gpu(mig=True, instances=[Instance(7, "MIG-a", used_memory=2**30)]))
    gpu = first(run_without(node, "nvmlGpmQueryDeviceSupport", "nvmlDeviceGetAttributes_v2"))
    [instance] = gpu.instances or ()
    assert (instance.uuid, instance.memory_used_bytes) == ("MIG-a", 2**30)
    assert (instance.slices, instance.reasons["slices"]) == (None, "FUNCTION_NOT_FOUND")
    assert instance.reasons["utilization_percent"] == "NOT_SUPPORTED"
