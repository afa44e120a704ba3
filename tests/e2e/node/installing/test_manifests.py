"""Every overlay of the manifests is applied as it is and runs, where Pod Security is enforced."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.cluster.control_plane import REPOSITORY
from tests.e2e.node.commands import Commands, eventually
from tests.e2e.node.host import images
from tests.e2e.node.host.gpus import Gpus

OVERLAYS = sorted(
    path.parent for path in (REPOSITORY / "manifests" / "overlays").glob("*/kustomization.yaml")
)
NAMESPACES = ("lens", "lens-agent")
SECRET = "lens-agent-token"


@pytest.fixture
def nothing(commands: Commands, gpus: Gpus) -> Iterator[None]:
    """Have no namespace of Lens', before and after."""
    commands.kubectl("delete", "namespace", "--ignore-not-found", *NAMESPACES)
    yield
    commands.kubectl("delete", "namespace", "--ignore-not-found", *NAMESPACES)


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_an_overlay_is_applied_and_runs_where_pod_security_is_enforced(
    commands: Commands, nothing: None, overlay: Path
) -> None:
    said = commands.kubectl("apply", "--validate=strict", "-k", str(overlay))
    assert "namespace/lens created" in said
    labels = commands.get("namespace", "lens")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for name in NAMESPACES:
        if f"namespace/{name} " in said:
            token = "--from-literal=token=a-token-that-both-of-them-know-and-nobody-else"
            commands.kubectl("-n", name, "create", "secret", "generic", SECRET, token)
    commands.kubectl("-n", "lens", "rollout", "status", "deployment/lens", "--timeout=60s")
    if "daemonset.apps/lens-agent created" in said:
        commands.kubectl("-n", "lens-agent", "rollout", "status", "daemonset/lens-agent", "--timeout=60s")
    commands.kubectl("delete", "-k", str(overlay))
    eventually(
        lambda: not {each["metadata"]["name"] for each in commands.items("namespaces")} & set(NAMESPACES),
        "end of the namespaces",
    )


def test_the_overlays_run_the_image_that_was_built() -> None:
    deployment = yaml.safe_load((REPOSITORY / "manifests" / "base" / "deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == images.LENS
