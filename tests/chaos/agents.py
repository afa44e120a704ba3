"""The agents of some nodes: pods of a real DaemonSet, at whose addresses the test itself answers.

What an honest agent says of a GPU tells by itself of which node, which second and which GPU it is, so an
answer of Lens' can be held against it alone.
"""

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import NamedTuple

from tests.chaos.churn import GPU
from tests.e2e.cluster import kubeconfig, ports
from tests.e2e.cluster.api import Api, ApiError, Manifest
from tests.e2e.cluster.waiting import wait_until
from tests.integration.telemetry.server import Behaviour, Connection, FakeServer
from tests.unit.telemetry.reports import Object, gpu, report, written

NAMESPACE = "lens-agent"
NAME = "lens-agent"
LABELS = {"app.kubernetes.io/name": NAME}
NODE_LABEL = "lens-agent"
COUNT = 8
INTERVAL_S = 2
"""How often Lens reads each agent. Its samples are stale after two intervals, and unknown after four."""

PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
SOON_S = 3600
_SECOND, _AGENT = 2**6, 2**33


class Said(NamedTuple):
    """What an honest agent says of a GPU: which agent, at which epoch second, of which GPU."""

    agent: int
    second: int
    gpu: int

    @property
    def memory_used_bytes(self) -> int:
        """The memory in use, which has all three in it."""
        return self.agent * _AGENT + self.second * _SECOND % _AGENT + self.gpu

    @property
    def utilization_percent(self) -> float:
        """The utilization: another one each second."""
        return (self.agent * 7919 + self.second * 611 + self.gpu * 347) % 1001 / 10

    @classmethod
    def of(cls, memory_used_bytes: int, now: float) -> "Said":
        """Read it out of the memory in use, which was said in the years before ``now``, or soon after it."""
        agent, rest = divmod(memory_used_bytes, _AGENT)
        second, index = divmod(rest, _SECOND)
        latest, years = int(now) + SOON_S, _AGENT // _SECOND
        return cls(agent, latest - (latest - second) % years, index)


