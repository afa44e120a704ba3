"""A simulated cluster with a Lens in it, and `kubectl lens` in processes that ask it."""

import asyncio
import base64
import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.apiserver.reviews import Account, Accounts, Right
from lens_sim.cluster.fleet import Fleet
from lens_sim.objects.resources import PODS
from lens_sim.objects.store import Store
from tests.integration.watch import tls

TOKEN = "token-of-jane"
READER = "system:serviceaccount:lens:lens-reader"
OPERATOR = "system:serviceaccount:lens:lens"
DEADLINE_S = 60.0
CLUSTER = "prod-cluster"

NOW = datetime(2026, 1, 1, tzinfo=UTC)

T = TypeVar("T")


class Loop:
    """An event loop in a thread of its own, for servers that processes ask."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return a coroutine's result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(DEADLINE_S)

    def stop(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Scene:
    """One apiserver over HTTP and over TLS, the rights of its users, and the pods of Lens."""

    def __init__(self, folder: Path, loop: Loop) -> None:
        self.folder, self.loop = folder, loop
        self.ca, self.client = loop.run(_certificates(folder))
        self._pods: list[str] = []
        self.store = Store(1)
        Fleet(self.store, NOW, nodes=4, seed=1)
        self.http = SimApiServer(self.store, TOKEN)
        self.https = SimApiServer(self.store, TOKEN, ssl_context=loop.run(_context(folder, self.ca)))
        self.accounts = self.http.accounts = self.https.accounts = Accounts()
        self.start_over()
        loop.run(self.http.start())
        loop.run(self.https.start())

    def start_over(self) -> None:
        """Let users have their rights again, and no pod be a Lens."""
        self.accounts.by_token.clear()
        self.accounts.by_token[TOKEN] = Account("jane")
        self.accounts.rights.clear()
        self.accounts.rights |= {
            "jane": {Right("get", "lens", "realtime")},
            READER: {Right("get", "lens", "realtime")},
            OPERATOR: {Right("create", "authentication.k8s.io", "tokenreviews")},
        }
        for server in (self.http, self.https):
            server.user, server.token = "jane", TOKEN
            server.port_forwards.addresses.clear()
            server.service_accounts.names = {"lens/lens-reader"}
            server.permit_all()
        while self._pods:
            self.loop.run(self._delete(self._pods.pop()))

    async def _delete(self, key: str) -> None:
        self.store.delete(PODS, key)

    async def _put(self, pod: dict[str, Any]) -> None:
        self.store.put(PODS, pod, NOW)

    def add_pod(
        self,
        key: str,
        address: tuple[str, int] | None,
        *,
        ready: bool = True,
        account: str = "lens",
        release: str = "lens",
        port: str = "http",
    ) -> None:
        """Let a pod have the labels of a Lens; at ``address`` its program listens."""
        namespace, name = key.split("/")
        labels = {"part-of": "lens", "component": "operator", "instance": release, "name": "lens"}
        container = {
            "name": "operator",
            "env": [{"name": "LENS_CLUSTER", "value": CLUSTER}],
            "ports": [{"name": port, "containerPort": 8080}],
        }
        pod = {
            "metadata": {
                "namespace": namespace,
                "name": name,
                "labels": {f"app.kubernetes.io/{label}": value for label, value in labels.items()},
            },
            "spec": {"serviceAccountName": account, "containers": [container]},
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            },
        }
        self._pods.append(key)
        self.loop.run(self._put(pod))
        if address is not None:
            for server in (self.http, self.https):
                server.port_forwards.addresses[key] = address

    def kubeconfig(
        self,
        user: Mapping[str, Any] | None = None,
        cluster: Mapping[str, Any] | None = None,
        *,
        tls: bool = False,
        name: str = "kubeconfig",
        namespace: str | None = None,
    ) -> Path:
        """Write a kubeconfig; by default jane has a token there."""
        server = self.https if tls else self.http
        context = {"cluster": "sim", "user": "jane"} | ({"namespace": namespace} if namespace else {})
        whole: dict[str, Any] = {"server": server.url}
        if tls:
            whole["certificate-authority-data"] = base64.b64encode(self.ca.certificate.read_bytes()).decode()
        path = self.folder / name
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "sim", "cluster": whole | dict(cluster or {})}],
                    "users": [{"name": "jane", "user": {"token": TOKEN} if user is None else user}],
                    "contexts": [{"name": "sim", "context": context}],
                    "current-context": "sim",
                }
            )
        )
        return path


async def _certificates(folder: Path) -> tuple[tls.Pair, tls.Pair]:
    ca = await tls.authority(folder, "ca")
    return ca, await tls.certificate(folder, "jane", ca)


async def _context(folder: Path, ca: tls.Pair) -> ssl.SSLContext:
    context = await tls.server(folder, "apiserver", ca, clients_by=ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without what the command reads of it, and with these variables."""
    names = ("LENS_", "KUBE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http", "https", "no_proxy")
    return {name: value for name, value in os.environ.items() if not name.startswith(names)} | variables


def command(*arguments: object) -> list[str]:
    """Return the command line of `kubectl lens`."""
    return [sys.executable, "-m", "lens_client", *map(str, arguments)]


def run(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `kubectl lens` to its end."""
    return subprocess.run(
        command(*arguments),
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def fails(*arguments: object, status: int = 1, **variables: str) -> str:
    """Return the one line that `kubectl lens` says when it fails, without its name."""
    done = run(*arguments, **variables)
    lines = done.stderr.splitlines()
    assert (done.returncode, len(lines)) == (status, 1), (done.returncode, done.stdout, done.stderr)
    assert lines[0].startswith("kubectl lens: ")
    return lines[0].removeprefix("kubectl lens: ")
