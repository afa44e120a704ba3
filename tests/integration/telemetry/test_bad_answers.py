"""Whatever an agent does is counted by reason, named on its node, kept out of the sums, and nobody waits."""

import asyncio
import gzip

import pytest

from lens.telemetry.scrape_client import MAX_BODY_BYTES
from lens.telemetry.scrape_pool import FEW_HANGING
from tests.integration.telemetry import server
from tests.integration.telemetry.scene import DEADLINE_SECONDS, INTERVAL_SECONDS, Scene, target
from tests.unit.telemetry.reports import gpu, report

BAD = {
    "hangs": (server.hang, "timeout", "no whole answer"),
    "drips": (server.drip, "timeout", "no whole answer"),
    "drips its headers": (server.drip_the_head, "timeout", "no whole answer"),
    "has no end": (server.flood, "too_large", "more than"),
    "has no end of chunks": (server.flood_in_chunks, "too_large", "more than"),
    "puts off its answer for ever": (server.put_off, "timeout", "no whole answer"),
    "announces 1 GB": (server.promise_a_gigabyte, "too_large", "more than"),
    "has no end of headers": (server.flood_the_head, "malformed", "HTTP"),
    "hangs up": (server.hang_up, "unreachable", "broken"),
    "speaks SMTP": (server.speak_otherwise, "malformed", "HTTP"),
    "answers HTML": (server.sends(b"<html>It works!</html>"), "not_json", "garbage"),
    "answers nothing": (server.sends(b""), "not_json", "garbage"),
    "answers what is packed": (
        server.sends(gzip.compress(b" " * 2**20), Content_Encoding="gzip"),
        "not_json",
        "",
    ),
    "answers NaN": (server.says(report(gpu(utilization_percent=float("nan")))), "not_json", "garbage"),
    "answers a number for a name": (server.says(report(node=7)), "invalid", "node"),
    "has one uuid twice": (server.says(report(gpu(), gpu(index=1))), "invalid", "one uuid"),
    "tells another node's GPUs": (server.agent("node-2"), "wrong_node", "node-2"),
    "refuses the token": (server.sends(b"", "401 Unauthorized"), "unauthorized", "wrong token"),
    "forbids": (server.sends(b"", "403 Forbidden"), "unauthorized", "wrong token"),
    "fails": (server.sends(b"oops", "500 Internal Server Error"), "status", "HTTP 500"),
    "is elsewhere": (server.sends(b"", "404 Not Found"), "status", "HTTP 404"),
    "has nothing new": (server.sends(b"", "304 Not Modified"), "redirect", "304"),
    "answers without a body": (server.sends(b"", "204 No Content"), "status", "HTTP 204"),
}


@pytest.mark.parametrize("name", BAD)
async def test_an_agent_that(scene: Scene, name: str) -> None:
    behaviour, reason, problem = BAD[name]
    bad = await scene.serve("node-1", behaviour)
    await scene.serve("node-3", server.agent("node-3", 40.0))
    await scene.start()
    await scene.until(lambda: scene.refusals(reason) >= 2, f"refused as {reason}")
    await scene.until(lambda: problem in (scene.node().problem or "") and bool(scene.node().problem), "named")
    await scene.until(lambda: scene.node("node-3").state == "ok", "the other one")
    assert scene.node().state == "unknown"
    assert scene.telemetry.sums.reporting == 1
    assert scene.telemetry.utilization_percent == 40.0
    assert bad.sent_bytes < 4 * MAX_BODY_BYTES["agent"] * len(bad.requests)
    bad.behaviour = server.agent("node-1", 60.0)
    await scene.until(lambda: scene.telemetry.utilization_percent == 50.0, "read again once it is well")
    assert scene.node().problem is None


async def test_an_exporter_that_asks_for_a_password_is_told_from_a_wrong_token(scene: Scene) -> None:
    await scene.serve("node-1", server.sends(b"", "401 Unauthorized", WWW_Authenticate="Basic"), "dcgm")
    await scene.start()
    await scene.until(lambda: scene.refusals("unauthorized", "dcgm") >= 1, "refused")
    await scene.until(lambda: bool(scene.node().problem), "named")
    assert scene.node().problem == "asks for credentials, and exporters are sent none (HTTP 401)"


async def test_nobody_listening_is_named(scene: Scene) -> None:
    async with server.FakeServer(server.hang) as gone:
        scene.targets["node-1"] = target("node-1", gone)
    await scene.start()
    await scene.until(lambda: scene.refusals("refused") >= 2, "refused")
    assert scene.node().problem == "connection refused"


async def test_a_trouble_costs_no_sample_that_is_still_good(scene: Scene) -> None:
    agent = await scene.serve("node-1", server.agent("node-1", 80.0))
    await scene.start()
    await scene.until(lambda: scene.telemetry.utilization_percent == 80.0, "the sample")
    agent.behaviour = server.sends(b"", "401 Unauthorized")
    await scene.until(lambda: scene.node().problem == "wrong token (HTTP 401)", "the problem")
    assert scene.telemetry.utilization_percent == 80.0


