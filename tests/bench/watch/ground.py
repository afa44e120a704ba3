"""The writer's own ground on a cluster: nodes and bound pods that nobody but the writer changes.

The nodes are no kubelet's and not kwok's, so a write is one watch event, and a deletion two. Their taint
keeps the scheduler away, which a pod that names its node passes by. Without heartbeats the node lifecycle
controller takes the nodes for lost after a while: a few more events, and no GPU moves.
"""

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.e2e.cluster.api import Api, Manifest
from tests.e2e.cluster.waiting import wait_until

NAMESPACE = "lens-bench"
LABEL = "lens-bench"
GPU = "nvidia.com/gpu"
GPUS_PER_NODE = 8
NODES = "/api/v1/nodes"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


class Ground:
    """Pods of one GPU each, by number, spread over the ground's nodes.

    A pod's writes reach the apiserver in the order in which they were started: each waits for the answer to
    the one before, since a busy apiserver may answer any of them late.
    """

    def __init__(self, api: Api, nodes: int) -> None:
        self._api = api
        self._nodes = nodes
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def create(self, number: int) -> None:
        """Create a bound pod, which holds its GPU from then on."""
        async with self._turns[number]:
            await self._api.create(PODS, _pod(number, _node_name(number % self._nodes)))

    async def run(self, number: int) -> None:
        """Set a pod Running, as its kubelet would."""
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        status = {"status": {"phase": "Running", "startTime": started}}
        async with self._turns[number]:
            await self._api.patch(f"{PODS}/{_pod_name(number)}/status", status)

    async def delete(self, number: int) -> None:
        """Delete a pod at once; its GPU is free again."""
        async with self._turns[number]:
            await self._api.delete(f"{PODS}/{_pod_name(number)}", grace_seconds=0)
        del self._turns[number]


@asynccontextmanager
async def ground(api: Api, gpus: int) -> AsyncIterator[Ground]:
    """Make room for `gpus` pods of one GPU, on nodes of 8; leave nothing but the namespace behind."""
    nodes = math.ceil(gpus / GPUS_PER_NODE)
    await api.ensure("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    await wait_until(lambda: _has_service_account(api), f"service account in {NAMESPACE}", deadline_s=30)
    await _clear(api)
    try:
        for number in range(nodes):
            await api.create(NODES, _node(number))
        yield Ground(api, nodes)
    finally:
        await _clear(api)


async def _has_service_account(api: Api) -> bool:
    """Tell whether admission takes pods in the namespace."""
    return bool((await api.get(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"))["items"])


async def _clear(api: Api) -> None:
    await api.delete(PODS, grace_seconds=0)
    await api.request("DELETE", NODES, params={"labelSelector": LABEL})


def _node_name(number: int) -> str:
    return f"lens-bench-{number:03}"


def _pod_name(number: int) -> str:
    return f"lens-bench-{number:05}"


def _node(number: int) -> Manifest:
    room = {"cpu": "96", "memory": "1Ti", "pods": "250", GPU: str(GPUS_PER_NODE)}
    return {
        "metadata": {"name": _node_name(number), "labels": {LABEL: ""}},
        "spec": {"taints": [{"key": LABEL, "effect": "NoSchedule"}]},
        "status": {
            "capacity": room,
            "allocatable": room,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        },
    }


def _pod(number: int, node: str) -> Manifest:
    """Return a pod whose watch line is about 7 KB, as a training pod's is."""
    settings = [{"name": f"NCCL_SETTING_{n:02}", "value": f"a value of some length, {n}"} for n in range(40)]
    worker = {
        "name": "worker",
        "image": "registry.example/team/training@sha256:" + "0" * 64,
        "command": ["torchrun", "--nnodes=4", "--nproc-per-node=8", "train.py"],
        "env": settings,
        "resources": {"requests": {"cpu": "8", "memory": "64Gi"}, "limits": {GPU: "1"}},
    }
    return {
        "metadata": {"name": _pod_name(number), "labels": {"app": "training"}},
        "spec": {
            "nodeName": node,
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "tolerations": [{"operator": "Exists"}],
            "containers": [worker],
        },
    }
