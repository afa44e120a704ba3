"""A simulated cluster that stands still until a test changes it, and who has which right in it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.apiserver.reviews import Account, Right
from lens_sim.objects.resources import DAEMON_SETS, NAMESPACES, NODES, PODS
from lens_sim.objects.store import Store
from tests.browser.scene import manifests
from tests.browser.scene.agents import Agents
from tests.browser.scene.loop import Loop
from tests.browser.scene.manifests import Object
from tests.e2e.cluster import ports
from tests.kubeconfig import write_kubeconfig

OWN_TOKEN = "own-token-of-lens"
EVERYTHING = Right("get", "lens", "realtime")
CAPACITY = Right("get", "lens", "capacity")


class Cluster:
    """Objects, their apiserver and the nodes' agents, on 127.0.0.1 until the block ends."""

    def __init__(self, loop: Loop, objects: Sequence[Object], *, telemetry: bool = True) -> None:
        """Take the nodes and pods of its beginning; with ``telemetry`` each node has an agent."""
        self._loop = loop
        self._store = Store()
        self._apiserver = SimApiServer(self._store, OWN_TOKEN, bookmark_interval=1.0)
        self.port = ports.free(1)[0]
        nodes = [each["metadata"]["name"] for each in objects if _is_node(each)]
        self.agents = Agents(self._store, nodes, self.port) if telemetry else None
        self._put(objects)
        if telemetry:
            self._store.put(DAEMON_SETS, manifests.daemon_set(len(nodes)), _now())
            self._put(manifests.agent(number, name) for number, name in enumerate(nodes, start=1))

    def __enter__(self) -> Self:
        self.start()
        if self.agents is not None:
            self._loop.run(self.agents.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.agents is not None:
            self._loop.run(self.agents.stop())
        self.stop()

    def start(self) -> None:
        """Start the apiserver, on the same port as before."""
        self._loop.run(self._apiserver.start())

    def stop(self) -> None:
        """End the apiserver."""
        self._loop.run(self._apiserver.stop())

    def put(self, *objects: Object) -> None:
        """Create or replace nodes and pods, and the namespaces of these."""
        self._loop.call(lambda: self._put(objects))

    def delete_pod(self, name: str, namespace: str = "research") -> None:
        """Remove a pod at once."""
        self._loop.call(lambda: self._store.delete(PODS, f"{namespace}/{name}"))

    def delete_node(self, name: str) -> None:
        """Remove a node."""
        self._loop.call(lambda: self._store.delete(NODES, name))

    def admit(self, token: str, *rights: Right) -> str:
        """Let somebody be known by a token, and have these rights; return the token."""

        def admit() -> None:
            accounts = self._apiserver.accounts
            accounts.by_token[token] = Account(f"user-of-{token}")
            accounts.rights[f"user-of-{token}"] = set(rights)

        self._loop.call(admit)
        return token

    def revoke(self, token: str) -> None:
        """Know the token no more."""
        self._loop.call(lambda: self._apiserver.accounts.by_token.pop(token))

    def kubeconfig(self, folder: Path) -> Path:
        """Write how Lens reaches the apiserver."""
        file = folder / "kubeconfig"
        write_kubeconfig(file, self._apiserver.url, {"token": OWN_TOKEN})
        return file

    def _put(self, objects: Iterable[Object]) -> None:
        for each in objects:
            if _is_node(each):
                self._store.put(NODES, each, _now())
                continue
            namespace = each["metadata"]["namespace"]
            if self._store.get(NAMESPACES, namespace) is None:
                self._store.put(NAMESPACES, manifests.namespace(namespace), _now())
            self._store.put(PODS, each, _now())


def _is_node(manifest: Object) -> bool:
    return "capacity" in manifest["status"]


def _now() -> datetime:
    return datetime.now(UTC)
