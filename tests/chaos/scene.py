"""What the faults happen to: a control plane, a gateway before it, and Lenses."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.agents import Agents
from tests.chaos.gateway import HOST, Gateway
from tests.chaos.names import NAME, Names, can_resolve
from tests.chaos.replica import Replica
from tests.e2e.cluster import kubeconfig
from tests.e2e.cluster.api import Api, Manifest
from tests.e2e.cluster.control_plane import ControlPlane
from tests.e2e.cluster.programs.components import Component

MANIFESTS = Path(__file__).parents[2] / "manifests"
RIGHTS = (("-k", "access"), ("-f", "overlays/with-agent/exporters.yaml"))
RBAC = "/apis/rbac.authorization.k8s.io/v1"
BINDING = f"{RBAC}/clusterrolebindings/lens"


@dataclass
class Scene:
    """All of it."""

    control_plane: ControlPlane
    api: Api
    gateway: Gateway
    agents: Agents
    names: Names | None
    folder: Path
    kubeconfig: Path
    token_file: Path
    replicas: tuple[Replica, ...] = ()
    guarded: Replica | None = None
    """A third Lens, which asks the apiserver who may see what. The two others answer everybody."""

    async def blocking(self, act: str, component: Component) -> None:
        """Have the control plane ``kill``, ``start``, ``stop`` or ``restart`` a program."""
        await asyncio.to_thread(getattr(self.control_plane, act), component)

    async def replace(self, otherwise: Mapping[str, str] | None = None) -> None:
        """Replace one Lens after the other, with settings ``otherwise``, as a Deployment does."""
        for replica in self.replicas:
            replica.send(signal.SIGTERM)
            assert await replica.wait() == 0
            replica.start(otherwise)
            await replica.wait_ready()

    def write_kubeconfig(self, ca: str | None = None) -> None:
        """Write the kubeconfig of both Lenses: the gateway's address, and its CA."""
        kubeconfig.write(
            self.kubeconfig,
            self.gateway.url() if self.names is None else self.gateway.url(NAME),
            self.api.access.ca if ca is None else ca,
            token_file=self.token_file,
        )


@asynccontextmanager
async def opened(control_plane: ControlPlane, api: Api, folder: Path) -> AsyncIterator[Scene]:
    """Open a scene on a control plane that is up and populated."""
    await asyncio.to_thread(_apply_rights, control_plane)
    data = control_plane.directory / "data"
    gateway = Gateway(api.access.server, api.access.ca, data / "apiserver.crt", data / "apiserver.key")
    await gateway.open()
    token_file = folder / "lens.token"
    await api.rotate_token("lens", "lens", token_file)
    agents = Agents(api, folder)
    await agents.open()
    names = await Names(folder, HOST).open() if can_resolve() else None
    scene = Scene(control_plane, api, gateway, agents, names, folder, folder / "lens.kubeconfig", token_file)
    scene.write_kubeconfig()
    settings: list[dict[str, str]] = [
        *({"LENS_AUTH": "none", **agents.settings} for _ in range(2)),
        {"LENS_AUTH": "kubernetes", "LENS_ACCESS_STALE_SECONDS": "0"},
    ]
    command = () if names is None else names.command
    everyone = [
        Replica(number, scene.kubeconfig, folder, each, command) for number, each in enumerate(settings)
    ]
    scene.replicas, scene.guarded = tuple(everyone[:2]), everyone[2]
    try:
        for replica in everyone:
            replica.start()
        for replica in everyone:
            await replica.wait_ready()
        yield scene
    finally:
        for replica in everyone:
            await replica.end()
        await agents.close()
        await gateway.close()
        if names is not None:
            names.close()


def _apply_rights(control_plane: ControlPlane) -> None:
    kubectl = control_plane.programs / "kubectl"
    for flag, path in RIGHTS:
        subprocess.run(
            [kubectl, "--kubeconfig", control_plane.kubeconfig, "apply", flag, MANIFESTS / path],
            check=True,
            stdout=subprocess.DEVNULL,
        )


async def binding(api: Api) -> Manifest:
    """Return the binding that gives Lens its rights, as it can be created again."""
    found = await api.get(BINDING)
    found["metadata"] = {
        key: found["metadata"][key] for key in ("name", "labels") if key in found["metadata"]
    }
    return found


def self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a certificate for the gateway that no CA of before signed; return it and its key."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{HOST},DNS:{NAME}"]
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            *subject,
            "-keyout",
            key,
            "-out",
            certificate,
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key