async def test_many_that_hang_do_not_make_the_others_old(scene: Scene) -> None:
    for number in range(60):
        await scene.serve(f"hanging-{number}", server.hang)
    good = [await scene.serve(f"node-{number}", server.agent(f"node-{number}")) for number in range(20)]
    await scene.start()
    await scene.until(lambda: scene.telemetry.sums.ok_nodes == 20, "all good ones")

    async def five_more() -> float:
        asked = [len(agent.requests) for agent in good]
        return await scene.until(
            lambda: all(len(agent.requests) >= before + 5 for agent, before in zip(good, asked, strict=True)),
            "five more readings of each",
        )

    async with asyncio.timeout(DEADLINE_SECONDS):
        # A busy machine may make some late.
        while await five_more() > 5 * INTERVAL_SECONDS + 1:
            pass


@pytest.mark.slow
async def test_many_agents_that_go_on_hanging_are_asked_less_often(scene: Scene) -> None:
    hanging = [await scene.serve(f"hanging-{number}", server.hang) for number in range(FEW_HANGING + 4)]
    good = await scene.serve("node-2", server.agent("node-2"))
    await scene.start()
    await scene.until(lambda: len(good.requests) >= 12, "twelve readings of the good one")
    assert all(len(each.requests) <= 6 for each in hanging)


@pytest.mark.slow
async def test_a_few_agents_that_go_on_hanging_are_asked_as_often_as_others(scene: Scene) -> None:
    hanging = await scene.serve("node-1", server.hang)
    for number in range(FEW_HANGING - 1):
        await scene.serve(f"hanging-{number}", server.hang)
    # Those that the cluster has no more are none of them.
    for number in range(FEW_HANGING):
        await scene.serve(f"gone-{number}", server.hang)
    good = await scene.serve("node-2", server.agent("node-2"))
    await scene.start()
    await scene.until(lambda: scene.refusals("timeout") >= 2 * FEW_HANGING, "timeouts of all")
    for number in range(FEW_HANGING):
        del scene.targets[f"gone-{number}"]
    scene.ask()
    await scene.until(lambda: len(hanging.requests) >= 5, "some more")
    asked, others = len(hanging.requests), len(good.requests)
    await scene.until(lambda: len(good.requests) >= others + 10, "ten more readings of the good one")
    assert len(hanging.requests) >= asked + 6
    hanging.behaviour = server.agent("node-1", 80.0)
    await scene.until(lambda: scene.telemetry.sums.ok_nodes == 2, "its sample")


async def test_a_gpu_that_two_nodes_claim_counts_for_neither(scene: Scene) -> None:
    await scene.serve("node-1", server.agent("node-1", 90.0, gpus=2))
    liar = await scene.serve("node-2", server.agent("node-2", 10.0))
    await scene.start()
    await scene.until(lambda: scene.telemetry.sums.reporting == 3, "all three")
    liar.behaviour = server.says(report(gpu(uuid="GPU-node-1-0", utilization_percent=10.0), node="node-2"))
    await scene.until(lambda: scene.telemetry.sums.reporting == 1, "the undisputed one")
    assert [each.uuid for each in scene.node("node-1").gpus] == ["GPU-node-1-1"]
    assert scene.node("node-1").problem == "GPU-node-1-0 is claimed by node-2 too"
    assert scene.node("node-2").problem == "GPU-node-1-0 is claimed by node-1 too"
    await scene.until(lambda: scene.refusals("conflict") >= 2, "counted")


async def test_a_sample_from_the_future_counts_as_taken_now(scene: Scene) -> None:
    future = server.node_report("node-1", at=2e9) | {"sampled_at": 1000.0}
    await scene.serve("node-1", server.says(future, Date="Thu, 01 Jan 1970 00:16:41 GMT"))
    await scene.start()
    await scene.until(
        lambda: scene.refusals("future") >= 1 and scene.telemetry.sums.reporting == 1, "counted"
    )
    sampled_at = scene.node().gpus[0].sampled_at
    await scene.until(lambda: scene.node().gpus[0].sampled_at > sampled_at, "a later one")


async def test_an_exporters_impossible_value_is_null_and_its_others_are_read(scene: Scene) -> None:
    labels = 'gpu="0",UUID="GPU-a",Hostname="node-1"'
    text = f"DCGM_FI_DEV_GPU_UTIL{{{labels}}} NaN\nDCGM_FI_DEV_GPU_TEMP{{{labels}}} 50\n"
    await scene.serve("node-1", server.sends(text.encode()), "dcgm")
    await scene.start()
    await scene.until(lambda: scene.refusals("invalid", "dcgm") >= 1 and bool(scene.node().gpus), "counted")
    (shown,) = scene.node().gpus
    assert (shown.utilization_percent, shown.temperature_celsius) == (None, 50)
    assert scene.telemetry.sums.reporting == 0
