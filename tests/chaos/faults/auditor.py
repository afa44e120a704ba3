"""A caller with a right to everything, and a new token now and then, whom a Lens has to serve."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.chaos.replica import Replica
from tests.e2e.cluster.api import Api
from tests.e2e.cluster.waiting import wait_until
from tests.e2e.lens import CLUSTER

NAME = "auditor"
NAMESPACE = "default"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
EVERY_S = 0.25
NEW_TOKEN_S = 3.0
"""A new token is one that Lens has to ask the apiserver about."""

TIMEOUT = aiohttp.ClientTimeout(total=10)


class Auditor:
    """Asks the Lens that asks the apiserver who may see what."""

    def __init__(self, api: Api, replica: Replica, folder: Path) -> None:
        """Take the administrator's client, whom to ask, and a folder for the token."""
        self._api = api
        self._url = f"{replica.url}/api/v1/realtime/status?cluster={CLUSTER}"
        self._token_file = folder / "auditor.token"
        self._asked = 0
        self._failed: list[str] = []

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Have the right, and ask, while the block lasts."""
        account = {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "lens-viewer"}
        await self._api.ensure(
            f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": NAME}}
        )
        await self._api.ensure(BINDINGS, {"metadata": {"name": NAME}, "roleRef": role, "subjects": [account]})
        try:
            async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
                await self._renew()
                await wait_until(lambda: self._is_served(session), "the auditor's right", 30)
                self._failed.clear()
                task = asyncio.create_task(self._ask_on(session))
                try:
                    yield
                finally:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
        finally:
            await self._api.delete(f"{BINDINGS}/{NAME}")

    def check(self) -> None:
        """Raise AssertionError if an answer wasn't 200."""
        assert self._asked, "the auditor asked nothing"
        assert not self._failed, f"{len(self._failed)} of the auditor's requests failed: {self._failed[:3]}"

    async def _renew(self) -> None:
        await self._api.rotate_token(NAMESPACE, NAME, self._token_file)
        self._token = self._token_file.read_text().strip()
        self._renewed = time.monotonic()

    async def _ask_on(self, session: aiohttp.ClientSession) -> None:
        while True:
            if time.monotonic() - self._renewed > NEW_TOKEN_S:
                await self._renew()
            self._asked += 1
            await self._is_served(session)
            await asyncio.sleep(EVERY_S)

    async def _is_served(self, session: aiohttp.ClientSession) -> bool:
        headers = {"Authorization": f"Bearer {self._token}", "Cache-Control": "no-cache"}
        try:
            async with session.get(self._url, headers=headers) as response:
                answer = await response.json()
                if response.status != 200:
                    self._failed.append(f"{response.status} {answer['meta']['message']}")
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError) as error:
            self._failed.append(repr(error))
            return False
