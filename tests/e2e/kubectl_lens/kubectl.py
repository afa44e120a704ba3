"""kubectl with the plugin, as somebody with a kubeconfig runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.cluster.given import Cluster

DEADLINE_S = 120.0


class Kubectl:
    """kubectl with the plugin on its PATH, and the administrator's kubeconfig or another."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.program = str(cluster.control_plane.programs / "kubectl" if cluster.control_plane else "kubectl")
        self.admin, self.folder = Path(cluster.kubeconfig), folder
        plugin = folder / "kubectl-lens"
        plugin.write_text(f'#!/bin/sh\nexec {sys.executable} -m lens_client "$@"\n')
        plugin.chmod(0o755)

    def environment(self, kubeconfig: Path | None = None) -> dict[str, str]:
        """Return the variables of its user."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith("LENS_")}
        return variables | {
            "KUBECONFIG": str(kubeconfig or self.admin),
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }

    def run(self, *arguments: str, kubeconfig: Path | None = None, stdin: str | None = None) -> Any:
        """Run kubectl; return what subprocess has of it."""
        return subprocess.run(
            [self.program, *arguments],
            env=self.environment(kubeconfig),
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply objects."""
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        done = self.run("apply", "-f", "-", stdin=document)
        assert done.returncode == 0, done.stderr

    def total_gpus(self, kubeconfig: Path, *arguments: str) -> int:
        """Return the cluster's GPUs as the plugin says them."""
        done = self.run("lens", "status", "-o", "json", *arguments, kubeconfig=kubeconfig)
        assert done.returncode == 0, done.stderr
        total: int = json.loads(done.stdout)["current_gpu_usage"]["total_gpus"]
        return total

    def kubeconfig(self, name: str, user: dict[str, Any]) -> Path:
        """Write a kubeconfig of the same cluster with another user."""
        document = yaml.safe_load(self.admin.read_text())
        context = next(
            each["context"] for each in document["contexts"] if each["name"] == document["current-context"]
        )
        document["users"] = [{"name": name, "user": user}]
        context["user"] = name
        for cluster in document["clusters"]:
            authority = cluster["cluster"].get("certificate-authority")
            if authority:
                cluster["cluster"]["certificate-authority"] = str(self.admin.parent / authority)
        path = self.folder / name
        path.write_text(yaml.safe_dump(document))
        return path

    def set_status(self, kind: str, name: str, status: dict[str, Any]) -> None:
        """Set a part of the status of an object, in the namespace lens if in any."""
        patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
        done = self.run("-n", "lens", "patch", kind, name, *patch)
        assert done.returncode == 0, done.stderr

    def token(self, account: str) -> str:
        """Return a token of a ServiceAccount of the namespace lens."""
        done = self.run("-n", "lens", "create", "token", account)
        assert done.returncode == 0, done.stderr
        made: str = done.stdout.strip()
        return made

    def exec_plugin(self, name: str, status: Mapping[str, str]) -> dict[str, Any]:
        """Return the `exec` of a kubeconfig's user: a program that hands out credentials."""
        version = "client.authentication.k8s.io/v1"
        credential = {"apiVersion": version, "kind": "ExecCredential", "status": status}
        program = self.folder / name
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(credential)}\nEND\n")
        program.chmod(0o755)
        return {"apiVersion": version, "command": f"./{name}", "interactiveMode": "Never"}
