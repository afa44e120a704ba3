"""A call that fails costs its own value on its own GPU, says why, and nothing else."""

import itertools

import pytest

from lens_sim.node.nvml.scenario import Fault, Gpu
from tests.integration.agent.errors import FIELDS, fault
from tests.integration.agent.node import Node

CODES = ("NO_PERMISSION", "NOT_SUPPORTED", "FUNCTION_NOT_FOUND", "RESET_REQUIRED", "NO_DATA", "UNKNOWN")


@pytest.mark.parametrize("half", [0, 1])
def test_each_function_may_fail_alone(node: Node, half: int) -> None:
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


def test_a_number_that_pynvml_has_no_name_for_is_told_as_a_number(node: Node) -> None:
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


def test_a_gpu_that_may_not_be_asked_at_all_is_unknown_and_the_others_are_not(node: Node) -> None:
    node.play(Gpu(uuid="GPU-a", faults=[fault("*", "NO_PERMISSION")]), Gpu(uuid="GPU-b", utilization=30))
    agent = node.run()
    first, second = agent.sampled().gpus
    assert (first.health.state, first.health.because) == ("unknown", ("NO_PERMISSION",))
    assert first.uuid is None
    assert second.temperature_celsius is not None
    agent.until_health(200)
