"""NVML may take its time: the agent answers at once, and a GPU that hangs keeps no other waiting."""

import time

import pytest

from lens_sim.node.nvml.scenario import Delay, Fault, Gpu
from tests.integration.agent.node import Node, elapsed


@pytest.mark.slow
def test_a_hanging_gpu_keeps_neither_the_others_nor_an_answer_waiting(node: Node) -> None:
    node.play(Gpu(uuid="GPU-a"), Gpu(uuid="GPU-b"), Gpu(uuid="GPU-c"))
    agent = node.run(forget_seconds=6)
    agent.sampled()
    node.play(
        Gpu(uuid="GPU-a"),
        Gpu(uuid="GPU-b", faults=[Delay("nvmlDeviceGetPowerUsage", 600)]),
        Gpu(uuid="GPU-c"),
    )
    report = agent.until(lambda report: report.gpus[1].sampled_at < time.time() - 2.5)
    hung_at = report.gpus[1].sampled_at
    with elapsed(10):
        agent.report()
    assert report.gpus[1].uuid == "GPU-b"
    assert report.gpus[1].temperature_celsius == 50
    assert all(report.gpus[index].sampled_at > hung_at + 1 for index in (0, 2))
    agent.until_health(200)
    forgotten = agent.gpu(lambda gpu: gpu.temperature_celsius is None, 1)
    assert forgotten.reasons["temperature_celsius"] == "TIMEOUT"
    assert forgotten.sampled_at == hung_at
    assert (forgotten.uuid, forgotten.health.state) == ("GPU-b", "lost")
    assert forgotten.health.because == ("TIMEOUT",)
    with elapsed(10):
        assert agent.stop() == 0


def test_a_gpu_that_never_answers_is_waited_for_and_then_lost(node: Node) -> None:
    hangs = Gpu(uuid="GPU-b", faults=[Delay("nvmlDeviceGetPowerUsage", 600)])
    node.play(Gpu(uuid="GPU-a"), hangs)
    agent = node.run(forget_seconds=3)
    waited_for = agent.gpu(lambda gpu: True, 1)
    assert (waited_for.health.state, waited_for.health.because) == ("unknown", ("NOT_YET",))
    lost = agent.gpu(lambda gpu: gpu.health.state == "lost", 1)
    assert lost.health.because == ("TIMEOUT",)
    assert agent.sampled(after=0.0).gpus[0].health.state == "ok"


@pytest.mark.slow
def test_a_gpu_among_several_that_hang_and_come_back_is_seen_all_along(node: Node) -> None:
    node.play(*(Gpu(uuid=f"GPU-{index}") for index in range(4)))
    agent = node.run()
    agent.sampled()
    hang: list[Fault | Delay] = [Delay("nvmlDeviceGetTemperature", 4)]
    node.play(*(Gpu(uuid=f"GPU-{index}", faults=hang if index != 2 else []) for index in range(4)))
    agent.until(lambda report: all(report.gpus[index].sampled_at < time.time() - 2.5 for index in (0, 1, 3)))
    moment = time.time()
    agent.gpu(lambda gpu: gpu.sampled_at > moment, 2)
    node.play(*(Gpu(uuid=f"GPU-{index}", utilization=50) for index in range(4)))
    agent.until(lambda report: all(gpu.utilization_percent == 50 for gpu in report.gpus))
    agent.until_health(200)


def test_a_driver_that_takes_long_to_start_is_waited_for_in_health(node: Node) -> None:
    node.play(Gpu(), faults=[Delay("nvmlInitWithFlags", 2)])
    agent = node.run()
    report = agent.report()
    assert (report.driver.state, report.sampled_at) == ("starting", None)
    agent.until_health(200)
    agent.sampled()


def test_slow_calls_are_asked_less_often_and_their_values_stay(node: Node) -> None:
    """The simulated GPU's energy is another one each time that it is asked for."""
    node.play(Gpu())
    agent = node.run()
    first = agent.sampled().gpus[0]
    for _ in range(8):
        latest = agent.sampled().gpus[0]
    assert latest.energy_joules == first.energy_joules is not None
    assert latest.sampled_at > first.sampled_at
