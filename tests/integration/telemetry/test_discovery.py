"""No pod but the DaemonSet's own is ever asked or sent the token, whatever it copies from them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from lens.model.gpu.telemetry import Source
from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.objects.resources import DAEMON_SETS, NODES, PODS, Object
from lens_sim.objects.store import Store
from tests.e2e.cluster import ports
from tests.integration.operator import DEADLINE_S, Command, environment, get
from tests.integration.telemetry import server
from tests.integration.telemetry.server import FakeServer
from tests.integration.watch.objects import NOW, node
from tests.kubeconfig import write_kubeconfig

KUBE_TOKEN = "token-of-the-operator"
AGENT_TOKEN = "token-of-the-agents"
NAMESPACE = "lens"
DAEMON_SET = "lens-agent"
LABELS = {"app.kubernetes.io/name": "lens-agent"}
SETTLE_READINGS = 3


class Cluster:
    """A simulated cluster, `lens serve` on it, and a server for each pod that could be asked."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self.store = Store()
        self.apiserver = SimApiServer(self.store, KUBE_TOKEN)
        self.folder = folder
        self.url = ""
        (self._port,) = ports.free(1)
        self._servers = 0
        self._stack = stack

    def daemon_set(self) -> str:
        """Make the agents' DaemonSet; return its uid."""
        template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "agent"}]}}
        spec = {"selector": {"matchLabels": LABELS}, "template": template}
        metadata = {"name": DAEMON_SET, "namespace": NAMESPACE}
        made = self.store.put(DAEMON_SETS, {"metadata": metadata, "spec": spec, "status": {}}, NOW)
        return str(made["metadata"]["uid"])

    async def pod(self, name: str, on: str, owner: str | None, percent: float = 80.0) -> FakeServer:
        """Make a running pod with the agents' labels, which answers as an agent does."""
        self._servers += 1
        host = f"127.2.0.{self._servers}"
        listening = await self._stack.enter_async_context(
            FakeServer(server.agent(on, percent), host=host, port=self._port)
        )
        metadata: Object = {"name": name, "namespace": NAMESPACE, "labels": LABELS}
        if owner is not None:
            metadata["ownerReferences"] = [
                {
                    "apiVersion": "apps/v1",
                    "kind": "DaemonSet",
                    "name": DAEMON_SET,
                    "uid": owner,
                    "controller": True,
                }
            ]
        manifest = {
            "metadata": metadata,
            "spec": {"nodeName": on, "containers": [{"name": "agent"}]},
            "status": {"phase": "Running", "podIP": host},
        }
        self.store.put(PODS, manifest, NOW)
        return listening

    async def serve(self, telemetry: Source = "agent") -> None:
        """Start the operator, which takes its pods for agents or for exporters."""
        await self.apiserver.start()
        self._stack.push_async_callback(self.apiserver.stop)
        token_file, kubeconfig = self.folder / "token", self.folder / "kubeconfig"
        token_file.write_text(AGENT_TOKEN)
        write_kubeconfig(kubeconfig, self.apiserver.url, {"token": KUBE_TOKEN})
        (port,) = ports.free(1)
        self.url = f"http://127.0.0.1:{port}"
        env = environment(
            cluster="sim",
            listen=f"127.0.0.1:{port}",
            auth="none",
            kubeconfig=str(kubeconfig),
            telemetry=telemetry,
            telemetry_namespace=NAMESPACE,
            telemetry_daemonset=DAEMON_SET,
            telemetry_port=str(self._port),
            **({"telemetry_token_file": str(token_file)} if telemetry == "agent" else {}),
            telemetry_selector=",".join(f"{name}={value}" for name, value in LABELS.items()),
            telemetry_interval_seconds="1",
            telemetry_timeout_seconds="0.8",
        )
        self._stack.enter_context(Command(["serve"], self.folder / "log", env, forked=True))

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds; the servers go on answering meanwhile."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"{what}\n{(self.folder / 'log').read_text()}"
            await asyncio.sleep(0.02)

    async def until_status(
        self, condition: Callable[[Any], bool], what: str, path: str = "/api/v1/realtime/status?cluster=sim"
    ) -> None:
        """Wait until the operator's status, or another answer, meets a condition."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            status, answer = await asyncio.to_thread(get, f"{self.url}{path}")
            if status == 200 and condition(answer["data"]):
                return
            assert time.monotonic() < deadline, f"{what}: {answer}\n{(self.folder / 'log').read_text()}"
            await asyncio.sleep(0.05)

    async def until_read_again(self, agent: FakeServer) -> None:
        """Wait until an agent was asked a few times more."""
        asked = len(agent.requests)
        await self.until(lambda: len(agent.requests) >= asked + SETTLE_READINGS, "further readings")


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """Give a cluster of three nodes; all that it has started ends with the test."""
    async with AsyncExitStack() as stack:
        cluster = Cluster(stack, tmp_path)
        for number in range(1, 4):
            cluster.store.put(NODES, node(f"node-{number}", gpus=1), NOW)
        yield cluster


def tokens(agent: FakeServer) -> set[str | None]:
    """Return what a server was sent as authorization."""
    return {request.headers.get("authorization") for request in agent.requests}


async def test_a_pod_that_copies_the_agents_labels_or_forges_their_owner_never_gets_the_token(
    cluster: Cluster,
) -> None:
    uid = cluster.daemon_set()
    # By name it comes before the agent on the same node, of several pods the one that would be asked.
    beside = await cluster.pod("a-copy", "node-1", None, percent=1.0)
    alone = await cluster.pod("copy", "node-2", None, percent=1.0)
    forged = await cluster.pod("forged", "node-3", "00000000-0000-4000-8000-000000000000", percent=1.0)
    agent = await cluster.pod("lens-agent-1", "node-1", uid)
    await cluster.serve()
    await cluster.until_status(
        lambda data: data["current_gpu_usage"]["utilization_rate"] == 80.0, "the agent's figure"
    )
    late = await cluster.pod("late-copy", "node-2", None, percent=1.0)
    await cluster.until_read_again(agent)
    assert tokens(agent) == {f"Bearer {AGENT_TOKEN}"}
    assert [each.connections for each in (beside, alone, forged, late)] == [0, 0, 0, 0]


@pytest.mark.slow
async def test_the_pods_of_a_daemonset_made_anew_are_asked_and_those_it_left_behind_no_more(
    cluster: Cluster,
) -> None:
    uid = cluster.daemon_set()
    first = await cluster.pod("lens-agent-1", "node-1", uid)
    orphan = await cluster.pod("lens-agent-2", "node-2", uid)
    await cluster.serve()
    await cluster.until(lambda: bool(first.requests and orphan.requests), "both agents asked")
    # `kubectl delete --cascade=orphan` leaves pods, and whoever had made one would be believed for ever.
    cluster.store.delete(DAEMON_SETS, f"{NAMESPACE}/{DAEMON_SET}")
    cluster.store.delete(PODS, f"{NAMESPACE}/lens-agent-1")
    anew = cluster.daemon_set()
    assert anew != uid
    second = await cluster.pod("lens-agent-1", "node-1", anew, percent=30.0)
    await cluster.until_read_again(second)
    asked = len(first.requests), len(orphan.requests)
    await cluster.until_read_again(second)
    assert (len(first.requests), len(orphan.requests)) == asked
    assert tokens(second) == {f"Bearer {AGENT_TOKEN}"}
    await cluster.until_status(
        lambda data: data["current_gpu_usage"]["utilization_rate"] == 30.0, "the new agent's figure alone"
    )
    await cluster.until_status(
        lambda data: data["telemetry"]["nodes"] == {"ok": 1, "stale": 0, "unknown": 1}, "an unknown node"
    )
    cluster.store.delete(NODES, "node-2")
    await cluster.until_status(
        lambda data: data["telemetry"]["nodes"] == {"ok": 1, "stale": 0, "unknown": 0}, "its being forgotten"
    )
