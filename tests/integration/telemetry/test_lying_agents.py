"""An agent that tells too much costs its own node's figures, and little room and no answer of anybody's."""

import asyncio
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from lens.model.alerts.gpu_rules import MAX_GPU_ALERTS
from lens.model.gpu.node_report import MAX_CAUSES, MAX_GPUS, MAX_HOLDERS
from lens.model.gpu.telemetry_cache import LONGEST_PROBLEM
from lens.model.k8s.bounds import LONGEST_MESSAGE
from lens.model.monitor import Monitor
from lens.telemetry.scrape_client import MAX_BODY_BYTES
from tests.contract.conftest import NOW, Clock
from tests.contract.kubernetes import Cluster, node
from tests.contract.peering import lens
from tests.integration.telemetry import server
from tests.integration.telemetry.scene import Scene
from tests.unit.model.watched import AT_ONCE
from tests.unit.telemetry.reports import Object, gpu, process, report, written

MIB = 2**20
MAX_KEPT = 4 * MIB
"""Bytes that may stay of two lying nodes."""


def sick(*because: str) -> Object:
    return gpu(uuid="GPU-sick", health={"state": "critical", "because": because})


def holders(number: int) -> list[Object]:
    return [
        {"namespace": "n", "pod": f"p{index}", "container": "", "resource": "", "device_id": f"{index}"}
        for index in range(number)
    ]


def claimed(number: int) -> list[Object]:
    return [
        {
            "namespace": "n",
            "pod": f"p{index}",
            "container": "",
            "claim": "",
            "driver": "",
            "pool": "",
            "device": "",
        }
        for index in range(number)
    ]


def all_sick(gpus: int, causes: int) -> list[Object]:
    return [
        gpu(index=each, uuid=f"GPU-sick-{each}", health={"state": "critical", "because": xids(causes)})
        for each in range(gpus)
    ]


def xids(number: int) -> list[str]:
    return [f"XID {200 + index}" for index in range(number)]


TOO_MUCH: dict[str, tuple[Callable[[], Object], str]] = {
    "120,000 XIDs of one GPU": (lambda: report(sick(*xids(120_000))), "of 120000 causes"),
    "XIDs without an end of all GPUs": (lambda: report(*all_sick(MAX_GPUS, 1500)), "of 1500 causes"),
    "causes of 500 characters each": (lambda: report(sick(*["x" * 500] * 3900)), "of 3900 causes"),
    "one cause of 1.9 MB": (lambda: report(sick("x" * 1_900_000)), "answers what can't be"),
    "a reason of 1.9 MB": (lambda: report(gpu(reasons={"xids": "x" * 1_900_000})), "answers what can't be"),
    "a name of 1.9 MB": (lambda: report(gpu(product="x" * 1_900_000)), "answers what can't be"),
    "clock events": (
        lambda: report(gpu(clock_events=["hw_slowdown", *xids(100_000)])),
        "of 100001 clock events",
    ),
    "processes": (
        lambda: report(gpu(processes=[process(each, pod_uid=f"{each}") for each in range(18_000)])),
        "of 18000 processes",
    ),
    "holders": (lambda: report(holders=holders(20_000)), "of 20000 holders"),
    "claimed devices": (lambda: report(claimed=claimed(15_000)), "of 15000 claimed devices"),
    "allocatable devices": (lambda: report(allocatable={"r": xids(120_000)}), ""),
    "GPUs": (
        lambda: report(*[gpu(index=each, uuid=f"{each}") for each in range(3000)]),
        "answers what can't be",
    ),
    "MIG devices": (
        lambda: report(
            gpu(
                instances=[
                    {"uuid": f"{each}", "gpu_instance_id": each, "compute_instance_id": 0}
                    for each in range(9000)
                ]
            )
        ),
        "answers what can't be",
    ),
    "reasons": (
        lambda: report(gpu(reasons={f"{each}": "" for each in range(80_000)})),
        "answers what can't be",
    ),
    "lists that the agent itself has cut": (
        lambda: report(cut=xids(120_000)),
        "has only the first XID 200",
    ),
    "a number of 5,000 digits": (lambda: report(gpu(memory_used_bytes="#")), "answers what can't be"),
    "a version of 5,000 digits": (lambda: report(version="#"), "answers what can't be"),
    "a number beyond all": (lambda: report(gpu(power_watts="^")), "answers what can't be"),
    "a lone surrogate": (lambda: report(gpu(product="\ud800")), "garbage"),
    "depths": (lambda: report(sparkle="@"), "garbage"),
}


def body(lie: Callable[[], Object], name: str) -> bytes:
    """Return a lie as the node ``name`` tells it, with what Python's JSON can't write."""
    raw = written(lie() | {"node": name})
    for mark, text in (b'"#"', b"9" * 5000), (b'"^"', b"1e999"), (b'"@"', b"[" * 100_000 + b"]" * 100_000):
        raw = raw.replace(mark, text)
    return raw


