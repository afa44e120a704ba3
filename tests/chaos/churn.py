"""Changes the cluster all the time, and keeps a log of what was written when."""

import asyncio
import time
from dataclasses import dataclass
from math import inf
from random import Random

import aiohttp

from tests.e2e.cluster.api import Api, ApiError, Manifest

MARKERS = "chaos"
"""The namespace of the pods that are written; the clients watch for them."""

EVERY_S = 0.2
MAX_PODS = 40
GPU = "nvidia.com/gpu"


@dataclass
class Written:
    """What is known of one pod: the epoch seconds of its creation, and of its deletion sent and answered.

    ``created`` and ``deleted`` are inf while no answer says so: it may have happened all the same.
    """

    name: str
    created: float = inf
    delete_sent: float = inf
    deleted: float = inf


class Churn:
    """Creates and deletes pods that hold a GPU each. They are bound at once: no scheduler is waited for."""

    def __init__(self, api: Api, random: Random) -> None:
        """Take the administrator's client and what decides what happens."""
        self._api = api
        self._random = random
        self._number = 0
        self._task: asyncio.Task[None] | None = None
        self.log: dict[str, Written] = {}

    async def prepare(self) -> None:
        """Create the namespace, without pods of an earlier run."""
        await self._api.ensure("/api/v1/namespaces", {"metadata": {"name": MARKERS}})
        self._nodes = [
            each["metadata"]["name"]
            for each in await self._api.nodes()
            if int(each["status"].get("allocatable", {}).get(GPU, 0))
        ]
        for pod in await self._api.list_all(f"/api/v1/namespaces/{MARKERS}/pods"):
            await self._api.delete_pod(MARKERS, pod["metadata"]["name"], grace_seconds=0)

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End, once what was sent is answered."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def forget(self, before: float = inf) -> None:
        """Forget the pods that were deleted before a time; without one all, for the cluster was put back."""
        self.log = {name: each for name, each in self.log.items() if before < inf and each.deleted >= before}

    async def _run(self) -> None:
        while True:
            # Each write has its end, however the program ends it.
            await asyncio.shield(asyncio.create_task(self._write()))
            await asyncio.sleep(EVERY_S)

    async def _write(self) -> None:
        alive = [each for each in self.log.values() if each.created < inf and each.delete_sent == inf]
        try:
            async with asyncio.timeout(10):
                if alive and self._random.randrange(MAX_PODS) < len(alive):
                    await self._delete(self._random.choice(alive))
                else:
                    await self._create()
        except (ApiError, aiohttp.ClientError, TimeoutError):
            # A fault of the control plane; the log says that the outcome is unknown.
            pass

    async def _create(self) -> None:
        self._number += 1
        written = Written(f"marker-{int(time.time())}-{self._number}")
        self.log[written.name] = written
        await self._api.create_pod(_pod(written.name, self._random.choice(self._nodes)))
        written.created = time.time()

    async def _delete(self, written: Written) -> None:
        written.delete_sent = time.time()
        await self._api.delete_pod(MARKERS, written.name, grace_seconds=0)
        written.deleted = time.time()


def _pod(name: str, node: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": MARKERS},
        "spec": {
            "nodeName": node,
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "main", "image": "none", "resources": {"limits": {GPU: "1"}}}],
        },
    }
