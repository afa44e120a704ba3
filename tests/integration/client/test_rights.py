"""With rights in one namespace the commands show that namespace, and say which right the rest takes."""

import json
from pathlib import Path

import pytest

from lens_sim.apiserver.reviews import Account, Right
from tests.integration.client.conftest import Operator
from tests.integration.client.scene import Scene, fails, run

TOKEN_OF_ONE = "token-of-joe"


@pytest.fixture
def joe(scene: Scene, kubeconfig: Path, lens: Operator) -> tuple[str, str]:
    """Let joe see one namespace, and return it and how he is known to Lens."""
    document = json.loads(run("tasks", "-A", "--kubeconfig", kubeconfig, "-o", "json").stdout)
    namespace = document["tasks"][0]["namespace"]
    scene.accounts.by_token[TOKEN_OF_ONE] = Account("joe")
    scene.accounts.rights["joe"] = {Right("get", "lens", "realtime", namespace)}
    return namespace, lens.url


def test_one_namespace_is_shown(joe: tuple[str, str], kubeconfig: Path) -> None:
    namespace, url = joe
    server = ("--server", url, "--token", TOKEN_OF_ONE)
    everything = json.loads(run("tasks", "-n", namespace, "--kubeconfig", kubeconfig, "-o", "json").stdout)
    seen = json.loads(run("tasks", "-n", namespace, *server, "-o", "json").stdout)
    assert [task["pod_uid"] for task in seen["tasks"]] == [task["pod_uid"] for task in everything["tasks"]]
    sums = run("status", "-n", namespace, *server)
    assert (sums.returncode, sums.stdout.splitlines()[1].split()[0]) == (0, namespace)
    assert run("pending", "-n", namespace, *server).returncode == 0


@pytest.mark.parametrize("command", ["nodes", "alerts", "namespaces", "events", "status"])
def test_the_right_that_is_missing_is_named(joe: tuple[str, str], command: str) -> None:
    said = fails(command, "--server", joe[1], "--token", TOKEN_OF_ONE)
    assert "Forbidden" in said
    assert "realtime" in said


def test_a_context_s_namespace_stands_in_for_the_cluster(joe: tuple[str, str], scene: Scene) -> None:
    namespace, _ = joe
    ran = run("status", "--kubeconfig", scene.kubeconfig(namespace=namespace), "--token", TOKEN_OF_ONE)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[1].split()[0] == namespace
    assert "Forbidden" in ran.stderr


def test_a_manifest_without_a_namespace_is_for_the_context_s(
    joe: tuple[str, str], scene: Scene, tmp_path: Path
) -> None:
    namespace, _ = joe
    asking = ("--kubeconfig", scene.kubeconfig(namespace=namespace), "--token", TOKEN_OF_ONE)
    manifest = tmp_path / "pod.yaml"
    manifest.write_text("{kind: Pod, spec: {containers: [{name: main}]}}")
    ran = run("fit", "-f", manifest, *asking)
    # Whether it fits is up to the cluster's jobs.
    assert ran.stdout.split()[0] in ("YES", "NO"), ran.stderr
    manifest.write_text("{kind: Pod, metadata: {namespace: other}, spec: {containers: [{name: main}]}}")
    assert "Forbidden" in fails("fit", "-f", manifest, *asking)
