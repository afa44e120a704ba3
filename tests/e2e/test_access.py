"""Who may ask, as a real apiserver's RBAC says, and as kubectl says that it says."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from tests.e2e.cluster import kubeconfig
from tests.e2e.cluster.api import Api, Manifest
from tests.e2e.cluster.given import Cluster
from tests.e2e.lens import CLUSTER, Lens

RBAC = "/apis/rbac.authorization.k8s.io/v1"
WHOLE = None


class Guarded(NamedTuple):
    """A Lens that asks its cluster who may, and kubectl."""

    lens: Lens
    kubectl: str
    api: Api
    folder: Path

    async def caller(self, name: str) -> Path:
        """Return the kubeconfig of a new ServiceAccount."""
        accounts = "/api/v1/namespaces/default/serviceaccounts"
        await self.api.ensure(accounts, {"metadata": {"name": name}})
        return await self.api.service_account_kubeconfig("default", name, self.folder)

    async def statuses(self, caller: Path, *namespaces: str | None) -> list[int]:
        """Return how Lens answers for the tasks of each namespace, or for the whole cluster."""
        token = kubeconfig.read(caller).token
        found = []
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            for namespace in namespaces:
                params = {"cluster": CLUSTER} | ({"namespace": namespace} if namespace else {})
                path = "running-tasks" if namespace else "status"
                async with session.get(f"{self.lens.url}/api/v1/realtime/{path}", params=params) as response:
                    found.append(response.status)
        return found

    async def sees_capacity(self, caller: Path, *namespaces: str | None) -> list[int]:
        """Return how Lens answers for the figures, in requests with each namespace or with none."""
        headers = {"Lens-Authorization": f"Bearer {kubeconfig.read(caller).token}"}
        found = []
        async with aiohttp.ClientSession(headers=headers) as session:
            for namespace in namespaces:
                params = {"cluster": CLUSTER} | ({"namespace": namespace} if namespace else {})
                async with session.get(f"{self.lens.url}/api/v1/realtime/nodes", params=params) as response:
                    found.append(response.status)
        return found

    def can_i(self, caller: Path, namespace: str | None, resource: str = "realtime.lens") -> bool:
        """Return what ``kubectl auth can-i`` says."""
        where = ["-n", namespace] if namespace else ["-A"]
        done = subprocess.run(
            [self.kubectl, "--kubeconfig", str(caller), "auth", "can-i", "get", resource, *where],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.split()[0] in ("yes", "no"), done.stderr
        return done.stdout.split()[0] == "yes"


@pytest.fixture(scope="module")
def running(service_account: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lens]:
    """Return a Lens in mode ``kubernetes``."""
    log = tmp_path_factory.mktemp("guarded") / "log"
    lens = Lens.start(service_account, log, {"LENS_AUTH": "kubernetes"})
    yield lens
    assert lens.stop() == 0


@pytest.fixture
async def guarded(running: Lens, cluster: Cluster, api: Api, tmp_path: Path) -> Guarded:
    await running.wait_ready()
    kubectl = str(cluster.control_plane.programs / "kubectl") if cluster.control_plane else "kubectl"
    return Guarded(running, kubectl, api, tmp_path)


def binding(name: str, role: str) -> Manifest:
    return {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
    }


async def test_a_stranger_to_lens_is_forbidden_and_no_token_at_all_is_refused(guarded: Guarded) -> None:
    caller = await guarded.caller("stranger")
    assert await guarded.statuses(caller, WHOLE, "default") == [403, 403]
    assert not guarded.can_i(caller, WHOLE)
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer e30.e30.e30"}) as session:
        url = f"{guarded.lens.url}/api/v1/realtime/status"
        async with session.get(url, params={"cluster": CLUSTER}) as response:
            assert response.status == 401


async def test_the_cluster_role_gives_everything_and_kubectl_agrees(guarded: Guarded) -> None:
    await guarded.api.ensure(f"{RBAC}/clusterrolebindings", binding("viewer", "lens-viewer"))
    caller = await guarded.caller("viewer")
    assert await guarded.statuses(caller, WHOLE, "default") == [200, 200]
    assert guarded.can_i(caller, WHOLE)
    assert guarded.can_i(caller, "default")


async def test_a_role_binding_gives_its_namespace_and_kubectl_agrees(guarded: Guarded) -> None:
    await guarded.api.ensure(f"{RBAC}/namespaces/default/rolebindings", binding("team", "lens-viewer"))
    caller = await guarded.caller("team")
    assert await guarded.statuses(caller, "default", "kube-system", WHOLE) == [200, 403, 403]
    assert guarded.can_i(caller, "default")
    assert not guarded.can_i(caller, "kube-system")
    assert not guarded.can_i(caller, WHOLE)


async def test_who_may_list_a_namespaces_pods_gets_its_tasks(guarded: Guarded) -> None:
    await guarded.api.ensure(f"{RBAC}/namespaces/default/rolebindings", binding("dev", "view"))
    caller = await guarded.caller("dev")
    assert await guarded.statuses(caller, "default", "kube-system", WHOLE) == [200, 403, 403]


async def test_the_role_of_capacity_shows_what_is_free_and_kubectl_agrees(guarded: Guarded) -> None:
    await guarded.api.ensure(f"{RBAC}/clusterrolebindings", binding("free", "lens-capacity-viewer"))
    caller = await guarded.caller("free")
    assert await guarded.sees_capacity(caller, WHOLE, "default") == [200, 200]
    assert await guarded.statuses(caller, WHOLE, "default") == [200, 403]
    assert guarded.can_i(caller, WHOLE, "capacity.lens")
    assert not guarded.can_i(caller, WHOLE)


async def test_a_role_binding_of_capacity_is_for_requests_with_its_namespace(guarded: Guarded) -> None:
    role = binding("free-here", "lens-capacity-viewer")
    await guarded.api.ensure(f"{RBAC}/namespaces/default/rolebindings", role)
    caller = await guarded.caller("free-here")
    assert await guarded.sees_capacity(caller, "default", "kube-system", WHOLE) == [200, 403, 403]
    assert guarded.can_i(caller, "default", "capacity.lens")
    assert not guarded.can_i(caller, "kube-system", "capacity.lens")
