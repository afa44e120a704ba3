"""What the chart comes to, with each values file of its own, is what a real apiserver takes strictly."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.cluster.control_plane import REPOSITORY
from tests.e2e.cluster.programs import binaries
from tests.e2e.node.commands import Commands
from tests.e2e.node.host.gpus import Gpus
from tests.e2e.node.release import CHART

CI = sorted((REPOSITORY / CHART / "ci").glob("*.yaml"))
OVERLAYS = sorted(
    path.parent for path in (REPOSITORY / "manifests" / "overlays").glob("*/kustomization.yaml")
)
NAMESPACES = ("lens", "lens-agent")

# Kinds that come with Prometheus Operator and the Gateway API.
CUSTOM = {
    "monitoring.coreos.com/v1": ("ServiceMonitor", "PodMonitor", "PrometheusRule"),
    "gateway.networking.k8s.io/v1": ("HTTPRoute",),
}


@pytest.fixture(scope="module")
def namespaces(commands: Commands, gpus: Gpus) -> Iterator[None]:
    """Have the namespaces that objects go to."""
    for name in NAMESPACES:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        commands.apply(namespace)
    yield
    commands.kubectl("delete", "namespace", *NAMESPACES)


@pytest.mark.parametrize("helm", [3, 4])
@pytest.mark.parametrize("values", CI, ids=lambda path: path.stem)
def test_the_apiserver_takes_every_object_strictly(
    commands: Commands, namespaces: None, values: Path, helm: int
) -> None:
    kubernetes = binaries.CONTROL_PLANE.version("k8s.io/kubernetes")
    apis = [f"--api-versions={api}" for api in CUSTOM]
    chart = str(REPOSITORY / CHART)
    flags = ("--namespace=lens", f"--values={values}", f"--kube-version={kubernetes}", *apis)
    text = commands.helm("template", "lens", chart, *flags, version=helm)
    objects = [each for each in yaml.safe_load_all(text) if each]
    # Of kinds that this cluster hasn't there is nothing to validate against.
    known = [each for each in objects if each["kind"] not in CUSTOM.get(each["apiVersion"], ())]
    assert known
    everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": known})
    said = commands.kubectl(
        "apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=everything
    )
    assert len(said.splitlines()) == len(known)
