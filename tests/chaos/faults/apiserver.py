"""Faults of the control plane's own programs."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from tests.chaos.churn import MARKERS
from tests.chaos.fault import fault
from tests.chaos.interferences import Expired
from tests.chaos.scene import Scene
from tests.e2e.cluster.programs.components import Component

# Without v1 the Node authorizer, which reads slices, would never be ready.
DRA_OFF = {
    "runtime-config": "resource.k8s.io/v1=false,resource.k8s.io/v1alpha3=false",
    "authorization-mode": "RBAC",
}


@fault(breaks="control plane")
async def apiserver_killed(scene: Scene) -> AsyncIterator[None]:
    """The apiserver is killed, and starts again."""
    await scene.blocking("kill", "kube-apiserver")
    yield
    await scene.blocking("start", "kube-apiserver")


@fault(breaks="control plane", seconds=20)
async def apiserver_frozen(scene: Scene) -> AsyncIterator[None]:
    """The apiserver is stopped by SIGSTOP: connections stay, nothing answers."""
    with _frozen(scene, "kube-apiserver"):
        yield


@fault(breaks="control plane", seconds=1)
async def apiserver_restarted(scene: Scene) -> AsyncIterator[None]:
    """The apiserver ends properly, and starts again."""
    await scene.blocking("restart", "kube-apiserver")
    yield


@fault(breaks="control plane", seconds=10)
async def etcd_frozen(scene: Scene) -> AsyncIterator[None]:
    """The etcd is stopped by SIGSTOP."""
    with _frozen(scene, "etcd"):
        yield


@fault(breaks="control plane", seconds=1)
async def etcd_compacted(scene: Scene) -> AsyncIterator[None]:
    """The etcd forgets its history, and the apiserver starts anew: watches get 410."""
    await asyncio.to_thread(scene.control_plane.compact)
    await scene.blocking("restart", "kube-apiserver")
    yield


@fault(breaks="control plane", seconds=1)
async def etcd_defragmented(scene: Scene) -> AsyncIterator[None]:
    """The etcd is defragmented, and answers nothing meanwhile."""
    await asyncio.to_thread(scene.control_plane.defragment)
    yield


@fault(breaks="control plane", seconds=1, writes=False)
async def etcd_restored(scene: Scene) -> AsyncIterator[None]:
    """The etcd is restored from a backup, and pods that were deleted since are back."""
    await asyncio.to_thread(scene.control_plane.save_data)
    await _delete_some(scene, 10)
    await asyncio.to_thread(scene.control_plane.restore_data)
    yield


@fault(seconds=4, writes=False)
async def deletions_lost(scene: Scene) -> AsyncIterator[None]:
    """Watches get 410 while pods are deleted."""
    async with scene.gateway.with_(Expired()):
        await _delete_some(scene, 10)
        yield


@fault(breaks="control plane", seconds=8)
async def dra_off(scene: Scene) -> AsyncIterator[None]:
    """The apiserver serves no dynamic resource allocation, and then serves it again."""
    await asyncio.to_thread(scene.control_plane.restart, "kube-apiserver", DRA_OFF)
    yield
    await scene.blocking("restart", "kube-apiserver")


@contextmanager
def _frozen(scene: Scene, component: Component) -> Iterator[None]:
    """Stop a program by SIGSTOP for as long as the block lasts."""
    pid = scene.control_plane.process(component).pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def _delete_some(scene: Scene, number: int) -> None:
    pods = await scene.api.list_all(f"/api/v1/namespaces/{MARKERS}/pods")
    for pod in pods[:number]:
        await scene.api.delete_pod(MARKERS, pod["metadata"]["name"], grace_seconds=0)
