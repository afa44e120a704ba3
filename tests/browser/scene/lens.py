"""The whole operator in a process of its own, before a simulated cluster."""

import urllib.parse
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.browser.scene import manifests
from tests.browser.scene.cluster import Cluster
from tests.e2e.cluster import ports
from tests.integration.operator import LISTENING, Command, environment, get, wait_for

CLUSTER = "prod-cluster"
REALTIME = "/api/v1/realtime"


class Lens:
    """`lens serve` in mode ``kubernetes``, on a port that it comes back on when it is started again."""

    def __init__(self, cluster: Cluster, folder: Path, **settings: str) -> None:
        """Take what is set besides; nothing is started yet."""
        self.port = ports.free(1)[0]
        self._log = folder / "lens.log"
        token = folder / "agents.token"
        token.write_text("token-of-agents")
        telemetry = {
            "telemetry": "agent",
            "telemetry_namespace": manifests.AGENTS_NAMESPACE,
            "telemetry_daemonset": manifests.AGENT,
            "telemetry_port": str(cluster.port),
            "telemetry_token_file": str(token),
            "telemetry_interval_seconds": "1",
            "telemetry_timeout_seconds": "0.9",
        }
        given = {
            "cluster": CLUSTER,
            "listen": f"127.0.0.1:{self.port}",
            "auth": "kubernetes",
            "kubeconfig": str(cluster.kubeconfig(folder)),
            "alert_for_seconds": "0",
            "alert_clear_seconds": "0",
            "alert_not_ready_seconds": "0",
            "alert_pending_seconds": "60",
            "alert_cordoned_seconds": "0",
        }
        self._environment = environment(**given | (telemetry if cluster.agents else {}) | settings)
        self._command: Command

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """Return its base address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Return what it has logged since it was last started."""
        return self._log.read_text()

    def start(self) -> None:
        """Start it, and wait until it has counted."""
        self._command = Command(["serve"], self._log, self._environment, forked=True)
        self._command.wait_for_match(LISTENING)
        wait_for(lambda: get(f"{self.url}/readyz")[0] == 200, "readiness")

    def kill(self) -> None:
        """End it without a farewell, as a node that dies does."""
        self._command.process.kill()
        self._command.process.wait()

    def end(self) -> None:
        """End it as a rollout does."""
        assert self._command.end() == 0, self.log

    def ask(self, path: str, token: str, **parameters: str) -> Any:
        """Return the data of an answer below ``/api/v1/realtime``, made now."""
        query = urllib.parse.urlencode({"cluster": CLUSTER, **parameters})
        code, answer = get(f"{self.url}{REALTIME}/{path}?{query}", token)
        assert code == 200, answer
        return answer["data"]

    def status(self, token: str, include: str = "") -> Any:
        """Return the figures of now."""
        return self.ask("status", token, **({"include": include} if include else {}))
