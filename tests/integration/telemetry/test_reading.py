"""What agents and exporters say is known soon, grows old when they fall silent, and goes when they go."""

import asyncio
import time
from pathlib import Path

import pytest

from lens.model.gpu.telemetry import Source
from lens.model.monitor import Monitor
from lens.telemetry.scraper import NO_POD_PROBLEM
from tests.contract import kubernetes
from tests.contract.conftest import Clock
from tests.contract.kubernetes import Cluster
from tests.contract.peering import lens
from tests.integration.telemetry import server
from tests.integration.telemetry.scene import DEADLINE_SECONDS, INTERVAL_SECONDS, Scene, target
from tests.unit.model.watched import AT_ONCE
from tests.unit.telemetry.reports import written

DCGM = b"""\
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a",Hostname="node-1",namespace="team",pod="train-0"} 87
"""
AMD = b'amd_gpu_gfx_activity{gpu_id="0",serial_number="6924",hostname="node-1",pod="",namespace=""} 64\n'


async def test_a_nodes_gpus_are_known_within_an_interval_and_a_second(scene: Scene) -> None:
    await scene.serve("node-1", server.agent("node-1", 80.0, gpus=8))
    await scene.serve("node-2", server.agent("node-2", 20.0, gpus=8))
    await scene.start()
    assert await scene.until(lambda: scene.telemetry.sums.reporting == 16, "all GPUs") < INTERVAL_SECONDS + 1
    assert scene.telemetry.sums.utilized == 8
    assert scene.telemetry.utilization_percent == 50.0
    assert scene.node().state == "ok"


async def test_a_change_is_seen_within_an_interval_and_a_second(scene: Scene) -> None:
    agent = await scene.serve("node-1", server.agent("node-1", 80.0))
    await scene.start()
    await scene.until(lambda: scene.telemetry.utilization_percent == 80.0, "the first sample")
    agent.behaviour = server.agent("node-1", 5.0)
    seconds = await scene.until(lambda: scene.telemetry.utilization_percent == 5.0, "the change")
    assert seconds < INTERVAL_SECONDS + 1


async def test_an_agent_is_asked_on_one_connection_again_and_again(scene: Scene) -> None:
    agent = await scene.serve("node-1", server.agent("node-1"))
    await scene.start()
    await scene.until(lambda: len(agent.requests) >= 4, "four requests")
    assert agent.connections == 1


async def test_an_agent_that_closes_its_connections_is_read_all_the_same(scene: Scene) -> None:
    async def answer_and_close(connection: server.Connection) -> None:
        await server.agent("node-1")(connection)
        raise EOFError

    agent = await scene.serve("node-1", answer_and_close)
    await scene.start()
    await scene.until(lambda: len(agent.requests) >= 3, "three requests")
    assert scene.node().state == "ok"


async def test_an_existing_exporter_is_read_instead_of_an_agent(scene: Scene) -> None:
    await scene.serve("node-1", server.sends(DCGM), "dcgm")
    await scene.start()
    await scene.until(lambda: scene.telemetry.sums.reporting == 1, "the GPU")
    (gpu,) = scene.node().gpus
    assert (scene.node().source, gpu.uuid, gpu.utilization_percent) == ("dcgm", "GPU-a", 87)
    assert [each.pod for each in scene.node().holders_of(gpu)] == ["train-0"]