async def until_kept(most: int) -> None:
    """Wait until no more than so many bytes are in use: the servers have some until they have sent them."""
    async with asyncio.timeout(10):
        while True:
            if tracemalloc.get_traced_memory()[0] <= most:
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_an_agent_that_reports_too_much(scene: Scene, tmp_path: Path, name: str) -> None:
    lie, problem = TOO_MUCH[name]
    lies = {node_name: body(lie, node_name) for node_name in ("node-1", "node-2")}
    assert all(len(each) <= MAX_BODY_BYTES["agent"] for each in lies.values())
    for node_name, each in lies.items():
        await scene.serve(node_name, server.sends(each))
    await scene.serve("node-3", server.agent("node-3", 40.0))
    monitor, cluster = Monitor(AT_ONCE, 100), Cluster()
    cluster.add(*(node(each, gpus=8) for each in ("node-1", "node-2", "node-3")))
    cluster.publish(NOW)
    async with lens("hub", tmp_path, cluster, Clock()) as api:
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        await scene.start()
        await scene.until(
            lambda: all(
                problem in (scene.node(each).problem or "") and each in scene.telemetry.nodes for each in lies
            ),
            "named",
        )
        await scene.until(lambda: scene.node("node-3").state == "ok", "the honest one")
        cluster.state.telemetry = scene.telemetry
        cluster.state.alerts_and_events = monitor.evaluate(cluster.state.current, (), NOW)
        await scene.stop()
        await until_kept(before + MAX_KEPT)
        tracemalloc.stop()
        status = await api.ask("/api/v1/realtime/status?cluster=hub&include=alerts&include=events")
        assert len(status.body) < 2 * MAX_GPU_ALERTS * 2 * (LONGEST_MESSAGE + 500)
        alerts = status.data["alerts"]
        assert len(alerts) <= 2 * (MAX_GPU_ALERTS + 1)
        assert all(len(each["message"]) <= LONGEST_MESSAGE for each in alerts)
        for node_name in lies:
            detail = await api.ask(f"/api/v1/realtime/nodes/{node_name}?cluster=hub")
            assert len(detail.body) < MIB
            assert len(detail.data["telemetry"]["problem"] or "") <= LONGEST_PROBLEM
    if problem.startswith("of "):
        assert scene.refusals("cut") >= 2


async def test_who_has_more_alerts_than_are_shown_has_the_gravest_and_one_that_says_how_many_more(
    scene: Scene,
) -> None:
    sick_gpus = all_sick(MAX_GPUS - 1, 2)
    lost = gpu(index=63, uuid="GPU-lost", health={"state": "lost", "because": ["GPU_IS_LOST"]})
    for each in sick_gpus:
        each["health"]["because"] = ["XID 63", "XID 92"]
    await scene.serve("node-1", server.says(report(*sick_gpus, lost)))
    await scene.start()
    await scene.until(lambda: scene.node().state == "ok", "read")
    cluster = Cluster()
    cluster.add(node("node-1", gpus=8))
    cluster.publish(NOW)
    cluster.state.telemetry = scene.telemetry
    alerts = Monitor(AT_ONCE, 100).evaluate(cluster.state.current, (), NOW).alerts
    assert len(alerts) == MAX_GPU_ALERTS + 1
    assert "GpuLost" in {each.type for each in alerts}
    (more,) = (each for each in alerts if each.type == "GpuAlertsOmitted")
    told = 63 * 3 + 1 - MAX_GPU_ALERTS
    assert more.message == f"The GPUs of node-1 have {told} more alerts than the {MAX_GPU_ALERTS} shown"


@pytest.mark.parametrize("sampled_at", [1e11, 0.0, 1000.0])
@pytest.mark.parametrize("gpu_sampled_at", [1e11, 0.0, 1000.0])
@pytest.mark.parametrize("date", ["", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 +1400"])
async def test_no_time_in_a_report_breaks_its_nodes_page(
    scene: Scene, tmp_path: Path, sampled_at: float, gpu_sampled_at: float, date: str
) -> None:
    told = report(gpu(sampled_at=gpu_sampled_at), sampled_at=sampled_at)
    await scene.serve("node-1", server.says(told, **({"Date": date} if date else {})))
    await scene.start()
    await scene.until(lambda: "node-1" in scene.telemetry.nodes, "read")
    cluster = Cluster()
    cluster.add(node("node-1", gpus=8))
    cluster.publish(NOW)
    cluster.state.telemetry = scene.telemetry
    async with lens("hub", tmp_path, cluster, Clock()) as api:
        detail = (await api.ask("/api/v1/realtime/nodes/node-1?cluster=hub")).data
    assert [each["sampled_at"][:2] for each in detail["gpus"]] == ["20"]
    assert detail["telemetry"]["sampled_at"][:2] == "20"
    if (sampled_at, gpu_sampled_at, date) == (1e11, 1000.0, ""):
        assert scene.refusals("past") >= 1


async def test_the_holders_of_an_exporter_without_an_end_are_cut_and_named(scene: Scene) -> None:
    lines = (
        f'DCGM_FI_DEV_GPU_UTIL{{gpu="0",UUID="GPU-a",namespace="n",pod="p{each}",container="c"}} 50\n'
        for each in range(8000)
    )
    await scene.serve("node-1", server.sends("".join(lines).encode()), "dcgm")
    await scene.start()
    await scene.until(lambda: len(scene.node().holders or ()) == MAX_HOLDERS, "cut")
    assert scene.refusals("cut", "dcgm") >= 1
    assert scene.node().problem == f"answers too much; kept are {MAX_HOLDERS} of 8000 holders"


async def test_nodes_that_claim_the_same_gpus_have_a_problem_of_a_few_words(scene: Scene) -> None:
    gpus = [gpu(index=each, uuid=f"GPU-{each}".ljust(500, "x")) for each in range(MAX_GPUS)]
    names = [f"node-{each}".ljust(200, "x") for each in range(20)]
    for name in names:
        await scene.serve(name, server.says(report(*gpus, node=name)))
    await scene.start()
    await scene.until(lambda: all(scene.node(each).problem for each in names), "named")
    assert all(len(scene.node(each).problem or "") <= LONGEST_PROBLEM for each in names)


def test_the_most_causes_are_those_that_an_agent_of_lens_may_tell() -> None:
    assert MAX_CAUSES >= 64 + 4
