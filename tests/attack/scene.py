"""Where an attack takes place: Lens within its bounds, what stands around it, and how to ask it."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lens_sim.node.nvml import library
from lens_sim.node.nvml.scenario import Gpu, Scenario
from lens_sim.node.podresources import PodResourcesServer
from tests.attack import cluster, wire
from tests.attack.case import Case
from tests.attack.memory_limit import MemoryLimit
from tests.attack.subject import Subject
from tests.attack.surroundings_process import SurroundingsProcess
from tests.bench.process import answers
from tests.e2e.cluster import ports
from tests.kubeconfig import write_kubeconfig

OPERATOR_MIB = 384
AGENT_MIB = 192
"""The chart's limits (values.yaml)."""

READY_S = 60.0
LENS = (sys.executable, "-m", "lens")
OWN_TOKEN = "the-operators-own-token"
AGENT_TOKEN = "the-agents-token"

STATUS = f"/api/v1/realtime/status?cluster={cluster.NAME}"
TASKS = f"/api/v1/realtime/running-tasks?cluster={cluster.NAME}"
PENDING = f"/api/v1/realtime/pending-tasks?cluster={cluster.NAME}"
STREAM = f"/api/v1/realtime/stream?cluster={cluster.NAME}"
OWN_TASKS = f"{TASKS}&namespace={cluster.TENANT_NAMESPACE}"

_USUAL = (
    *(STATUS, f"{STATUS}&include=nodes,alerts,events", TASKS, PENDING, OWN_TASKS, f"{TASKS}&limit=10"),
    *("/api/v1/clusters", "/api/v1/realtime/summary", "/docs", "/openapi.json", "/metrics"),
)
_LIST_TOOLS = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()


class StartError(Exception):
    """Lens doesn't become ready."""


