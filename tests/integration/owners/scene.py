"""Owners in a simulated cluster, a front that misbehaves, and who reads them, with a clock to set."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from lens.concurrency.changes import Changes
from lens.kube.client.kubeconfig import Connection
from lens.kube.client.object_reader import ObjectReader
from lens.kube.readers.owners import OwnerResolver
from lens.metrics import Metrics
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.objects.pod import Controller, Pod
from lens.model.inventory.owner_chains import NO_OWNER_CHAINS, OwnerChains, OwnerTracker, workload
from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.objects.resources import OWNERS, PODS
from lens_sim.objects.store import Store
from tests.integration.watch.front import Front
from tests.integration.watch.objects import NOW, Object
from tests.kubeconfig import write_kubeconfig
from tests.unit.model.manifests import container, ledger_of, pod, read_pod, viewed_pod

TOKEN = "owner-token"
TIMEOUT_SECONDS = 0.5
DEADLINE_SECONDS = 60.0

RESOURCES = {resource.kind: resource for resource in (*OWNERS, PODS)}


class Clock:
    """Runs by itself, and can be set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


def reference(kind: str, name: str, uid: str | None = None, api_version: str | None = None) -> Object:
    """Return how an object is named by what it controls."""
    return {
        "apiVersion": api_version or RESOURCES[kind].api_version,
        "kind": kind,
        "name": name,
        "uid": uid or f"uid-{name}",
        "controller": True,
    }


class FaultyTracker(OwnerTracker):
    """Owners with a defect that those of some names bring out; nobody's at first."""

    def __init__(self) -> None:
        super().__init__()
        self.defective: set[str] = set()

    def set_parent(self, controller: Controller, parent: Controller | None, now: float) -> None:
        if controller.name in self.defective:
            raise ZeroDivisionError("a defect")
        super().set_parent(controller, parent, now)


class RecordedChanges(Changes):
    """Calls ``on_wait`` as soon as somebody waits."""

    on_wait: Callable[[], object] = staticmethod(lambda: None)

    async def until(self, condition: Callable[[], bool]) -> None:
        self.on_wait()
        await super().until(condition)


class Scene:
    """A cluster and who reads the owners in it."""

    def __init__(self, folder: Path) -> None:
        self.store = Store()
        self.sim = SimApiServer(self.store, TOKEN)
        self.metrics = Metrics()
        self.clock = Clock()
        self.tracker = FaultyTracker()
        self.owner_chains: OwnerChains = NO_OWNER_CHAINS
        self.told = 0
        self._kubeconfig = folder / "kubeconfig"
        self._ledger: Ledger = ledger_of()
        self.changes = RecordedChanges()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the servers and the reading."""
        await self.sim.start()
        self.front = Front(self.sim.port)
        await self.front.start()
        self.use_server(self.front.url)
        objects = ObjectReader(
            lambda: Connection(self._kubeconfig), self.metrics, TIMEOUT_SECONDS, self.clock
        )
        owners = OwnerResolver(
            self._ledger.snapshot,
            self.changes,
            self._take,
            objects,
            self.metrics,
            self.clock,
            self.tracker,
        )
        self._running = asyncio.create_task(owners.run())

    def use_server(self, url: str) -> None:
        """Have the configuration name this as the apiserver's URL; it is read at the first request."""
        write_kubeconfig(self._kubeconfig, url, {"token": TOKEN})

    async def stop(self) -> None:
        """End the reading, then the servers."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        await self.front.stop()
        await self.sim.stop()

    def put(self, kind: str, name: str, above: Object | None = None, **metadata: object) -> str:
        """Put an owner into the cluster; return its path."""
        owners = {"ownerReferences": [above]} if above else {}
        resource = RESOURCES[kind]
        self.store.put(
            resource,
            {"metadata": {"name": name, "namespace": "team", "uid": f"uid-{name}"} | owners | metadata},
            NOW,
        )
        return path(kind, name)

    def delete(self, kind: str, name: str) -> None:
        """Delete an owner."""
        self.store.delete(RESOURCES[kind], f"team/{name}")

    def run_pod(self, name: str, owner: Object | None, node: str | None = "node-1") -> Pod:
        """Have a pod with GPUs in the counts."""
        raw = pod(
            container("main", "1"),
            name=name,
            node=node,
            metadata={"ownerReferences": [owner] if owner else []},
        )
        reading = read_pod(raw)
        self._ledger.put_pod(reading.key, reading.value)
        self.changes.notify()
        return viewed_pod(raw)

    def end_pod(self, ended: Pod) -> None:
        """Take a pod out of the counts."""
        self._ledger.put_pod(ended.key, None)
        self.changes.notify()

    def count(self) -> None:
        """Count what has changed, as the watch's thread does."""
        self._ledger.snapshot()

    def workload(self, of: Pod) -> tuple[str, str, str | None]:
        """Return a pod's workload, and why it may not be the top of the chain."""
        found, reason = workload(of, self.owner_chains)
        return found.kind, found.name, reason

    async def until_told(self, of: Pod, *wanted: str | None) -> None:
        """Wait until a pod's workload is this."""
        await self.until(lambda: self.workload(of) == wanted, lambda: f"{self.workload(of)} to be {wanted}")

    async def until(self, holds: Callable[[], bool], what: Callable[[], str]) -> None:
        """Wait until something holds. Fail if it doesn't in time, or if the reading has ended."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not holds():
            assert self._running is not None
            assert not self._running.done(), f"the reading ended: {self._running}"
            assert time.monotonic() < deadline, f"not in {DEADLINE_SECONDS} s: {what()}"
            await asyncio.sleep(0.01)

    def asked(self, path: str) -> int:
        """Return how often a path was asked for."""
        return self.front.seen(path)

    def reads(self, outcome: str) -> float:
        """Return how many readings came to this."""
        return self.metrics.registry.get_sample_value("lens_owner_reads_total", {"outcome": outcome}) or 0.0

    def _take(self, owner_chains: OwnerChains) -> None:
        self.owner_chains = owner_chains
        self.told += 1


def path(kind: str, name: str) -> str:
    """Return an object's path."""
    resource = RESOURCES[kind]
    return f"{resource.root}/namespaces/team/{resource.plural}/{name}"


@contextlib.asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Scene]:
    """Give a scene that runs, and end it."""
    scene = Scene(folder)
    await scene.start()
    try:
        yield scene
    finally:
        await scene.stop()
