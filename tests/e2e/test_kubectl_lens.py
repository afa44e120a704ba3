"""The real kubectl runs `kubectl lens` against the real apiserver, with each kind of credential.

The apiserver passes WebSockets on to a kubelet of the tests, since kwok's nodes have none;
tests/e2e/node has a real one. This control plane takes no client certificates.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.cluster.given import Cluster
from tests.e2e.kubelet import Kubelet
from tests.e2e.lens import CLUSTER, Lens

NODE = "kubelet-of-the-tests"
LABELS = {
    "app.kubernetes.io/part-of": "lens",
    "app.kubernetes.io/component": "operator",
    "app.kubernetes.io/instance": "lens",
}
DEADLINE_S = 120.0


class Kubectl:
    """kubectl with the plugin on its PATH, and the administrator's kubeconfig or another."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.program = str(cluster.control_plane.programs / "kubectl" if cluster.control_plane else "kubectl")
        self.admin, self.folder = Path(cluster.kubeconfig), folder
        plugin = folder / "kubectl-lens"
        plugin.write_text(f'#!/bin/sh\nexec {sys.executable} -m lens_client "$@"\n')
        plugin.chmod(0o755)

    def run(self, *arguments: str, kubeconfig: Path | None = None, stdin: str | None = None) -> Any:
        """Run kubectl; return what subprocess has of it."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith("LENS_")}
        variables |= {
            "KUBECONFIG": str(kubeconfig or self.admin),
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        return subprocess.run(
            [self.program, *arguments],
            env=variables,
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


@pytest.fixture(scope="module")
def kubectl(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    return Kubectl(cluster, tmp_path_factory.mktemp("kubectl"))


@pytest.fixture(scope="module")
def lens(kubectl: Kubectl, service_account: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lens]:
    """Give a Lens on this machine, which the cluster takes for its pod lens/lens-0."""
    folder = tmp_path_factory.mktemp("kubelet")
    with ExitStack() as stack:
        kubelet = Kubelet(folder)
        stack.callback(kubelet.stop)
        running = Lens.start(service_account, folder / "log", {"LENS_AUTH": "kubernetes"})
        stack.callback(running.stop)
        host, _, port = running.url.removeprefix("http://").rpartition(":")
        kubelet.forwards.addresses["lens/lens-0"] = (host, int(port))
        node = kubelet.node(NODE)
        stack.callback(kubectl.run, "delete", "node", NODE)
        stack.callback(kubectl.run, "-n", "lens", "delete", "pod", "lens-0", "--force", "--grace-period=0")
        kubectl.apply(node, _pod(), _account("lens-reader"), _binding("lens-reader"))
        patch(kubectl, "node", NODE, {"status": node["status"]})
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        patch(kubectl, "pod", "lens-0", {"status": ready})
        yield running


def patch(kubectl: Kubectl, kind: str, name: str, status: dict[str, Any]) -> None:
    """Set a part of an object's status."""
    done = kubectl.run(
        "-n", "lens", "patch", kind, name, "--subresource=status", "--type=merge", "-p", json.dumps(status)
    )
    assert done.returncode == 0, done.stderr


def _pod() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "lens", "name": "lens-0", "labels": LABELS},
        "spec": {
            "serviceAccountName": "lens",
            "nodeName": NODE,
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "operator",
                    "image": "lens",
                    "env": [{"name": "LENS_CLUSTER", "value": CLUSTER}],
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "runAsNonRoot": True,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                }
            ],
        },
    }


def _account(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": "lens", "name": name}}


def _binding(account: str) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"lens-viewer-{account}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "lens-viewer"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "lens", "name": account}],
    }


