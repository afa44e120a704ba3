"""What a test plays on."""

import asyncio
import contextlib
import http.client
import json
import logging
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from lens import logs
from lens.__main__ import main
from lens.agent import process, settings
from lens.agent.sampler import FORGET_SECONDS
from lens.agent.server import Server
from lens.model.gpu.node_report import Gpu, Report
from lens_sim.node.nvml import library
from lens_sim.node.nvml.scenario import Gpu as SimGpu
from lens_sim.node.nvml.scenario import Scenario
from lens_sim.node.podresources import PodResourcesServer
from tests.integration.operator import Command

PATIENCE = 60.0
INTERVAL = 0.2
NODE_NAME = "gpu-node-1"


@dataclass(frozen=True)
class Answer:
    """What the agent said."""

    status: int
    headers: dict[str, str]
    body: bytes


def serve(forget_seconds: float) -> None:
    """Run an agent that forgets after another time than `lens agent` does."""
    chosen = settings.load({}, os.environ)
    logs.configure(chosen.log_level, chosen.log_format)
    listening = logging.getLogger("lens.cli").info

    def told(server: Server) -> None:
        listening("listening", extra={"address": server.address})

    asyncio.run(process.serve(chosen, told, forget_seconds))


class Agent:
    """A running agent."""

    def __init__(self, command: Command, log: Path, tls: ssl.SSLContext | None) -> None:
        """Take a process, and how to speak to it."""
        self.process = command.process
        self.log = log
        self.tls = tls
        self.port = 0

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return what the agent has logged under a name."""
        entries = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [entry for entry in entries if entry["event"] == name]

    def until_logged(self, name: str, number: int = 1, **fields: str) -> list[dict[str, Any]]:
        """Wait for so many entries under a name with these fields; return all. A queue writes the log."""

        def found() -> list[dict[str, Any]]:
            return [entry for entry in self.events(name) if fields.items() <= entry.items()]

        wait(lambda: len(found()) >= number)
        return found()

    def listens(self) -> bool:
        """Tell whether the agent listens, and note where."""
        for entry in self.events("listening"):
            self.port = int(entry["address"].rpartition(":")[2])
        return self.port != 0

    def ask(self, path: str, token: str | None = None, method: str = "GET") -> Answer:
        """Send one request."""
        connection: http.client.HTTPConnection
        if self.tls is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        else:
            connection = http.client.HTTPSConnection("localhost", self.port, timeout=10, context=self.tls)
        with contextlib.closing(connection):
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers), response.read())

    def report(self, token: str | None = None) -> Report:
        """Return the present report, as strictly as the operator reads it."""
        answer = self.ask("/v1/devices", token)
        assert answer.status == 200, answer
        return msgspec.json.decode(answer.body, type=Report)

    def until(self, condition: Callable[[Report], bool], patience: float = PATIENCE) -> Report:
        """Wait until a report meets a condition; return it."""
        deadline = time.monotonic() + patience
        while True:
            report = self.report()
            if condition(report):
                return report
            assert time.monotonic() < deadline, f"not within {patience} s: {report}"
            time.sleep(0.05)

    def sampled(self, after: float | None = None) -> Report:
        """Wait for a round that began after a moment of the node's clock, now unless given."""
        moment = time.time() if after is None else after
        return self.until(
            lambda report: bool(report.gpus) and all(gpu.sampled_at > moment for gpu in report.gpus)
        )

    def gpu(self, condition: Callable[[Gpu], bool], index: int = 0) -> Gpu:
        """Wait until one GPU meets a condition; return it."""
        report = self.until(lambda each: len(each.gpus) > index and condition(each.gpus[index]))
        return report.gpus[index]

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used (proc_pid_stat(5))."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def health(self) -> tuple[int, dict[str, Any]]:
        """Return what the liveness probe sees."""
        answer = self.ask("/healthz")
        return answer.status, json.loads(answer.body)

    def until_health(self, status: int, reason: str | None = None) -> None:
        """Wait until the liveness probe sees this."""
        wanted = (status, {"status": "ok"} if reason is None else {"status": "failed", "reason": reason})
        wait(lambda: self.health() == wanted)

    def stop(self) -> int:
        """End it as a kubelet does; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def wait(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until a condition is met."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"not within {patience} s"
        time.sleep(0.05)


class Node:
    """A node: GPUs by a scenario, a kubelet's socket, agents."""

    def __init__(self, nvml: Path, folder: Path) -> None:
        """Take the simulated library's folder and a folder to work in."""
        self.nvml = nvml
        self.folder = folder
        self.scenario_file = folder / "scenario"
        self.socket = folder / "kubelet.sock"
        self.started_at = time.time()
        self._agents: list[Agent] = []
        self._kubelets: list[PodResourcesServer] = []

    @property
    def now(self) -> float:
        """Return the time in the scenario's seconds."""
        return time.time() - self.started_at

    def play(self, *gpus: SimGpu, **given: Any) -> Scenario:
        """Give the node these GPUs, at once and in place of those that it had."""
        scenario = Scenario(list(gpus), start=self.started_at, **{"latency": False, **given})
        scenario.write(self.scenario_file)
        return scenario

    def kubelet(self) -> PodResourcesServer:
        """Start a kubelet."""
        server = PodResourcesServer(self.socket)
        server.start()
        self._kubelets.append(server)
        return server

    def environment(self, *, library_found: bool = True) -> dict[str, str]:
        """Return the agent's environment, without anybody's settings from outside."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LENS_")}
        return kept | dict(library.environment(self.nvml, self.scenario_file)) if library_found else kept

    def run(
        self,
        *,
        library_found: bool = True,
        tls: ssl.SSLContext | None = None,
        fresh: bool = False,
        forget_seconds: float = FORGET_SECONDS,
        **settings: object,
    ) -> Agent:
        """Start an agent, ``fresh`` as a container does from nothing, with settings beside the usual ones."""
        usual: dict[str, object] = {
            "node": NODE_NAME,
            "listen": "127.0.0.1:0",
            "interval_seconds": INTERVAL,
            "podresources_socket": self.socket,
        }
        environment = self.environment(library_found=library_found)
        for name, value in {**usual, **settings}.items():
            environment[f"LENS_AGENT_{name}".upper()] = str(value)
        log = self.folder / f"agent-{len(self._agents)}.log"
        command = Command(
            ["agent"],
            log,
            environment,
            forked=not fresh,
            run=main if forget_seconds == FORGET_SECONDS else partial(serve, forget_seconds),
        )
        agent = Agent(command, log, tls)
        self._agents.append(agent)
        wait(lambda: agent.process.poll() is not None or agent.listens())
        assert agent.process.poll() is None, log.read_text()
        return agent

    def refused(self, **settings: object) -> str:
        """Start an agent that can't be started; return what it says."""
        environment = self.environment() | {
            f"LENS_AGENT_{name}".upper(): str(value) for name, value in settings.items()
        }
        with Command(["agent"], self.folder / "refused.log", environment, forked=True) as refused:
            assert refused.process.wait(timeout=60) == 2, refused.text
            return refused.text

    def stop(self) -> None:
        """End all that runs."""
        for agent in self._agents:
            agent.stop()
        for kubelet in self._kubelets:
            kubelet.stop()


@contextlib.contextmanager
def elapsed(limit: float) -> Iterator[None]:
    """Hold what is done within against a limit in seconds."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < limit
