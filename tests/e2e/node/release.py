"""Lens, installed by Helm as people install it, and asked as people ask it."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from tests.e2e.cluster.control_plane import REPOSITORY
from tests.e2e.node.commands import CommandError, Commands, Manifest, eventually

CHART = "charts/lens"
CLUSTER = "prod-cluster"
DEADLINE = "--timeout=120s"

STATUS = "/api/v1/realtime/status"
TASKS = "/api/v1/realtime/running-tasks"


@dataclass(frozen=True)
class Release:
    """A release's name, namespace and values, besides the cluster's name."""

    commands: Commands
    values: Mapping[str, object]
    namespace: str = "lens"
    name: str = "lens"

    def install(self, *more: str, helm: int = 4) -> str:
        """Install and wait until all is ready; return what Helm says."""
        return self._apply("install", "--create-namespace", *more, helm=helm)

    @contextmanager
    def installed(self, helm: int = 4) -> Iterator[str]:
        """Have it installed, and uninstalled afterwards; return what Helm said."""
        try:
            yield self.install(helm=helm)
        finally:
            self.uninstall(helm=helm)

    def upgrade(self, *more: str, helm: int = 4) -> str:
        """Upgrade to the same values and `more` flags, and wait; return what Helm says."""
        return self._apply("upgrade", *more, helm=helm)

    def uninstall(self, helm: int = 4) -> None:
        """Uninstall, and wait until all pods are gone."""
        self.helm("uninstall", "--wait", DEADLINE, version=helm)
        pods = ("pods", "--all-namespaces", f"--selector={self.selector}")
        eventually(lambda: not self.commands.items(*pods), "end of all pods")

    @property
    def selector(self) -> str:
        """The label of all its objects."""
        return f"app.kubernetes.io/instance={self.name}"

    def helm(self, command: str, *more: str, version: int = 4) -> str:
        """Run a command of Helm's on the release."""
        return self.commands.helm(command, self.name, *more, "--namespace", self.namespace, version=version)

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the release's namespace."""
        return self.commands.kubectl("--namespace", self.namespace, *arguments)

    def pods(self, component: str, namespace: str | None = None) -> list[Manifest]:
        """Return the pods of `operator` or `agent`."""
        selector = f"--selector={self.selector},app.kubernetes.io/component={component}"
        return self.commands.items("--namespace", namespace or self.namespace, "pods", selector)

    def replicas(self) -> list[str]:
        """Return the base URL of each replica, as the node reaches it."""
        return [f"http://{pod['status']['podIP']}:8080" for pod in self.pods("operator")]

    def address(self) -> str:
        """Return the Service's base URL by its address, as the node reaches it."""
        service = self.commands.get("--namespace", self.namespace, "service", f"{self.name}-api")
        return f"http://{service['spec']['clusterIP']}"

    def _apply(self, command: str, *more: str, helm: int) -> str:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as values:
            json.dump(self.values, values)
            values.flush()
            required = ("--set", f"cluster={CLUSTER}", "--set", "image.repository=lens")
            flags = ("--values", values.name, *required, "--wait", DEADLINE, *more)
            try:
                return self.helm(command, str(REPOSITORY / CHART), *flags, version=helm)
            except CommandError as error:
                logs = self.kubectl("logs", f"--selector={self.selector}", "--prefix", "--tail=3")
                raise CommandError(f"{error}\n{self.kubectl('get', 'pods,events')}\n{logs}") from error


@dataclass(frozen=True)
class Caller:
    """Somebody with a token of a ServiceAccount."""

    token: str
    release: Release

    @classmethod
    def create(cls, release: Release, name: str, namespace: str = "default") -> "Caller":
        """Make a ServiceAccount and take a token of it."""
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": namespace},
        }
        release.commands.apply(account)
        return cls(token(release.commands, name, namespace), release)

    def ask(self, path: str, address: str | None = None, **params: str) -> requests.Response:
        """Ask for the present, on a connection of its own: the Service, or what is at `address`."""
        return requests.get(
            (address or self.release.address()) + path,
            params={"cluster": CLUSTER, **params},
            headers={"Authorization": f"Bearer {self.token}", "Cache-Control": "no-cache"},
            timeout=10,
        )

    def data(self, path: str, address: str | None = None, **params: str) -> dict[str, Any]:
        """Return the data of an answer that is right."""
        answer = self.ask(path, address, **params)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["data"]
        return found

    def everywhere(self, path: str, **params: str) -> list[dict[str, Any]]:
        """Return the data that each replica has."""
        return [self.data(path, address, **params) for address in self.release.replicas()]


def token(commands: Commands, name: str, namespace: str) -> str:
    """Return a token of a ServiceAccount."""
    return commands.kubectl("--namespace", namespace, "create", "token", name).strip()


def fast(agent: Mapping[str, object]) -> dict[str, object]:
    """Return the chart's values with which tests needn't wait; `agent` is the agent's."""
    settings = {"requestsPerMinute": 1_000_000, "telemetryIntervalSeconds": 2, "telemetryTimeoutSeconds": 1}
    return {"operator": {"settings": settings}, "agent": agent}


def binding(name: str, namespace: str | None = None) -> Manifest:
    """Return what binds the ServiceAccount `default/name` to lens-viewer, in a namespace or everywhere."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": f"lens-viewer-{name}", **({"namespace": namespace} if namespace else {})},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "lens-viewer"},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
    }


def gpu_pod(name: str, namespace: str, gpus: int, image: str) -> Manifest:
    """Return a pod that takes GPUs and does nothing."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {"name": "main", "image": image, "resources": {"limits": {"nvidia.com/gpu": str(gpus)}}}
            ],
        },
    }
