"""A tenant whose right to a namespace comes and goes, and what a third Lens shows it."""

import asyncio
import time
from dataclasses import dataclass
from math import inf
from pathlib import Path
from random import Random

import aiohttp

from tests.chaos.churn import MARKERS
from tests.chaos.replica import Replica
from tests.e2e.cluster.api import Api, ApiError
from tests.e2e.cluster.shapes import NAMESPACES
from tests.e2e.lens import CLUSTER

NAME = "tenant"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
BINDINGS = f"{RBAC}/namespaces/{MARKERS}/rolebindings"
OWN = f"namespace={MARKERS}"
"""What the tenant may see now and then."""

EVERY_S = 0.25
GRANTED_S = (2.0, 10.0)
REVOKED_S = (40.0, 55.0)
"""Longer than a granted review is good for."""

TIMEOUT = aiohttp.ClientTimeout(total=20)


@dataclass
class Revoked:
    """A time without the right, in epoch seconds: from when it was taken to when it was to be given again."""

    taken: float
    given: float = inf


@dataclass(frozen=True)
class Shown:
    """An answer of 200: to what, when it was asked for and came, and the namespaces of its tasks."""

    what: str
    sent: float
    came: float
    namespaces: frozenset[str]


class Tenant:
    """May see one namespace now and then; asks for it, for another one and for the cluster all the time."""

    def __init__(self, api: Api, replica: Replica, random: Random) -> None:
        """Take the administrator's client, and a Lens that asks the apiserver who may see what."""
        self._api = api
        self._replica = replica
        self._random = random
        self._tasks: list[asyncio.Task[None]] = []
        self._turning = asyncio.Lock()
        self.revoked: list[Revoked] = []
        self.shown: list[Shown] = []

    async def start(self, folder: Path) -> None:
        """Begin, without the right."""
        await self._api.ensure("/api/v1/namespaces", {"metadata": {"name": MARKERS}})
        await self._api.ensure(f"/api/v1/namespaces/{MARKERS}/serviceaccounts", {"metadata": {"name": NAME}})
        await self._api.rotate_token(MARKERS, NAME, folder / "tenant.token")
        self._token = (folder / "tenant.token").read_text().strip()
        for what in (OWN, f"namespace={NAMESPACES[0]}", ""):
            asking = ask(self._replica.url, self._token, what, self.shown)
            self._tasks.append(asyncio.create_task(asking))
        self._tasks.append(asyncio.create_task(self._turn()))

    async def stop(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def still(self) -> asyncio.Lock:
        """What is held while nobody may write."""
        return self._turning

    def forget(self) -> None:
        """Believe nothing of before: the cluster was put back."""
        self.revoked.clear()

    async def _turn(self) -> None:
        while True:
            try:
                async with self._turning, asyncio.timeout(10):
                    await self._grant()
                await asyncio.sleep(self._random.uniform(*GRANTED_S))
                async with self._turning, asyncio.timeout(10):
                    await self._revoke()
            except (ApiError, aiohttp.ClientError, TimeoutError):
                # A fault of the control plane: whether it was done is unknown.
                await asyncio.sleep(1)
                continue
            await asyncio.sleep(self._random.uniform(*REVOKED_S))

    async def _grant(self) -> None:
        if self.revoked:
            self.revoked[-1].given = min(self.revoked[-1].given, time.time())
        await self._api.ensure(
            BINDINGS,
            {
                "metadata": {"name": NAME},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": "lens-viewer",
                },
                "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": MARKERS}],
            },
        )

    async def _revoke(self) -> None:
        await self._api.delete(f"{BINDINGS}/{NAME}")
        self.revoked.append(Revoked(time.time()))


async def ask(url: str, token: str, what: str, shown: list[Shown]) -> None:
    """Ask a Lens for tasks with a token all the time, and note what it shows."""
    url = f"{url}/api/v1/realtime/running-tasks?cluster={CLUSTER}&{what}"
    headers = {"Authorization": f"Bearer {token}", "Cache-Control": "no-cache"}
    async with aiohttp.ClientSession(timeout=TIMEOUT, headers=headers) as session:
        while True:
            sent = time.time()
            try:
                async with session.get(url) as response:
                    body = await response.json()
                    if response.status == 200:
                        found = frozenset(row["namespace"] for row in body["data"]["tasks"])
                        shown.append(Shown(what, sent, time.time(), found))
            except (aiohttp.ClientError, TimeoutError, OSError):
                # It is the others who count failures.
                pass
            await asyncio.sleep(EVERY_S)
