"""Small and fast changes of what is measured are held back, and the exact values are told at last."""

import pytest
from msgspec.structs import replace

from lens.api.stream.damper import EXACT_SECONDS, PAUSE_SECONDS, Damper
from lens.api.stream.diff import Diff, diff_states
from lens.api.stream.nodes_by_controller import NodesByController
from lens.model.cluster_state import StateView
from lens.model.gpu.node_report import Health, Holder
from lens.model.gpu.telemetry import GpuTelemetry, NodeTelemetry
from lens.model.gpu.telemetry_cache import TelemetryCache
from tests.contract.conftest import NOW
from tests.contract.kubernetes import Cluster, node, pod

START = 1000.0
TICK = 0.1


class DampedStream:
    """A cluster of one node, and what a stream sends of it."""

    def __init__(self, utilization: float | None = 60.0) -> None:
        self.cluster = Cluster()
        self.cache = TelemetryCache(stale_after=1e9, unknown_after=1e9)
        self.cluster.add(node("n1"), pod("a", "n1"))
        self.cluster.publish(NOW)
        self.measure(utilization)
        self.now = START
        self.sent: StateView = self.cluster.state.current
        self.damper = Damper(self.sent, "prod-cluster", self.now)

    def measure(self, utilization: float | None, memory: int = 2**30) -> None:
        """Let the agent report this of the only GPU."""
        gpu = GpuTelemetry(
            0,
            "GPU-0",
            NOW,
            Health("ok"),
            utilization_percent=utilization,
            memory_used_bytes=memory,
        )
        holder = Holder("ml-team", "a", "main", "nvidia.com/gpu", "GPU-0", "GPU-0", None)
        self.cache.put("n1", NodeTelemetry("n1", "agent", NOW, (gpu,), (holder,)), NOW)
        self.cluster.state.telemetry = self.cache.snapshot()

    async def after(self, seconds: float) -> Diff | None:
        """Return what is told so much later; None for nothing."""
        self.now += seconds
        current = self.cluster.state.current
        if not self.damper.has_work(current, self.now):
            return None
        before, self.sent = self.sent, await self.damper.advance(self.sent, current, self.now)
        diff = await diff_states(before, self.sent, NodesByController(), "prod-cluster", NOW)
        return diff if diff.has_changes else None

    @property
    def utilization(self) -> tuple[float | None, float]:
        """Return the utilization that is sent of the node and of the cluster."""
        telemetry = self.sent.telemetry
        return telemetry.nodes["n1"].gpus[0].utilization_percent, telemetry.utilization_percent or 0.0


async def test_a_change_of_less_than_a_point_is_told_at_last() -> None:
    stream = DampedStream()
    stream.measure(60.9)
    assert await stream.after(TICK) is None
    assert await stream.after(EXACT_SECONDS - PAUSE_SECONDS - 1) is None
    assert stream.utilization == (60.0, 60.0)
    diff = await stream.after(2)
    assert diff is not None
    assert (diff.status is not None, list(diff.nodes), len(diff.tasks)) == (True, ["n1"], 1)
    assert stream.utilization == (60.9, 60.9)
    assert await stream.after(10 * EXACT_SECONDS) is None


async def test_small_changes_that_add_up_to_a_point_are_one() -> None:
    stream = DampedStream()
    for utilization in (60.4, 60.8):
        stream.measure(utilization)
        assert await stream.after(TICK) is None
    stream.measure(61.2)
    assert await stream.after(TICK) is not None
    assert stream.utilization == (61.2, 61.2)


async def test_a_change_soon_after_another_waits_and_the_last_of_several_is_told() -> None:
    stream = DampedStream()
    stream.measure(80.0)
    assert await stream.after(TICK) is not None
    for utilization in (10.0, 90.0, 30.0):
        stream.measure(utilization)
        assert await stream.after(TICK) is None
    assert await stream.after(PAUSE_SECONDS - 1) is None
    assert await stream.after(1) is not None
    assert stream.utilization == (30.0, 30.0)


async def test_a_value_that_comes_back_is_no_change() -> None:
    stream = DampedStream()
    stream.measure(80.0)
    assert await stream.after(TICK) is not None
    stream.measure(10.0)
    assert await stream.after(TICK) is None
    stream.measure(80.0)
    assert await stream.after(TICK) is None
    assert await stream.after(10 * EXACT_SECONDS) is None


@pytest.mark.parametrize(("memory", "small"), [(2**30 + 2**20, True), (2**31, False)])
async def test_used_memory_is_measured_too(memory: int, small: bool) -> None:
    stream = DampedStream()
    stream.measure(60.0, memory)
    assert (await stream.after(TICK) is None) is small


async def test_what_becomes_unknown_is_told_at_once() -> None:
    stream = DampedStream()
    stream.measure(80.0)
    assert await stream.after(TICK) is not None
    stream.measure(None)
    diff = await stream.after(TICK)
    assert diff is not None
    assert stream.utilization == (None, 0.0)


async def test_another_change_of_the_node_carries_the_exact_value() -> None:
    stream = DampedStream()
    stream.measure(60.9)
    assert await stream.after(TICK) is None
    stream.cluster.add(pod("b", "n1"))
    stream.cluster.publish(NOW)
    diff = await stream.after(TICK)
    assert diff is not None
    assert len(diff.tasks) == 2
    assert stream.utilization == (60.9, 60.9)


async def test_what_is_told_after_any_changes_is_the_state_itself() -> None:
    stream = DampedStream()
    for number in range(200):
        stream.measure(float(number * 37 % 101), 2**30 + number * 2**24)
        if number % 7 == 0:
            stream.cluster.add(pod(f"p{number}", "n1" if number % 2 else "n2"))
            stream.cluster.publish(NOW)
        await stream.after(0.7)
    await stream.after(EXACT_SECONDS)
    current = stream.cluster.state.current
    exact = await diff_states(replace(stream.sent), current, NodesByController(), "prod-cluster", NOW)
    assert not exact.has_changes
