"""What ``lens demo`` runs: a simulated cluster, Lens on it, and agents on its nodes."""

import asyncio
import contextlib
import hashlib
import signal
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

import aiohttp
import typer
import yaml

from lens import app, logs
from lens.api.server import Server
from lens.cli.demo import DemoSettings
from lens.cli.failure import fail
from lens.cli.naming import by_origin
from lens.cli.process import configure_operator
from lens.config.errors import SettingsError
from lens.config.reading import PREFIX
from lens.config.serve import ServeSettings, load
from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.cluster.fleet import Fleet
from lens_sim.cluster.workloads import AGENT
from lens_sim.node.agents import Agents, Provisions, UnavailableError
from lens_sim.objects.store import Store

INTRODUCTION = """\
Lens on a SIMULATED cluster: {nodes} nodes of 8 GPUs, seed {seed}. No GPU and no pod here is real.

  {pools}

  Lens                 {lens}
  simulated apiserver  {apiserver}
  token for all        {token}

Look at it in a browser:

  {lens}/#token={token}

What are the GPUs doing?

  curl -X GET "{lens}/api/v1/realtime/status?cluster={cluster}" \\
    -H "Authorization: Bearer {token}"

Who holds them?

  curl -X GET "{lens}/api/v1/realtime/running-tasks?cluster={cluster}" \\
    -H "Authorization: Bearer {token}"

And one team's, the nodes one by one with what is wrong and what has happened, the names of the clusters:

  curl -X GET "{lens}/api/v1/realtime/running-tasks?cluster={cluster}&namespace=ml-team" \\
    -H "Authorization: Bearer {token}"
  curl -X GET "{lens}/api/v1/realtime/status?cluster={cluster}&include=nodes&include=alerts&include=events" \\
    -H "Authorization: Bearer {token}"
  curl -X GET "{lens}/api/v1/clusters" \\
    -H "Authorization: Bearer {token}"

Count it again from the simulated cluster's own objects:

  kubectl --kubeconfig {kubeconfig} get pods -A
  kubectl --kubeconfig {kubeconfig} get resourceclaims -A
  curl "{apiserver}/api/v1/pods" -H "Authorization: Bearer {token}"
  curl "{apiserver}/apis/resource.k8s.io/v1/resourceclaims" -H "Authorization: Bearer {token}"

Ctrl+C ends it.
"""
"""The text that the demo prints, with commands to paste."""


AGENTS = """\
Agents on {agents} of the nodes tell what their GPUs do. One of them by itself, and as Prometheus reads it:

  curl "{agent}/v1/devices" -H "Authorization: Bearer {token}"
  curl "{agent}/metrics" -H "Authorization: Bearer {token}"
"""
"""The text that it prints once agents report."""

_ENDING = {signal.SIGTERM, signal.SIGHUP}
"""The signals that end a demo besides Ctrl+C: a terminal that is closed sends SIGHUP."""

WITHOUT_AGENTS = "There are no agents, so no utilization: {reason}"


def run(demo: DemoSettings) -> None:
    """Run the demo until it is stopped; exit 2 with one line if it can't be started."""
    # Until Lens listens for it: whatever the demo has made ends with it.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    with tempfile.TemporaryDirectory(prefix="lens-demo-") as path:
        folder = Path(path)
        provisions, without = None, ""
        try:
            provisions = Provisions(folder, demo.token, min(demo.agents, demo.nodes)) if demo.agents else None
        except UnavailableError as error:
            without = str(error)
        tokens = folder / "tokens.yaml"
        entry = {"name": "demo", "sha256": hashlib.sha256(demo.token.encode()).hexdigest()}
        tokens.write_text(yaml.safe_dump({"tokens": [entry]}))
        flags = {
            "cluster": demo.cluster,
            "listen": f"127.0.0.1:{demo.port}",
            "tokens_file": tokens,
            "kubeconfig": folder / "kubeconfig",
            "alert_for_seconds": 5,
            "alert_clear_seconds": 10,
            "alert_idle_seconds": 120,
            "alert_pending_seconds": 120,
            "alert_not_ready_seconds": 15,
            "alert_cordoned_seconds": 60,
            "alert_agent_seconds": 10,
            "log_level": demo.log_level,
            "log_format": "text",
        }
        try:
            settings = load(flags | _telemetry(provisions), environ={})
            logs.configure(settings.log_level, settings.log_format)
            store = Store(demo.seed)
            agents_on = provisions.count if provisions else 0
            fleet = Fleet(store, _now(), demo.nodes, demo.seed, agents_on, mixed=True)
            apiserver = SimApiServer(store, demo.token, demo.kube_port)
            apiserver.serve("v1")
            configure_operator()
            asyncio.run(_Demo(settings, fleet, apiserver, demo.seed, provisions, without).run())
        except SettingsError as error:
            message = str(error).replace(f"{PREFIX}LISTEN", "--port")
            fail(by_origin(message, PREFIX, ServeSettings, flags, {}))
        except OSError as error:
            where = f"--kube-port: can't listen on 127.0.0.1:{demo.kube_port}: " if demo.kube_port else ""
            fail(where + (error.strerror or str(error)))


