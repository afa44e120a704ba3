"""What a test plays on: a small cluster, its apiserver, the misbehaving front, and the watcher."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from lens.kube.client.kubeconfig import Connection
from lens.kube.watch.watcher import Watcher
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy
from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.objects.resources import NODES, PODS
from lens_sim.objects.store import Store
from tests.integration.watch.front import Front
from tests.integration.watch.objects import NOW, Object, node, pod
from tests.integration.watch.recount import figures, recount

TOKEN = "first-token"
DEADLINE_S = 60.0

Case = TypeVar("Case")


class Scene:
    """A cluster of three nodes with 8 GPUs each and seven pods, and a watcher that knows it only by HTTP."""

    def __init__(self, folder: Path, bookmark_seconds: float = 0.5) -> None:
        self.folder = folder
        self.store = Store()
        self.sim = SimApiServer(self.store, TOKEN, bookmark_interval=bookmark_seconds)
        self.state = ClusterState()
        self.metrics = Metrics()
        self.watching: asyncio.Task[None] | None = None
        for number in range(3):
            self.put_node(node(f"node-{number}"))
        for number in range(6):
            self.put_pod(pod(f"pod-{number}", on=f"node-{number % 3}", gpus=number % 3 + 1))
        self.put_pod(pod("waiting", gpus=4, phase="Pending"))

    async def start(self) -> None:
        """Start the servers."""
        await self.sim.start()
        self.front = Front(self.sim.port)
        await self.front.start()

    async def stop(self) -> None:
        """End the watcher, then the servers."""
        if self.watching is not None:
            self.watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.watching
        await self.front.stop()
        await self.sim.stop()

    # The cluster

    def put_pod(self, obj: Object) -> None:
        self.store.put(PODS, obj, NOW)

    def put_node(self, obj: Object) -> None:
        self.store.put(NODES, obj, NOW)

    def delete_pod(self, name: str) -> None:
        self.store.delete(PODS, f"team/{name}")

    def delete_node(self, name: str) -> None:
        self.store.delete(NODES, name)

    # The watcher

    def kubeconfig(self, user: Object | None = None, cluster: Object | None = None) -> Path:
        """Write a kubeconfig with that user, or the first token's, and what is special about the cluster."""
        file = self.folder / "kubeconfig"
        write(
            file,
            json.dumps(
                {
                    "current-context": "sim",
                    "contexts": [{"name": "sim", "context": {"cluster": "sim", "user": "lens"}}],
                    "clusters": [{"name": "sim", "cluster": {"server": self.front.url} | (cluster or {})}],
                    "users": [{"name": "lens", "user": user or {"token": TOKEN}}],
                }
            ),
        )
        return file

    def watch(self, connection: Connection | None = None, **options: Any) -> Watcher:
        """Start the watcher, and return it."""
        watcher = Watcher(
            connection or Connection(self.kubeconfig()),
            self.state,
            self.metrics,
            GpuResources(),
            TaintPolicy(),
            **options,
        )
        self.watching = asyncio.create_task(watcher.run())
        return watcher

    # What came of it

    async def until(self, holds: Callable[[], bool], what: str, seconds: float = DEADLINE_S) -> None:
        """Wait until something holds. Fail if it doesn't in time, or if the watcher has ended."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not holds():
            assert self.watching is None or not self.watching.done(), f"the watcher ended: {self.watching}"
            assert asyncio.get_running_loop().time() < deadline, f"not in {seconds} s: {what}"
            await asyncio.sleep(0.01)

    def is_exact(self, without: Collection[str] = ()) -> bool:
        current = self.state.current
        return current.synced and figures(current.snapshot) == recount(self.store, without)

    async def until_exact(self, without: Collection[str] = (), seconds: float = DEADLINE_S) -> None:
        """Wait until the snapshot equals the recount."""
        try:
            await self.until(lambda: self.is_exact(without), "an exact snapshot", seconds)
        except AssertionError:
            assert figures(self.state.current.snapshot) == recount(self.store, without)
            raise

    async def until_listed(self, resource: str, times: int) -> None:
        """Wait until a resource has been listed to the end so often."""
        await self.until(
            lambda: self.metric("lens_lists_total", resource=resource) >= times,
            f"{times} lists of {resource}",
        )

    @property
    def restarts(self) -> int:
        """Return how often kopf was started anew."""
        return int(self.metric("lens_watcher_restarts_total"))

    def metric(self, name: str, **labels: str) -> float:
        """Return a metric's value."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@contextlib.asynccontextmanager
async def staged(folder: Path, bookmark_seconds: float = 0.5) -> AsyncIterator[Scene]:
    """Give a scene whose servers are up; end them, and what was started on it, in the end."""
    scene = Scene(folder, bookmark_seconds)
    await scene.start()
    try:
        yield scene
    finally:
        await scene.stop()


async def on_each(
    folder: Path, cases: Mapping[str, Case], play: Callable[[Scene, Case], Awaitable[None]]
) -> None:
    """Play every case on a scene of its own, all at the same time. A failure is noted with its case."""

    async def one(number: int, name: str, case: Case) -> None:
        try:
            own_folder = folder / str(number)
            own_folder.mkdir()
            async with staged(own_folder) as scene:
                await play(scene, case)
        except Exception as error:
            error.add_note(f"in the case of {name}")
            raise

    ends = await asyncio.gather(
        *(one(number, *each) for number, each in enumerate(cases.items())), return_exceptions=True
    )
    failures = [end for end in ends if isinstance(end, Exception)]
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {len(cases)} cases failed", failures)


def write(file: Path, text: str) -> None:
    """Replace a file's content at once, as kubelet and kubectl do."""
    new = file.with_name(f".{file.name}.new")
    new.write_text(text)
    new.replace(file)
