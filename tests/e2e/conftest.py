"""One cluster with a fleet, and one Lens on it, for all end-to-end tests."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import fleet, given, scheduler
from tests.e2e.cluster.api import Api
from tests.e2e.cluster.given import Cluster
from tests.e2e.lens import Lens

NODES = 200
PODS = 2000
ACCESS = Path(__file__).parents[2] / "manifests" / "access"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Return the cluster, populated and at rest."""
    opened = given.open_cluster()
    try:
        asyncio.run(_populate(opened))
        yield opened
    finally:
        opened.close()


async def _populate(cluster: Cluster) -> None:
    async with Api.from_kubeconfig(cluster.kubeconfig) as api:
        print(f"\n  {NODES} nodes and {PODS} pods", end="", flush=True)
        await fleet.populate(api, nodes=NODES, pods=PODS)
        seconds = await scheduler.wait_until_quiet(api, deadline_s=300)
        print(f", at rest {seconds:.0f} s after the last was created", end="", flush=True)


@pytest.fixture
async def api(cluster: Cluster) -> AsyncIterator[Api]:
    """Return the administrator's client."""
    async with Api.from_kubeconfig(cluster.kubeconfig) as client:
        yield client


@pytest.fixture(scope="session")
def service_account(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the kubeconfig of a ServiceAccount that may do what manifests/access says."""
    kubectl = cluster.control_plane.programs / "kubectl" if cluster.control_plane else "kubectl"
    subprocess.run([kubectl, "--kubeconfig", cluster.kubeconfig, "apply", "-k", ACCESS], check=True)

    async def kubeconfig() -> Path:
        async with Api.from_kubeconfig(cluster.kubeconfig) as client:
            folder = tmp_path_factory.mktemp("service-account")
            return await client.service_account_kubeconfig("lens", "lens", folder)

    return asyncio.run(kubeconfig())


@pytest.fixture(scope="session")
def lens(service_account: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lens]:
    """Return a Lens that is ready."""
    running = Lens.start(service_account, tmp_path_factory.mktemp("lens") / "log")
    try:
        seconds = asyncio.run(running.wait_ready())
        print(f"\n  Lens ready {seconds:.2f} s after it listened", end="")
        yield running
    finally:
        status = running.stop()
        print(f"\n  Lens ended with {status}")
        assert status == 0
