"""``lens demo``: the whole operator on a simulated cluster, to try it out without one."""

import asyncio
import hashlib
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import aiohttp
import typer
import yaml

from lens import app, config, logs
from lens.api.server import Server
from lens.cli.failure import fail
from lens.config import ServeSettings, SettingsError
from lens.sim.apiserver import SimApiServer
from lens.sim.fleet import Fleet
from lens.sim.store import Store

INTRODUCTION = """\
Lens on a SIMULATED cluster: {nodes} nodes of 8 GPUs, seed {seed}. No GPU and no pod here is real.

  Lens                 {lens}
  simulated apiserver  {apiserver}
  token for both       {token}

What are the GPUs doing?

  curl -X GET "{lens}/api/v1/realtime/status?cluster={cluster}" \\
    -H "Authorization: Bearer {token}"

Who holds them?

  curl -X GET "{lens}/api/v1/realtime/running-tasks?cluster={cluster}" \\
    -H "Authorization: Bearer {token}"

And one team's, the nodes one by one, the names of the clusters:

  curl -X GET "{lens}/api/v1/realtime/running-tasks?cluster={cluster}&namespace=ml-team" \\
    -H "Authorization: Bearer {token}"
  curl -X GET "{lens}/api/v1/realtime/status?cluster={cluster}&include=nodes" \\
    -H "Authorization: Bearer {token}"
  curl -X GET "{lens}/api/v1/clusters" \\
    -H "Authorization: Bearer {token}"

Count it again from the simulated cluster's own objects:

  kubectl --kubeconfig {kubeconfig} get pods -A
  curl "{apiserver}/api/v1/pods" -H "Authorization: Bearer {token}"

Ctrl+C ends it.
"""
"""What the demo prints, ready to paste."""


def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where Lens answers, on 127.0.0.1.")] = 8080,
    cluster: Annotated[str, typer.Option(help="The cluster's name.")] = "prod-cluster",
    token: Annotated[
        str, typer.Option(help="The token that both Lens and the apiserver take.")
    ] = "demo-token",
    nodes: Annotated[int, typer.Option(min=1, max=5000, help="How many nodes, of 8 GPUs each.")] = 10,
    seed: Annotated[int, typer.Option(help="What happens in the simulated cluster follows from it.")] = 1,
    kube_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where the simulated apiserver answers; 0 for any.")
    ] = 0,
    log_level: Annotated[str, typer.Option(help="The least severe level that is logged.")] = "warning",
) -> None:
    """Run Lens on a simulated cluster whose jobs come and go and whose nodes fail now and then."""
    with tempfile.TemporaryDirectory(prefix="lens-demo-") as folder:
        tokens = Path(folder) / "tokens.yaml"
        entry = {"name": "demo", "sha256": hashlib.sha256(token.encode()).hexdigest()}
        kubeconfig = Path(folder) / "kubeconfig"
        tokens.write_text(yaml.safe_dump({"tokens": [entry]}))
        try:
            settings = config.load(
                {
                    "cluster": cluster,
                    "listen": f"127.0.0.1:{port}",
                    "tokens_file": tokens,
                    "kubeconfig": kubeconfig,
                    "log_level": log_level,
                    "log_format": "text",
                },
                environ={},
            )
            logs.configure(settings.log_level, settings.log_format)
            asyncio.run(_run(settings, kubeconfig, token, nodes, seed, kube_port))
        except SettingsError as error:
            fail(str(error))
        except OSError as error:
            fail(error.strerror or str(error))


async def _run(
    settings: ServeSettings, kubeconfig: Path, token: str, nodes: int, seed: int, kube_port: int
) -> None:
    store = Store(seed)
    fleet = Fleet(store, datetime.now(UTC), nodes, seed)
    apiserver = SimApiServer(store, token, kube_port)
    await apiserver.start()
    await asyncio.to_thread(kubeconfig.write_text, _kubeconfig(apiserver.port, token))
    living = asyncio.create_task(fleet.run(lambda: datetime.now(UTC)))

    async def introduce(server: Server) -> None:
        await _ready(server)
        typer.echo(
            INTRODUCTION.format(
                cluster=settings.cluster,
                nodes=nodes,
                seed=seed,
                lens=server.url,
                apiserver=apiserver.url,
                token=token,
                kubeconfig=kubeconfig,
            )
        )

    introductions: set[asyncio.Task[None]] = set()
    try:
        await app.serve(settings, lambda server: introductions.add(asyncio.create_task(introduce(server))))
    finally:
        for task in (living, *introductions):
            task.cancel()
        await apiserver.stop()


async def _ready(server: Server) -> None:
    """Wait until Lens has counted, so that what is pasted is answered."""
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{server.url}/readyz") as response:
                if response.ok:
                    return
            await asyncio.sleep(0.05)


def _kubeconfig(port: int, token: str) -> str:
    """Write the way to the simulated apiserver.

    It stands in the URL too: kubectl sends a user's token over TLS only, but what a URL names anywhere.
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
