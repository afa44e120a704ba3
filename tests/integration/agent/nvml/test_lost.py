"""A GPU that falls off the bus is reported lost, and the node's other GPUs go on."""

import time

import pytest

from lens_sim.node.nvml.scenario import Gpu, Xid
from tests.integration.agent.node import Node


def test_a_lost_gpu_costs_no_other_and_comes_back(node: Node) -> None:
    node.play(Gpu(uuid="GPU-a", utilization=40), Gpu(uuid="GPU-b", utilization=60))
    agent = node.run()
    agent.until(lambda report: all(gpu.utilization_source == "samples" for gpu in report.gpus))
    agent.until(lambda report: report.xids_since is not None)
    at = node.now
    node.play(Gpu(uuid="GPU-a", lost=at + 0.3, xids=[Xid(79, at)]), Gpu(uuid="GPU-b", utilization=60))
    lost = agent.gpu(lambda gpu: gpu.health.state == "lost")
    assert lost.uuid == "GPU-a"
    assert lost.utilization_percent is None
    assert set(lost.reasons.values()) == {"GPU_IS_LOST"}
    assert lost.xids is not None
    assert [each.xid for each in lost.xids] == [79]
    other = agent.sampled().gpus[1]
    assert (other.health.state, other.utilization_percent) == ("ok", 60)
    agent.until_health(200)
    node.play(Gpu(uuid="GPU-a", utilization=10), Gpu(uuid="GPU-b", utilization=60))
    agent.gpu(lambda gpu: gpu.utilization_percent == 10 and gpu.health.because != ("GPU_IS_LOST",))


@pytest.mark.slow
def test_a_gpu_that_was_lost_before_the_agent_came_is_reported_without_a_name(node: Node) -> None:
    node.play(Gpu(uuid="GPU-a", lost=0.0), Gpu(uuid="GPU-b"))
    agent = node.run()
    first, second = agent.sampled().gpus
    assert (first.uuid, first.health.state) == (None, "lost")
    assert (second.uuid, second.health.state) == ("GPU-b", "ok")
    agent.until_health(200)
    assert b'lens_gpu_health{uuid="",gpu="0",state="lost"} 1' in agent.ask("/metrics").body
    node.play(Gpu(uuid="GPU-a"), Gpu(uuid="GPU-b"))
    assert agent.gpu(lambda gpu: gpu.health.state == "ok").uuid == "GPU-a"
    agent.gpu(lambda gpu: gpu.xids == ())


def test_a_nodes_only_gpu_that_was_never_there_is_no_reason_to_start_the_agent_over_and_over(
    node: Node,
) -> None:
    node.play(Gpu(lost=0.0))
    agent = node.run()
    agent.gpu(lambda gpu: gpu.health.state == "lost")
    agent.until_health(200)


def test_a_lost_gpu_does_not_keep_the_agent_busy(node: Node) -> None:
    """NVML's wait for events returns at once while a GPU is lost."""
    node.play(Gpu(uuid="GPU-a"), Gpu(uuid="GPU-b"))
    agent = node.run(interval_seconds=1)
    agent.until(lambda report: report.xids_since is not None)
    node.play(Gpu(uuid="GPU-a", lost=0.0), Gpu(uuid="GPU-b"))
    agent.gpu(lambda gpu: gpu.health.state == "lost")
    before, began = agent.cpu_seconds(), time.monotonic()
    agent.sampled()
    agent.sampled()
    # Else it would take all of a processor, or as much as others leave of it.
    assert agent.cpu_seconds() - before < 0.25 * (time.monotonic() - began)
