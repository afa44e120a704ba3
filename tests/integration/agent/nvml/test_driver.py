"""No driver is a quiet state; a driver that went away under the agent makes the kubelet start it anew."""

import pytest

from lens_sim.node.nvml.scenario import Gpu
from tests.integration.agent.node import Node
from tests.integration.agent.nvml.errors import fault


def test_a_node_without_a_driver_has_an_idle_and_healthy_agent(node: Node) -> None:
    agent = node.run(library_found=False)
    report = agent.until(lambda report: report.driver.state == "absent")
    assert report.driver.reason == "LIBRARY_NOT_FOUND"
    assert report.gpus == ()
    agent.until_health(200)
    assert b'lens_agent_driver_state{state="absent"} 1' in agent.ask("/metrics").body


def test_a_driver_that_is_loaded_later_is_found(node: Node) -> None:
    node.play(Gpu(), faults=[fault("nvmlInitWithFlags", "DRIVER_NOT_LOADED")])
    agent = node.run()
    agent.until(lambda report: report.driver.state == "absent")
    agent.until_health(200)
    node.play(Gpu())
    report = agent.until(lambda report: report.driver.state == "ready")
    assert len(report.gpus) == 1


@pytest.mark.parametrize("name", ["LIB_RM_VERSION_MISMATCH", "UNKNOWN", "NO_PERMISSION"])
def test_a_driver_that_can_not_be_used_fails_liveness(node: Node, name: str) -> None:
    node.play(Gpu(), faults=[fault("nvmlInitWithFlags", name)])
    agent = node.run()
    agent.until_health(503, name)
    assert agent.report().driver.state == "failed"


@pytest.mark.parametrize("name", ["LIB_RM_VERSION_MISMATCH", "DRIVER_NOT_LOADED", "UNINITIALIZED"])
def test_a_driver_that_is_replaced_while_the_agent_runs_fails_liveness(node: Node, name: str) -> None:
    node.play(Gpu(), Gpu())
    agent = node.run()
    agent.sampled()
    agent.until_health(200)
    node.play(Gpu(), Gpu(), faults=[fault("*", name)])
    agent.until_health(503, name)
    for gpu in agent.report().gpus:
        assert gpu.uuid is not None
        assert (gpu.temperature_celsius, gpu.reasons["temperature_celsius"]) == (None, name)
    [event] = agent.until_logged("driver", state="failed")
    assert (event["level"], event["reason"]) == ("error", name)


@pytest.mark.parametrize("name", ["GPU_IS_LOST", "UNKNOWN"])
def test_a_container_that_lost_all_its_devices_fails_liveness(node: Node, name: str) -> None:
    node.play(Gpu(), Gpu())
    agent = node.run()
    agent.sampled()
    node.play(Gpu(faults=[fault("*", name)]), Gpu(faults=[fault("*", name)]))
    agent.until_health(503, "DEVICES_LOST")


def test_a_gpu_that_is_no_longer_counted_fails_liveness(node: Node) -> None:
    node.play(Gpu(), Gpu())
    agent = node.run()
    agent.sampled()
    node.play(Gpu())
    agent.until_health(503, "GPU_COUNT_CHANGED")


def test_a_driver_without_gpus_is_ready(node: Node) -> None:
    node.play()
    agent = node.run()
    report = agent.until(lambda report: report.driver.state == "ready")
    assert report.gpus == ()
    agent.until_health(200)