async def test_an_exporter_that_answers_in_chunks_is_read(scene: Scene) -> None:
    async def answer_in_chunks(connection: server.Connection) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for place in range(0, len(AMD), 10):
            part = AMD[place : place + 10]
            await connection.send(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        await connection.send(b"0\r\n\r\n")

    await scene.serve("node-1", answer_in_chunks, "amd")
    await scene.start()
    await scene.until(lambda: scene.telemetry.utilization_percent == 64.0, "the GPU")
    assert scene.node().source == "amd"


async def test_an_agent_that_stops_goes_stale_then_unknown_and_comes_back(scene: Scene) -> None:
    await scene.serve("node-1", server.agent("node-1", 90.0))
    failing = await scene.serve("node-2", server.agent("node-2", 10.0))
    await scene.start()
    await scene.until(lambda: scene.telemetry.utilization_percent == 50.0, "both")
    failing.behaviour = server.hang_up
    await scene.until(lambda: scene.node("node-2").state != "ok", "stale")
    while scene.node("node-2").state != "stale":
        # The machine stood still for as long as a node is stale.
        failing.behaviour = server.agent("node-2", 10.0)
        await scene.until(lambda: scene.node("node-2").state == "ok", "both again")
        failing.behaviour = server.hang_up
        await scene.until(lambda: scene.node("node-2").state != "ok", "stale")
    assert scene.telemetry.sums.reporting == 2
    await scene.until(lambda: scene.node("node-2").state == "unknown", "unknown")
    assert scene.telemetry.sums.reporting == 1
    assert scene.telemetry.utilization_percent == 90.0
    assert scene.node("node-2").gpus[0].utilization_percent is None
    failing.behaviour = server.agent("node-2", 10.0)
    await scene.until(lambda: scene.telemetry.utilization_percent == 50.0, "both again")
    assert scene.node("node-2").problem is None


async def test_an_agent_whose_sampling_has_stopped_goes_unknown_though_it_answers(scene: Scene) -> None:
    # By its own clock, which its Date header shows, the sample is 17 minutes old.
    report = server.node_report("node-1", at=1000.0)
    agent = await scene.serve("node-1", server.says(report, Date="Thu, 01 Jan 1970 00:33:20 GMT"))
    await scene.start()
    await scene.until(lambda: len(agent.requests) >= 2, "answers")
    await scene.until(lambda: scene.telemetry.sums.unknown_nodes == 1, "unknown")
    assert scene.telemetry.sums.reporting == 0


async def test_a_node_keeps_its_figures_while_its_agent_is_replaced(scene: Scene) -> None:
    await scene.serve("node-1", server.agent("node-1", 80.0))
    await scene.start()
    await scene.until(lambda: scene.telemetry.utilization_percent == 80.0, "the first agent")
    seen = set()

    def looked(percent: float) -> bool:
        seen.add(scene.telemetry.sums.reporting)
        return scene.telemetry.utilization_percent == percent

    scene.nodes = {"node-1"}
    del scene.targets["node-1"]
    scene.ask()
    await scene.until(lambda: looked(80.0) and scene.node().problem == NO_POD_PROBLEM, "nobody to ask")
    await scene.serve("node-1", server.agent("node-1", 30.0))
    scene.ask()
    await scene.until(lambda: looked(30.0), "the second agent")
    assert seen == {1}
    assert (scene.node().state, scene.node().problem) == ("ok", None)


async def test_a_node_whose_agent_is_gone_for_good_goes_stale_and_then_unknown(scene: Scene) -> None:
    await scene.serve("node-1", server.agent("node-1", 80.0))
    gone = await scene.serve("node-2", server.agent("node-2", 20.0))
    await scene.start()
    await scene.until(lambda: scene.telemetry.sums.reporting == 2, "both")
    scene.nodes = {"node-1", "node-2"}
    del scene.targets["node-2"]
    scene.ask()
    asked = len(gone.requests)
    await scene.until(lambda: scene.node("node-2").state != "ok", "stale")
    # A machine that stands still for as long as a node is stale doesn't show that.
    if scene.node("node-2").state == "stale":
        assert scene.telemetry.utilization_percent == 50.0
    await scene.until(lambda: scene.node("node-2").state == "unknown", "unknown")
    assert (scene.telemetry.utilization_percent, scene.telemetry.sums.reporting) == (80.0, 1)
    assert scene.node("node-2").problem == NO_POD_PROBLEM
    assert len(gone.requests) <= asked + 1, "but for one that was on its way"
    scene.nodes = {"node-1"}
    scene.ask()
    await scene.until(lambda: "node-2" not in scene.telemetry.nodes, "forgotten with its node")


async def test_a_node_that_left_the_cluster_is_forgotten_at_once(scene: Scene) -> None:
    await scene.serve("node-1", server.agent("node-1"))
    gone = await scene.serve("node-2", server.agent("node-2"))
    await scene.start()
    await scene.until(lambda: scene.telemetry.sums.reporting == 2, "both")
    del scene.targets["node-2"]
    scene.ask()
    await scene.until(lambda: scene.telemetry.sums.reporting == 1, "one")
    assert "node-2" not in scene.telemetry.nodes
    asked, others = len(gone.requests), scene.reads()
    await scene.until(lambda: scene.reads() >= others + 3, "further readings")
    assert len(gone.requests) == asked


async def test_an_agent_that_is_made_anew_is_asked_at_once_and_costs_no_figure(scene: Scene) -> None:
    await scene.serve("node-1", server.agent("node-1", 80.0))
    await scene.start()
    await scene.until(lambda: scene.telemetry.utilization_percent == 80.0, "the first agent")
    async with server.FakeServer(server.agent("node-1", 30.0)) as anew:
        scene.targets["node-1"] = target("node-1", anew, uid="uid-2")
        scene.ask()
        seen = set()

        def taken_over() -> bool:
            seen.add(scene.telemetry.sums.reporting)
            return scene.telemetry.utilization_percent == 30.0

        await scene.until(taken_over, "the second agent")
        assert seen == {1}


async def test_targets_that_stay_are_not_asked_more_often_when_others_come(scene: Scene) -> None:
    staying = await scene.serve("node-1", server.agent("node-1"))
    await scene.start()
    await scene.until(lambda: len(staying.requests) == 1, "the first reading")
    coming = await scene.serve("node-2", server.agent("node-2"))

    def three_more() -> bool:
        scene.ask()
        return len(coming.requests) >= 3

    await scene.until(three_more, "three readings of another one")
    assert len(staying.requests) <= 5


async def test_the_scraper_stops_while_agents_hang(scene: Scene) -> None:
    hanging = await scene.serve("node-1", server.hang)
    await scene.start()
    await scene.until(lambda: bool(hanging.requests), "a request under way")
    await asyncio.wait_for(scene.stop(), DEADLINE_SECONDS)


@pytest.mark.parametrize("state", ["lost", "critical"])
async def test_a_lost_gpu_stays_lost_however_old_its_sample_is(scene: Scene, state: str) -> None:
    hung_at = time.time() - 1000

    async def behave(connection: server.Connection) -> None:
        told = server.node_report("node-1", 80.0, gpus=2, at=time.time())
        told["gpus"][1].update(sampled_at=hung_at, health={"state": state, "because": ["TIMEOUT"]})
        await connection.answer(written(told))

    await scene.serve("node-1", behave)
    await scene.start()
    await scene.until(lambda: scene.reads() > 5 and scene.node().state == "ok", "several readings")
    sound, silent = scene.node().gpus
    assert (sound.health.state, silent.health.state) == ("ok", state)
    assert (silent.utilization_percent, silent.reasons["utilization_percent"]) == (None, "TOO_OLD")
    cluster = Cluster()
    cluster.add(kubernetes.node("node-1", gpus=2))
    cluster.publish(time.time())
    cluster.state.telemetry = scene.telemetry
    alerts = Monitor(AT_ONCE, 100).evaluate(cluster.state.current, (), time.time()).alerts
    assert [each.type for each in alerts] == ["GpuLost" if state == "lost" else "GpuUnhealthy"]


def exported(gpus: int) -> server.Behaviour:
    lines = (f'DCGM_FI_DEV_GPU_UTIL{{gpu="{gpu}",UUID="GPU-{gpu}"}} 50\n' for gpu in range(gpus))
    return server.sends(b"# dcgm-exporter\n" + "".join(lines).encode())


@pytest.mark.parametrize("told", [0, 3])
@pytest.mark.parametrize("source", ["agent", "dcgm"])
async def test_a_node_with_too_few_reported_gpus_has_a_problem_and_an_alert(
    scene: Scene, tmp_path: Path, source: Source, told: int
) -> None:
    def behaviour(gpus: int) -> server.Behaviour:
        if source == "dcgm":
            return exported(gpus)
        none = server.says(server.node_report("node-1") | {"gpus": []})
        return server.agent("node-1", gpus=gpus) if gpus else none

    telling = await scene.serve("node-1", behaviour(told), source)
    await scene.start()
    await scene.until(lambda: scene.node().state == "ok", "read")
    monitor, cluster = Monitor(AT_ONCE, 100), Cluster()
    cluster.add(kubernetes.node("node-1", gpus=8), kubernetes.pod("train-0", "node-1", gpus=8))
    cluster.publish(time.time())

    def look() -> list[tuple[str, str]]:
        cluster.state.telemetry = scene.telemetry
        cluster.state.alerts_and_events = monitor.evaluate(cluster.state.current, (), time.time())
        return [(each.type, each.message) for each in cluster.state.alerts_and_events.alerts]

    lacking = f"lacks {8 - told} of 8 GPUs"
    assert look() == [("GpusNotReported", f"The telemetry of node-1 {lacking}")]
    async with lens("hub", tmp_path, cluster, Clock()) as api:
        detail = await api.ask("/api/v1/realtime/nodes/node-1?cluster=hub")
        assert detail.data["telemetry"]["problem"] == lacking
        telling.behaviour = behaviour(8)
        await scene.until(lambda: len(scene.node().gpus) == 8, "all of them")
        assert look() == []
        detail = await api.ask("/api/v1/realtime/nodes/node-1?cluster=hub", Cache_Control="no-cache")
        assert detail.data["telemetry"]["problem"] is None