def _telemetry(provisions: Provisions | None) -> dict[str, object]:
    """Return the settings by which Lens finds the agents."""
    if provisions is None:
        return {}
    return {
        "telemetry": "agent",
        "telemetry_namespace": AGENT.namespace,
        "telemetry_selector": f"app.kubernetes.io/name={AGENT.name}",
        "telemetry_daemonset": AGENT.name,
        "telemetry_port": provisions.port,
        "telemetry_token_file": provisions.token_file,
        "telemetry_interval_seconds": 5,
    }


@dataclass(frozen=True)
class _Demo:
    """What there is of it: a fleet, its apiserver, Lens' settings, and what agents need, or why none."""

    settings: ServeSettings
    fleet: Fleet
    apiserver: SimApiServer
    seed: int
    provisions: Provisions | None
    without: str

    async def run(self) -> None:
        """Run all of it until Lens has ended, and then end all of it."""
        await self.apiserver.start()
        kubeconfig = self.settings.kubeconfig
        assert kubeconfig is not None
        await asyncio.to_thread(kubeconfig.write_text, _kubeconfig(self.apiserver.port, self.apiserver.token))
        tasks = [asyncio.create_task(self.fleet.run(_now))]
        try:
            await app.serve(self.settings, lambda server: tasks.append(self._begin(server)))
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                # Lens may have been stopped before it was introduced.
                with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError):
                    await task
            await self.apiserver.stop()

    def _begin(self, server: Server) -> asyncio.Task[None]:
        """Let signals through that Lens takes from now on, and introduce the demo."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        return asyncio.create_task(self._attend(server))

    async def _attend(self, server: Server) -> None:
        """Introduce the demo once Lens has counted, and then run the agents."""
        token = self.apiserver.token
        await _counted(server, self.settings.cluster, token)
        typer.echo(
            INTRODUCTION.format(
                cluster=self.settings.cluster,
                nodes=len(self.fleet.nodes),
                seed=self.seed,
                pools=_pools(self.fleet),
                lens=server.url,
                apiserver=self.apiserver.url,
                token=token,
                kubeconfig=self.settings.kubeconfig,
            )
        )
        if self.provisions is None:
            if self.without:
                typer.echo(WITHOUT_AGENTS.format(reason=self.without))
            return
        agents = Agents(self.fleet, self.provisions, self.seed, _now, typer.echo)
        running = AGENTS.format(agents=self.provisions.count, agent=agents.agents[0].url, token=token)
        await agents.run(lambda: typer.echo(running))


def _pools(fleet: Fleet) -> str:
    """Return how many nodes have what, in words."""
    counted = Counter(node.pool.has for node in fleet.nodes)
    return ", ".join(f"{count} with {what}" for what, count in counted.items())


def _now() -> datetime:
    return datetime.now(UTC)


async def _counted(server: Server, cluster: str, token: str) -> None:
    """Wait until Lens has counted, so that pasted commands are answered.

    It isn't ready yet: it waits for the agents, which start after this.
    """
    url = f"{server.url}/api/v1/realtime/status?{urlencode({'cluster': cluster})}"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        while True:
            async with session.get(url) as response:
                if response.ok:
                    return
            await asyncio.sleep(0.05)


def _kubeconfig(port: int, token: str) -> str:
    """Write a kubeconfig for the simulated apiserver.

    The URL has it too: kubectl sends a user's token over TLS only, but a URL's credentials over HTTP as well.
    """
    server = f"http://lens:{quote(token, safe='')}@127.0.0.1:{port}"
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "simulated", "cluster": {"server": server}}],
            "users": [{"name": "lens", "user": {"token": token}}],
            "contexts": [{"name": "simulated", "context": {"cluster": "simulated", "user": "lens"}}],
            "current-context": "simulated",
        }
    )
