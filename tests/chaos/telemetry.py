"""What Lenses show of the agents' GPUs, held against what the agents said."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.chaos.agents import INTERVAL_S, Agent, Said
from tests.chaos.clients import TIMEOUT, Asked
from tests.chaos.replica import Replica
from tests.e2e.cluster.waiting import wait_until
from tests.e2e.lens import CLUSTER

EVERY_S = 0.25
LAG_S = 6.0
"""The seconds that a sample may take from the agent to Lens, and its age from Lens to its figures."""

MAX_AGE_S = {"ok": 2 * INTERVAL_S + LAG_S, "stale": 4 * INTERVAL_S + LAG_S, "unknown": 0.0}
UTILIZED_PERCENT = 50
SETTLED_WITHIN_S = 60.0


@dataclass(frozen=True)
class Shown:
    """What a Lens, asked at an epoch second, shows of a node: each GPU's index, utilization and memory."""

    replica: int
    sent: float
    node: str
    state: str
    gpus: tuple[tuple[int, float | None, int | None], ...]


class Watcher:
    """Asks each Lens for the agents' nodes, one after the other, all the time."""

    def __init__(self, replicas: Sequence[Asked], agents: Sequence[Agent]) -> None:
        """Take whom to ask, and about whom."""
        self._replicas = replicas
        self._agents = agents
        self._tasks: list[asyncio.Task[None]] = []
        self.shown: list[Shown] = []

    def start(self) -> None:
        """Begin."""
        self._tasks = [asyncio.create_task(self._watch(each)) for each in self._replicas]

    async def stop(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self, replica: Asked) -> None:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            while True:
                for agent in self._agents:
                    sent = time.time()
                    try:
                        data = await _detail(session, replica.url, agent.node)
                    except (aiohttp.ClientError, TimeoutError, OSError):
                        # It is the others who count failures.
                        data = None
                    if data is not None and data["telemetry"] is not None:
                        self.shown.append(_shown(replica.number, sent, agent.node, data))
                    await asyncio.sleep(EVERY_S)


async def _detail(session: aiohttp.ClientSession, url: str, node: str) -> dict[str, Any] | None:
    async with session.get(
        f"{url}/api/v1/realtime/nodes/{node}",
        params={"cluster": CLUSTER},
        headers={"Cache-Control": "no-cache"},
    ) as response:
        if response.status != 200:
            return None
        data: dict[str, Any] = (await response.json())["data"]
        return data


def _shown(replica: int, sent: float, node: str, data: dict[str, Any]) -> Shown:
    gpus = tuple(
        (each["index"], each["utilization"], each["memory_used_bytes"])
        for each in data["gpus"]
        if each["source"] == "agent"
    )
    return Shown(replica, sent, node, data["telemetry"]["state"], gpus)


def wrong_samples(shown: Iterable[Shown], agents: Iterable[Agent]) -> Iterator[str]:
    """Find values that no honest agent said of that GPU, and ones that are older than their state says."""
    by_node = {agent.node: agent for agent in agents}
    for each in shown:
        agent = by_node[each.node]
        who = f"replica {each.replica}, asked at {each.sent:.2f}: {each.node}, {each.state}"
        for index, utilization, memory in each.gpus:
            if index >= agent.gpus or (utilization is None and memory is None):
                continue
            if utilization is None or memory is None:
                yield f"{who}: GPU {index} has {utilization} % and {memory} bytes"
                continue
            said = Said.of(memory, each.sent)
            if (said.agent, said.gpu) != (agent.number, index) or said.utilization_percent != utilization:
                yield f"{who}: GPU {index} has {utilization} % and {memory} bytes, which its agent never said"
            elif each.sent - said.second > MAX_AGE_S[each.state]:
                yield f"{who}: GPU {index} has values of {each.sent - said.second:.1f} s before"


async def settle(replica: Replica, agents: Sequence[Agent]) -> float:
    """Wait until a Lens shows what the agents say, who say the same all the time; return the seconds.

    Raise AssertionError that says what it shows.
    """
    problems: list[str] = []

    async def right() -> bool:
        problems[:] = await _problems(replica, agents)
        return not problems

    try:
        return await wait_until(right, "right telemetry", SETTLED_WITHIN_S)
    except TimeoutError:
        text = "; ".join(problems[:5])
        raise AssertionError(f"replica {replica.number}: telemetry isn't right: {text}") from None


async def _problems(replica: Replica, agents: Sequence[Agent]) -> list[str]:
    found = []
    status = await replica.lens.status()
    expected = _expected(agents, status["current_gpu_usage"]["total_gpus"])
    if status["telemetry"] != expected:
        found.append(f"status has {status['telemetry']}, not {expected}")
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        for agent in agents:
            data = await _detail(session, replica.url, agent.node)
            if data is None or data["telemetry"] is None:
                found.append(f"{agent.node} has no telemetry")
                continue
            shown = [
                {
                    "utilization_percent": each["utilization"],
                    "memory_used_bytes": each["memory_used_bytes"],
                    "health": {"state": each["health"], "because": each["health_because"]},
                }
                for each in data["gpus"]
            ]
            said = [{name: each[name] for name in shown[0]} for each in agent.says()["gpus"]] if shown else []
            if shown != said or not shown or data["telemetry"]["problem"] is not None:
                found.append(f"{agent.node}: {data['telemetry']}, {shown[:1]} and not {said[:1]}")
    return found


def _expected(agents: Sequence[Agent], total_gpus: int) -> dict[str, Any]:
    percents = [each["utilization_percent"] for agent in agents for each in agent.says()["gpus"]]
    return {
        "coverage": round(len(percents) / total_gpus, 3),
        "utilized_gpus": sum(percent > UTILIZED_PERCENT for percent in percents),
        "utilization_rate": round(sum(round(each * 100) for each in percents) / 100 / len(percents), 1),
        "nodes": {"ok": len(agents), "stale": 0, "unknown": 0},
    }
