"""The real kubectl runs `kubectl lens`, which reaches Lens through the real kubelet and containerd."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.node.commands import Commands, eventually, run
from tests.e2e.node.release import STATUS, Caller, Release, binding, token

STARTS = 5


class Plugin:
    """kubectl with the plugin on its PATH."""

    def __init__(self, commands: Commands, folder: Path) -> None:
        self.commands, self.folder = commands, folder
        plugin = folder / "kubectl-lens"
        plugin.write_text(f'#!/bin/sh\nexec {sys.executable} -m lens_client "$@"\n')
        plugin.chmod(0o755)

    def environment(self, kubeconfig: Path | None = None) -> dict[str, str]:
        """Return the variables of a command that kubectl runs."""
        path = f"{self.folder}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {
            "KUBECONFIG": str(kubeconfig or self.commands.kubeconfig),
            "PATH": path,
            "PYTHONPATH": ":".join(sys.path),
        }

    def status(self, *arguments: str, kubeconfig: Path | None = None) -> dict[str, Any]:
        """Return what `kubectl lens status -o json` prints. Raise CommandError."""
        command = ["kubectl", "lens", "status", "-o", "json", *arguments]
        printed: dict[str, Any] = json.loads(run(command, self.environment(kubeconfig)))
        return printed

    def kubeconfig(self, name: str, user: dict[str, Any]) -> Path:
        """Write a kubeconfig of the same cluster with another user."""
        document = yaml.safe_load(self.commands.kubeconfig.read_text())
        for context in document["contexts"]:
            context["context"]["user"] = name
        for cluster in document["clusters"]:
            authority = cluster["cluster"].get("certificate-authority")
            if authority:
                cluster["cluster"]["certificate-authority"] = str(self.commands.kubeconfig.parent / authority)
        document["users"] = [{"name": name, "user": user}]
        path = self.folder / name
        path.write_text(yaml.safe_dump(document))
        return path


@pytest.fixture(scope="module")
def plugin(
    commands: Commands, release: Release, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Plugin]:
    """Give kubectl with the plugin, and a ServiceAccount that may forward ports to Lens and read it."""
    metadata = {"namespace": release.namespace, "name": "terminal"}
    group = "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]},
    ]
    account = {"kind": "ServiceAccount", "namespace": "default", "name": "terminal"}
    commands.apply(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"namespace": "default", "name": "terminal"},
        },
        binding("terminal"),
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "terminal"},
            "subjects": [account],
        },
    )
    yield Plugin(commands, tmp_path_factory.mktemp("plugin"))
    commands.kubectl("delete", "clusterrolebinding", "lens-viewer-terminal")


def test_the_figures_are_the_apis_whoever_asks(plugin: Plugin, viewer: Caller, commands: Commands) -> None:
    wanted = viewer.data(STATUS)["current_gpu_usage"]["total_gpus"]
    made = token(commands, "terminal", "default")
    (plugin.folder / "terminal.token").write_text(made)
    api = "client.authentication.k8s.io/v1"
    credential = {"apiVersion": api, "kind": "ExecCredential", "status": {"token": made}}
    login = plugin.folder / "login"
    login.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(credential)}\nEND\n")
    login.chmod(0o755)
    users: dict[str, dict[str, Any]] = {
        "by-token": {"token": made},
        "by-file": {"tokenFile": "terminal.token"},
        "by-plugin": {"exec": {"apiVersion": api, "command": "./login", "interactiveMode": "Never"}},
    }
    for name, user in users.items():
        told = plugin.status(kubeconfig=plugin.kubeconfig(name, user))
        assert told["current_gpu_usage"]["total_gpus"] == wanted, name
    for arguments in (
        (),
        ("--as", "system:serviceaccount:default:terminal"),
        ("--service-account", "default/terminal"),
    ):
        assert plugin.status(*arguments)["current_gpu_usage"]["total_gpus"] == wanted, arguments


def test_a_deleted_replica_is_passed_over(plugin: Plugin, release: Release) -> None:
    pods = [pod["metadata"]["name"] for pod in release.pods("operator")]
    release.kubectl("delete", "pod", pods[0], "--wait=false")
    for _ in range(STARTS):
        assert plugin.status()["cluster"]
    eventually(lambda: len(release.pods("operator")) == len(pods), "another replica")


def test_the_time_to_the_first_figure_is_said(plugin: Plugin) -> None:
    def milliseconds() -> float:
        began = time.monotonic()
        subprocess.run(
            ["kubectl", "lens", "status"], env=plugin.environment(), check=True, capture_output=True
        )
        return 1000 * (time.monotonic() - began)

    first = statistics.median(milliseconds() for _ in range(STARTS))
    print(f"\n  cli_first_ms {first:.0f}", end="", flush=True)