class Scene:
    """Lens, and what can be done to it and around it."""

    def __init__(
        self,
        case: Case,
        folder: Path,
        surroundings: SurroundingsProcess,
        limit: MemoryLimit,
        stack: contextlib.ExitStack,
    ) -> None:
        """Take an attack's wishes; nothing of Lens runs yet."""
        self.case = case
        self.folder = folder
        self.surroundings = surroundings
        self.port = ports.free(1)[0]
        self.lens: Sequence[str] = LENS
        """The command that is Lens."""

        self._limit = limit
        self._stack = stack
        self._log: int | None = None
        self.subject: Subject

    @property
    def limit_kind(self) -> str:
        """Return how memory is bound."""
        return self._limit.kind

    @property
    def honest_requests(self) -> list[str]:
        """Return what the others ask, one request for each of them."""
        if self.case.kind == "agent":
            return [wire.request("/v1/devices", AGENT_TOKEN).decode()] * 8
        if self.case.kind == "mcp":
            return [self.mcp_request().decode()] * 4
        return [wire.request(STATUS, token).decode() for token in cluster.HONEST]

    def mcp_request(self) -> bytes:
        """Return a request for the tools that there are."""
        return wire.mcp_request(self.port, _LIST_TOOLS)

    async def warm_up(self) -> None:
        """Ask once for everything that there is, so that what it takes isn't taken for the attack's."""
        if self.case.kind == "operator":
            for path in _USUAL:
                for fields in ({}, {"Accept-Encoding": "gzip"}, {"Accept": "text/csv"}):
                    written = wire.request(path, cluster.HONEST[0], fields)
                    await wire.ask(self.port, written, "127.0.0.4")

    async def get(self, path: str, token: str | None = None) -> wire.Answer:
        """Ask Lens, from the attacker's address."""
        return await wire.ask(self.port, wire.request(path, token))

    async def get_anew(self, path: str, accept: str = "*/*") -> wire.Answer:
        """Ask Lens for an answer that is made now, as somebody who may see everything."""
        fields = {"Accept": accept, "Cache-Control": "no-cache"}
        return await wire.ask(self.port, wire.request(path, cluster.NEWCOMERS[0], fields))

    def start(self) -> None:
        """Start the subject. Raise StartError."""
        {"operator": self._start_operator, "agent": self._start_agent, "mcp": self._start_mcp}[
            self.case.kind
        ]()

    def log_to(self, reading: int, writing: int) -> None:
        """Have the subject log into a pipe, both of whose ends stay open here."""
        self._log = writing
        self._stack.callback(os.close, reading)
        self._stack.callback(os.close, writing)

    def operator_environment(self, **settings: str) -> dict[str, str]:
        """Return the environment of an operator as the chart would run it."""
        kubeconfig, token, peers = (self.folder / name for name in ("kubeconfig", "agents-token", "peers"))
        # As some have it, the password stands in the URL.
        server = f"http://lens:{OWN_TOKEN}@127.0.0.1:{self.surroundings.apiserver_port}"
        write_kubeconfig(kubeconfig, server, {"token": OWN_TOKEN})
        token.write_text(AGENT_TOKEN)
        peer = {
            "name": "other",
            "url": f"http://127.0.0.1:{self.surroundings.peer_port}",
            "token_file": str(token),
        }
        peers.write_text(json.dumps({"peers": [peer]}))
        interval = ("2", "1.5") if self.case.nodes < 200 else ("15", "4")
        usual = {
            "cluster": cluster.NAME,
            "listen": f"127.0.0.1:{self.port}",
            "auth": "kubernetes",
            "kubeconfig": str(kubeconfig),
            "peers": str(peers),
            "telemetry": "agent",
            "telemetry_namespace": cluster.AGENTS_NAMESPACE,
            "telemetry_selector": f"{cluster.AGENTS_LABEL}={cluster.DAEMON_SET}",
            "telemetry_daemonset": cluster.DAEMON_SET,
            "telemetry_port": str(self.surroundings.agents_port),
            "telemetry_token_file": str(token),
            "telemetry_interval_seconds": interval[0],
            "telemetry_timeout_seconds": interval[1],
            "alert_for_seconds": "1",
        }
        return _environment({f"LENS_{name.upper()}": value for name, value in {**usual, **settings}.items()})

    def run(self, args: list[str], env: Mapping[str, str]) -> None:
        """Start a process of Lens within the bounds, as the subject."""
        command, log = [*self.lens, *args], self.folder / "log"
        self.subject = self._stack.enter_context(
            Subject(command, env, log, self._limit, files=self.case.files, stderr=self._log)
        )

    def wait_until(self, url: str) -> None:
        """Wait until the subject answers a GET with 200. Raise StartError."""
        if not self.subject.until(answers(f"http://127.0.0.1:{self.port}{url}"), READY_S):
            raise StartError(f"not ready: {self.subject.end()}")

    def _start_operator(self) -> None:
        self.run(["serve"], self.operator_environment(**self.case.settings))
        self.wait_until("/readyz")

    def _start_agent(self) -> None:
        scenario, socket, token = (
            self.folder / name for name in ("scenario", "kubelet.sock", "agents-token")
        )
        token.write_text(AGENT_TOKEN)
        gpus = [Gpu(uuid=f"GPU-{minor}", minor=minor, utilization=50, memory=2**30) for minor in range(8)]
        Scenario(gpus, start=time.time(), latency=False).write(scenario)
        kubelet = PodResourcesServer(socket)
        kubelet.start()
        self._stack.callback(kubelet.stop)
        settings = {
            "node": cluster.node_name(1),
            "listen": f"127.0.0.1:{self.port}",
            "token_file": str(token),
            "podresources_socket": str(socket),
        }
        own = {f"LENS_AGENT_{name.upper()}": value for name, value in settings.items()}
        self.run(["agent"], _environment({**own, **library.environment(library.build(), scenario)}))
        self.wait_until("/healthz")

    def _start_mcp(self) -> None:
        args = [
            "--url",
            f"http://127.0.0.1:{self.surroundings.peer_port}",
            "--mcp-listen",
            f"127.0.0.1:{self.port}",
        ]
        self.run(["mcp", *args], _environment({}))
        if not self.subject.until(lambda: "listening" in self.subject.text, READY_S):
            raise StartError(f"not ready: {self.subject.end()}")


@contextlib.contextmanager
def staged(case: Case, folder: Path) -> Iterator[Scene]:
    """Give a scene on which nothing of Lens runs yet; all of it ends with the block."""
    mib = AGENT_MIB if case.kind == "agent" else OPERATOR_MIB
    with contextlib.ExitStack() as stack:
        limit = stack.enter_context(MemoryLimit(mib))
        surroundings = stack.enter_context(SurroundingsProcess(case.nodes, OWN_TOKEN))
        yield Scene(case, folder, surroundings, limit, stack)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LENS_")}
    return {**kept, **settings}
