"""Agents on nodes that somebody owns, and peers that are no Lens: they answer whatever they like."""

import asyncio
import json
import time
from typing import Any

from tests.attack import agents, cluster
from tests.attack.case import Case
from tests.attack.scene import STATUS, TASKS, Scene
from tests.attack.surroundings import Surroundings

LIARS = (2, 3)
"""The nodes whose agents lie."""

MIB = 2**20
LONGEST_REPORT = 2 * MIB
LONGEST_ANSWER = 8 * MIB
MAX_ALERTS = 10_000
LOOK_S = 0.1
LONGEST_INTERVAL = 30.0
"""Seconds; Lens asks a node that failed less often than others."""

PEER = "/api/v1/realtime/running-tasks?cluster=other"


def lie_with_many_reasons(surroundings: Surroundings, kind: str) -> None:
    """Have agents tell lists and texts that fill a report to its bound."""
    surroundings.agents.lies_sent.clear()
    for number in LIARS:
        node = cluster.node_name(number)
        bad = _bad_gpu(node, kind, number)
        more: dict[str, Any] = {}
        if kind == "allocatable":
            more["allocatable"] = {cluster.GPU: [f"GPU-{index:08}-{number}" for index in range(90_000)]}
        surroundings.agents.lies[number] = _report(number, bad, **more)


def _bad_gpu(node: str, kind: str, number: int) -> dict[str, Any]:
    if kind == "reasons":
        because = [f"XID {index}" for index in range(120_000)]
        return agents.gpu(node, 0, health={"state": "critical", "because": because})
    if kind == "long":
        return agents.gpu(node, 0, health={"state": "critical", "because": ["x" * 1_900_000]})
    if kind == "clock_events":
        return agents.gpu(node, 0, clock_events=[f"EVENT_{number}_{index}" for index in range(90_000)])
    return agents.gpu(node, 0)


def lie_of_the_time(surroundings: Surroundings) -> None:
    """Have an agent sample in the year 5138."""
    surroundings.agents.lies_sent.clear()
    number = LIARS[0]
    node = cluster.node_name(number)
    late = agents.gpu(node, 0, sampled_at=1e11)
    surroundings.agents.lies[number] = _report(
        number, late, sampled_at=1e11, started_at=1e11, xids_since=1e11
    )


def tell_the_truth(surroundings: Surroundings) -> None:
    """Have all agents be honest again."""
    surroundings.agents.lies.clear()


def lies_told(surroundings: Surroundings) -> int:
    """Return how many agents have told their lie by now."""
    return len(surroundings.agents.lies_sent)


async def _until_told(scene: Scene, liars: int) -> None:
    """Wait until Lens has read the lies; how often it asks is up to its settings."""
    for _ in range(round(LONGEST_INTERVAL / LOOK_S)):
        if await asyncio.to_thread(scene.surroundings.do, lies_told) >= liars:
            break
        await asyncio.sleep(LOOK_S)


def nest(surroundings: Surroundings, depth: int) -> None:
    """Have the peer answer with a row that is nested so deep."""
    row = f'{{"pod_name": "deep", "namespace": "team", "resources": {"[" * depth}{"]" * depth}}}'
    surroundings.peer_status = 200
    surroundings.peer_body = (
        '{"meta": {"code": 2000, "message": "OK"}, "data": {"cluster": "other", "timestamp": '
        f'"2025-12-19T15:30:00Z", "tasks": [{row}], "total": 1, "continue": null}}}}'
    ).encode()


def _report(number: int, bad: dict[str, Any], **fields: Any) -> bytes:
    node = cluster.node_name(number)
    gpus = [bad, *(agents.gpu(node, index) for index in range(1, cluster.GPUS_PER_NODE))]
    body = json.dumps(agents.report(number, gpus=gpus, **fields), separators=(",", ":")).encode()
    assert len(body) <= LONGEST_REPORT
    return body


class ManyReasons(Case):
    """Reports within the bound of a report, of which every text and list is as long as it can be."""

    name = "agent-reasons"
    row = 6
    who = "a lying agent"
    what = "120,000 XID reasons in 2 MiB, one reason of 1.9 MB, other lists as long; on two nodes"
    seconds = 24.0
    short_seconds = 9.0

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Lie, and let somebody ask for alerts and nodes."""
        longest = alerts = 0
        kinds = ("reasons", "long", "clock_events", "allocatable")
        for kind in kinds:
            await asyncio.to_thread(scene.surroundings.do, lie_with_many_reasons, kind=kind)
            await _until_told(scene, len(LIARS))
            end = time.monotonic() + seconds / len(kinds)
            while time.monotonic() < end:
                for path in (f"{STATUS}&include=alerts&include=nodes", _node_page(LIARS[0])):
                    answer = await scene.get_anew(path)
                    longest = max(longest, len(answer.body))
                    if answer.status == 200 and "alerts" in path:
                        alerts = max(alerts, len(json.loads(answer.body)["data"]["alerts"]))
                await asyncio.sleep(0.5)
        await asyncio.to_thread(scene.surroundings.do, tell_the_truth)
        problems = []
        if longest > LONGEST_ANSWER:
            problems.append(f"an answer of {longest / MIB:.0f} MiB")
        if alerts > MAX_ALERTS:
            problems.append(f"{alerts} alerts")
        return problems


class FarFuture(Case):
    """Times that no calendar has."""

    name = "agent-times"
    row = 15
    who = "a lying agent"
    what = "sampled_at 1e11"
    seconds = 8.0
    short_seconds = 5.0

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Lie, and ask for all that shows a time."""
        await asyncio.to_thread(scene.surroundings.do, lie_of_the_time)
        await _until_told(scene, 1)
        problems: set[str] = set()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for path in (_node_page(LIARS[0]), f"{STATUS}&include=nodes,alerts,events", TASKS, "/metrics"):
                answer = await scene.get_anew(path)
                if answer.status != 200:
                    problems.add(f"{path.partition('?')[0]} answers {answer.status}")
            await asyncio.sleep(0.5)
        await asyncio.to_thread(scene.surroundings.do, tell_the_truth)
        return sorted(problems)


class DeepPeer(Case):
    """Rows that are nested almost too deep to be decoded."""

    name = "deep-peer"
    row = 19
    who = "a peer"
    what = "a row nested 940 to 1,010 deep, asked for as CSV"

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Ask for each depth, as JSON and as CSV."""
        broken: list[int] = []
        for depth in range(940, 1011, 2):
            await asyncio.to_thread(scene.surroundings.do, nest, depth=depth)
            for accept in ("application/json", "text/csv"):
                answer = await scene.get_anew(PEER, accept)
                if answer.status in (0, 500):
                    broken.append(depth)
        return [f"answered 500 at depths {min(broken)} to {max(broken)}"] if broken else []


def _node_page(number: int) -> str:
    return f"/api/v1/realtime/nodes/{cluster.node_name(number)}?cluster={cluster.NAME}"