@dataclass
class Agent:
    """The agent of a node."""

    number: int
    node: str
    gpus: int
    host: str = ""
    server: FakeServer | None = None
    moves: int = 0
    held: int | None = None
    """The second whose values it says from now on, so that all can be compared."""

    def says(self) -> Object:
        """Return its report, whose samples are of this second."""
        sampled_at = int(time.time())
        second = sampled_at if self.held is None else self.held
        each = []
        for index in range(self.gpus):
            said = Said(self.number, second, index)
            each.append(
                gpu(
                    index=index,
                    uuid=f"GPU-{self.node}-{index}",
                    sampled_at=float(sampled_at),
                    product=None,
                    utilization_percent=said.utilization_percent,
                    memory_used_bytes=said.memory_used_bytes,
                    health=self.health(second, index),
                )
            )
        return report(*each, node=self.node, sampled_at=float(sampled_at))

    def health(self, second: int, index: int) -> Object:
        """Return the health of a GPU: now and then there is something to say of it."""
        bad = (self.number + second // 8) % self.gpus == index
        return {"state": "warning", "because": ["XID 94"]} if bad else {"state": "ok", "because": []}


class Agents:
    """All of them. ``token`` is what they ask Lens for, ``token_file`` what Lens has."""

    def __init__(self, api: Api, folder: Path) -> None:
        """Take the administrator's client, and a folder for the token."""
        self._api = api
        self.token = secrets.token_hex(16)
        self.token_file = folder / "agents.token"
        self.port = ports.free(1)[0]
        self.all: list[Agent] = []

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of a Lens that reads them."""
        return {
            "LENS_TELEMETRY": "agent",
            "LENS_TELEMETRY_NAMESPACE": NAMESPACE,
            "LENS_TELEMETRY_SELECTOR": ",".join(f"{name}={value}" for name, value in LABELS.items()),
            "LENS_TELEMETRY_DAEMONSET": NAME,
            "LENS_TELEMETRY_PORT": str(self.port),
            "LENS_TELEMETRY_TOKEN_FILE": str(self.token_file.resolve()),
            "LENS_TELEMETRY_INTERVAL_SECONDS": str(INTERVAL_S),
            "LENS_TELEMETRY_TIMEOUT_SECONDS": "1.5",
        }

    async def open(self) -> None:
        """Have a pod on each of some nodes, and an honest server at its address."""
        self.write_token()
        capacities = {
            each["metadata"]["name"]: int(each["status"]["capacity"].get(GPU, 0))
            for each in await self._api.nodes()
        }
        names = sorted(name for name, gpus in capacities.items() if gpus)[:COUNT]
        self.all = [Agent(number, name, capacities[name]) for number, name in enumerate(names)]
        await self._api.ensure("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        for name in capacities:
            # An earlier run may have left agents on others.
            label = "true" if name in names else None
            await self._api.patch(f"/api/v1/nodes/{name}", {"metadata": {"labels": {NODE_LABEL: label}}})
        await self._api.ensure(f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets", _daemonset())
        for each in self.all:
            await self.move(each)

    async def close(self) -> None:
        """End the servers."""
        for each in self.all:
            await self.silence(each)

    def write_token(self) -> None:
        """Give Lens the agents' token."""
        kubeconfig.write_private(self.token_file, self.token)

    def hold(self) -> None:
        """Have all say the values of this second from now on, as often as they are asked."""
        for each in self.all:
            each.held = int(time.time())

    def go_on(self) -> None:
        """Have all say new values each second again."""
        for each in self.all:
            each.held = None

    async def silence(self, agent: Agent) -> None:
        """Have nobody listen at an agent's address."""
        if agent.server is not None:
            await agent.server.__aexit__()
            agent.server = None

    async def listen(self, agent: Agent) -> None:
        """Answer at an agent's address, honestly."""
        server = FakeServer(self.honest(agent), host=agent.host, port=self.port)
        agent.server = await server.__aenter__()

    async def move(self, agent: Agent) -> None:
        """Answer at a new address, and have the agent's pod tell it."""
        await self.silence(agent)
        agent.moves += 1
        agent.host = f"127.77.{agent.number}.{agent.moves % 250 + 1}"
        await self.listen(agent)
        await self.write_address(agent)

    async def replace(self, agent: Agent) -> None:
        """Have the DaemonSet make another pod in place of an agent's, at another address."""
        before = await self._pod(agent)
        if before is not None:
            await self._api.delete_pod(NAMESPACE, before["metadata"]["name"], grace_seconds=0)
        await self.move(agent)

    async def write_address(self, agent: Agent) -> None:
        """Write an agent's address into its pod, as a kubelet does."""
        host = agent.host

        async def is_written() -> bool:
            pod = await self._pod(agent)
            if pod is None or pod["status"].get("phase") != "Running":
                return False
            if pod["status"].get("podIP") != host:
                status = {"podIP": host, "podIPs": [{"ip": host}]}
                path = f"{PODS}/{pod['metadata']['name']}/status"
                try:
                    await self._api.patch(path, {"status": status})
                except ApiError as error:
                    # It has been replaced meanwhile.
                    if error.reason not in ("NotFound", "Conflict"):
                        raise
                return False
            return True

        await wait_until(is_written, f"pod of the agent of {agent.node}", 60)

    def swap(self, one: Agent, other: Agent) -> None:
        """Give two agents each other's addresses; their pods tell the ones of before."""
        one.host, other.host = other.host, one.host
        one.server, other.server = other.server, one.server
        for agent in (one, other):
            if agent.server is not None:
                agent.server.behaviour = self.honest(agent)

    async def change_port(self) -> None:
        """Have all listen on another port, which is a setting of Lens'."""
        self.port = ports.free(1)[0]
        for each in self.all:
            await self.silence(each)
            await self.listen(each)

    @asynccontextmanager
    async def behaving(self, behaviours: dict[int, Behaviour]) -> AsyncIterator[None]:
        """Have some agents do something else than answering honestly while the block lasts."""
        servers = {number: self.all[number].server for number in behaviours}
        for number, server in servers.items():
            if server is not None:
                server.behaviour = behaviours[number]
        try:
            yield
        finally:
            for number, server in servers.items():
                if server is not None:
                    server.behaviour = self.honest(self.all[number])

    def honest(self, agent: Agent) -> Behaviour:
        """Return what an honest agent does."""
        return self.telling(agent.says)

    def telling(self, says: Callable[[], Object]) -> Behaviour:
        """Return what an agent does that says something to those who bear the token."""

        async def behave(connection: Connection) -> None:
            date = formatdate(usegmt=True)
            if connection.request.headers.get("authorization") == f"Bearer {self.token}":
                await connection.answer(written(says()), Date=date)
            else:
                await connection.answer(b"{}", "401 Unauthorized", Date=date)

        return behave

    async def _pod(self, agent: Agent) -> Manifest | None:
        """Return the agent's pod, None while there is none."""
        pods = await self._api.list_all(PODS, field_selector=f"spec.nodeName={agent.node}")
        return next((pod for pod in pods if "deletionTimestamp" not in pod["metadata"]), None)


def _daemonset() -> Manifest:
    return {
        "metadata": {"name": NAME, "labels": LABELS},
        "spec": {
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {
                    "nodeSelector": {NODE_LABEL: "true"},
                    "tolerations": [{"operator": "Exists"}],
                    "containers": [{"name": "agent", "image": "none"}],
                },
            },
        },
    }