def _right(name: str, rules: list[dict[str, Any]], account: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a Role in the namespace lens, and what gives it to a ServiceAccount."""
    group = "rbac.authorization.k8s.io"
    metadata = {"namespace": "lens", "name": name}
    role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "namespace": "lens", "name": account}],
    }
    return role, binding


def token(kubectl: Kubectl, account: str) -> str:
    """Return a token of a ServiceAccount of the namespace lens."""
    done = kubectl.run("-n", "lens", "create", "token", account)
    assert done.returncode == 0, done.stderr
    made: str = done.stdout.strip()
    return made


def test_the_figures_are_the_apis_for_each_kind_of_credential(kubectl: Kubectl, lens: Lens) -> None:
    admin = kubectl.admin
    wanted = kubectl.total_gpus(admin)
    made = token(kubectl, "lens-reader")
    kubectl.apply(
        *_right(
            "port-forward",
            [
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
                {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]},
            ],
            "lens-reader",
        )
    )
    (kubectl.folder / "reader.token").write_text(made)
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": made},
    }
    login = kubectl.folder / "login"
    login.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(credential)}\nEND\n")
    login.chmod(0o755)
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "./login",
        "interactiveMode": "Never",
    }
    for name, user in (
        ("by-token", {"token": made}),
        ("by-file", {"tokenFile": "reader.token"}),
        ("by-plugin", {"exec": plugin}),
    ):
        assert kubectl.total_gpus(kubectl.kubeconfig(name, user)) == wanted, name
    account = "system:serviceaccount:lens:lens-reader"
    assert kubectl.total_gpus(admin, "--as", account) == wanted
    assert kubectl.total_gpus(admin, "--service-account", "lens-reader") == wanted


@pytest.fixture
def guest(kubectl: Kubectl, lens: Lens) -> Iterator[Path]:
    """Give the kubeconfig of somebody without rights, who is gone afterwards with those that came."""
    kubectl.apply(_account("guest"))
    yield kubectl.kubeconfig("guest", {"token": token(kubectl, "guest")})
    objects = ("serviceaccount/guest", "role/guest", "rolebinding/guest")
    kubectl.run("-n", "lens", "delete", "--ignore-not-found", *objects)


def test_rights_that_are_missing_are_named_as_the_apiserver_checks_them(
    kubectl: Kubectl, guest: Path
) -> None:
    who = "system:serviceaccount:lens:guest"
    assert kubectl.run("lens", "status", kubeconfig=guest).stderr == (
        f"kubectl lens: {who} may not list pods in all namespaces: name Lens' namespace with "
        "--lens-namespace, or its address with --server\n"
    )
    pods = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
    kubectl.apply(*_right("guest", [pods], "guest"))
    assert kubectl.run("lens", "status", kubeconfig=guest).stderr == (
        f"kubectl lens: {who} may not get pods/portforward in namespace lens\n"
    )
    # Since Kubernetes 1.35 a WebSocket takes `create` too.
    forward = {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get"]}
    kubectl.apply(*_right("guest", [pods, forward], "guest"))
    assert kubectl.run("lens", "status", kubeconfig=guest).stderr == (
        "kubectl lens: the kubeconfig's user 'guest' may not create pods/portforward in namespace lens\n"
    )
    forward["verbs"] = ["get", "create"]
    kubectl.apply(*_right("guest", [pods, forward], "guest"))
    refused = kubectl.run("lens", "status", kubeconfig=guest)
    assert refused.returncode == 1
    assert "Lens in namespace lens: Forbidden: " in refused.stderr


def test_an_expired_token_is_named(kubectl: Kubectl, lens: Lens) -> None:
    expired = kubectl.kubeconfig("expired", {"token": "expired"})
    assert kubectl.run("lens", "status", kubeconfig=expired).stderr == (
        "kubectl lens: the apiserver doesn't accept the token of the kubeconfig's user 'expired': it has "
        "expired, or isn't valid\n"
    )


def test_the_stream_comes_through_the_forward(kubectl: Kubectl, lens: Lens) -> None:
    script = (
        "from lens_client.options import Options; from lens_client.reach import connect; import os\n"
        "way = connect.find(Options(), os.environ)\n"
        "with way.lens().events({'include': ['status']}) as events: print(next(iter(events)).type)\n"
    )
    variables = {**os.environ, "KUBECONFIG": str(kubectl.admin), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=variables, capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert done.stdout == "snapshot\n", done.stderr


def test_kubectl_completes_the_plugins_words(kubectl: Kubectl, lens: Lens) -> None:
    completing = kubectl.folder / "kubectl_complete-lens"
    completing.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from lens_client.completion import main; main()" "$@"\n'
    )
    completing.chmod(0o755)
    done = kubectl.run("__complete", "lens", "versi")
    assert done.stdout.splitlines()[0].startswith("version"), done
    done = kubectl.run("__complete", "lens", "status", "--cluster", "")
    assert done.stdout.splitlines()[0] == CLUSTER, done
