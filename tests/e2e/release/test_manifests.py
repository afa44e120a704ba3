"""manifests/ through kustomize: the same objects as the chart's, and a real apiserver takes them."""

import asyncio
import subprocess
from functools import partial
from typing import Any

import pytest
import yaml

from tests.e2e.cluster.api import Api
from tests.e2e.cluster.given import Cluster
from tests.programs.chart import helm, manifests
from tests.programs.chart.helm import Helm, Object

OVERLAYS = manifests.MANIFESTS / "overlays"

every_overlay = pytest.mark.parametrize("overlay", manifests.VALUES)


@pytest.fixture
def kubectl(cluster: Cluster) -> list[str]:
    """Return the command, as the administrator."""
    program = str(cluster.control_plane.programs / "kubectl") if cluster.control_plane else "kubectl"
    return [program, "--kubeconfig", str(cluster.kubeconfig)]


@pytest.fixture(scope="module")
def chart() -> Helm:
    return helm.build()


def test_there_is_an_overlay_for_each_way_to_know_what_gpus_do() -> None:
    assert {path.name for path in OVERLAYS.iterdir()} == set(manifests.VALUES)


@every_overlay
def test_an_overlay_comes_to_what_the_chart_makes(kubectl: list[str], chart: Helm, overlay: str) -> None:
    done = subprocess.run([*kubectl, "kustomize", OVERLAYS / overlay], capture_output=True, check=True)
    built = [each for each in yaml.safe_load_all(done.stdout) if each["kind"] != "Namespace"]
    assert by_name(built) == by_name(manifests.objects(chart, overlay))


@every_overlay
async def test_the_apiserver_takes_an_overlay_as_it_is(kubectl: list[str], api: Api, overlay: str) -> None:
    for namespace in ("lens", "lens-agent"):
        await api.ensure("/api/v1/namespaces", {"metadata": {"name": namespace}})
    apply = ["apply", "--dry-run=server", "--validate=strict", "--kustomize", str(OVERLAYS / overlay)]
    command = partial(subprocess.run, [*kubectl, *apply], capture_output=True, text=True, check=False)
    done = await asyncio.to_thread(command)
    assert done.returncode == 0, done.stderr
    assert "deployment.apps/lens" in done.stdout


def by_name(objects: list[Object]) -> dict[tuple[str, str], Any]:
    """Return the objects by kind and name. A patch leaves lists that are merged by name in another order."""
    return {(each["kind"], each["metadata"]["name"]): _sorted(each) for each in objects}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [_sorted(item) for item in value]
        named = all(isinstance(item, dict) and "name" in item for item in items)
        return sorted(items, key=lambda item: str(item["name"])) if named else items
    return value
