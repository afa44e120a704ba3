"""Events in a simulated cluster, a front that misbehaves, and who reads them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lens.concurrency.changes import Changes
from lens.kube.client.kubeconfig import Connection
from lens.kube.readers.events import Events
from lens.metrics import Metrics
from lens.model.cluster_state import StateView
from lens.model.events.transitions import Event
from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.objects.resources import EVENTS
from lens_sim.objects.store import Store
from tests.integration.watch.front import Front, Request
from tests.kubeconfig import write_kubeconfig
from tests.unit.model.manifests import Object, container, ledger_of, node, pod, read_node, read_pod

TOKEN = "token-of-a-test"
PATH = "/api/v1/events"
DEADLINE_SECONDS = 60.0


class Scene:
    """A cluster with a node and a pod with GPUs, and who reads the Events in it."""

    def __init__(self, folder: Path) -> None:
        self.store = Store()
        self.sim = SimApiServer(self.store, TOKEN)
        self.front = Front(0)
        self.told: list[Event] = []
        self.synced = True
        self.changes = Changes()
        self._ledger = ledger_of()
        read = read_node(node("node-1", 8))
        self._ledger.put_node(read.key, read.value)
        self.run_pod("train-0")
        self._kubeconfig = folder / "kubeconfig"
        self._running: asyncio.Task[None] | None = None

    def run_pod(self, name: str) -> None:
        """Have a pod with GPUs in the counts."""
        reading = read_pod(pod(container(gpus=1), name=name))
        self._ledger.put_pod(reading.key, reading.value)

    def record(self, *raws: Object) -> None:
        """Put Events into the cluster, each under a name of its own."""
        for raw in raws:
            name = f"{raw['involvedObject']['name']}.{self.store.version}"
            metadata = raw["metadata"] | {"name": name, "uid": name}
            self.store.put(EVENTS, raw | {"metadata": metadata}, datetime.now(UTC))

    async def start(self) -> None:
        """Start the servers."""
        await self.sim.start()
        self.front = Front(self.sim.port)
        await self.front.start()
        write_kubeconfig(self._kubeconfig, self.front.url, {"token": TOKEN})

    def read(self) -> None:
        """Begin to read."""
        events = Events(
            self._current, self.changes, self.told.extend, lambda: Connection(self._kubeconfig), Metrics()
        )
        self._running = asyncio.create_task(events.run())

    async def stop(self) -> None:
        """End the reading, then the servers."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        await self.front.stop()
        await self.sim.stop()

    def reasons(self) -> list[str | None]:
        """Return the reasons that were told, in the order in which they were."""
        return [event.reason for event in self.told]

    def requests(self, *, watches: bool) -> list[Request]:
        """Return the lists' requests, or the watches'."""
        return [each for each in self.front.requests if ("watch" in each.query) is watches]

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds. Fail if it doesn't in time, or if the reading has ended."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not holds():
            assert self._running is None or not self._running.done(), f"the reading ended: {self._running}"
            assert time.monotonic() < deadline, f"not in {DEADLINE_SECONDS} s: {what}; told {self.reasons()}"
            await asyncio.sleep(0.01)

    async def until_watching(self, number: int = 1) -> None:
        """Wait for so many watches to have begun."""
        await self.until(lambda: len(self.requests(watches=True)) >= number, f"watch {number}")

    def _current(self) -> StateView:
        return StateView(snapshot=self._ledger.snapshot(), synced=self.synced, contacts={})


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Give a fresh scene whose reading has not begun."""
    scene = Scene(tmp_path)
    await scene.start()
    try:
        yield scene
    finally:
        await scene.stop()
