"""Lens in mode ``kubernetes`` before a simulated apiserver that can be made to misbehave."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from lens.api.server import Server
from lens.config.serve import ServeSettings
from lens.kube.client.kubeconfig import Connection
from lens.kube.readers.reviews import Reviewer
from lens.metrics import Metrics
from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.apiserver.reviews import Account, Right
from lens_sim.objects.store import Store
from tests.contract.kubernetes import Cluster, node, pod
from tests.integration.watch.front import Front, Request
from tests.kubeconfig import write_kubeconfig

NOW = 1766158200.0
OWN_TOKEN = "own-token"
PATIENCE_S = 30.0
"""For how long Lens waits for a review, so that a busy machine fails none."""

TIMEOUT_S = 0.5
"""For how long Lens waits for one that hangs."""

REALTIME = Right("get", "lens", "realtime")
TOKEN_REVIEW = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS_REVIEW = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

STATUS = "/api/v1/realtime/status?cluster=prod-cluster"
TASKS = "/api/v1/realtime/running-tasks?cluster=prod-cluster"


class Answer(NamedTuple):
    """What Lens said."""

    status: int
    code: int
    message: str
    data: Any
    headers: dict[str, str]


class Scene:
    """A cluster with accounts, its apiserver behind a front, and Lens."""

    def __init__(self, sim: SimApiServer, front: Front, kubeconfig: Path) -> None:
        self.sim = sim
        self.front = front
        self.kubeconfig = kubeconfig
        self.metrics = Metrics()
        self.now = NOW
        self._server: Server
        self._reviewer: Reviewer
        self._session = aiohttp.ClientSession()

    def account(self, token: str, *rights: Right, **more: Any) -> None:
        """Let somebody be known by a token, and have these rights."""
        name = f"user-of-{token}"
        self.sim.accounts.by_token[token] = Account(name, **more)
        self.sim.accounts.rights[name] = set(rights)

    def reviews(self, path: str) -> list[Any]:
        """Return what was asked of the apiserver, each review's spec."""
        return [json.loads(request.body)["spec"] for request in self.requests(path)]

    def requests(self, path: str) -> list[Request]:
        """Return the requests for a kind of review."""
        return [request for request in self.front.requests if request.path == path]

    async def serve(
        self, connection: Connection | None = None, *, patience: float = PATIENCE_S, **settings: Any
    ) -> None:
        """Start Lens; for a review it waits ``patience`` seconds."""
        cluster = Cluster()
        cluster.add(node("n1"))
        cluster.add(pod("mine", "n1", namespace="team-a"), pod("theirs", "n1", namespace="team-b"))
        cluster.publish(NOW)
        given = ServeSettings(
            **{"cluster": "prod-cluster", "listen": "127.0.0.1:0", "auth": "kubernetes", **settings}
        )
        self._reviewer = Reviewer(
            lambda: connection or Connection(self.kubeconfig), given.token_audiences, self.metrics, patience
        )
        self._server = Server(
            given, cluster.state, self.metrics, lambda: self.now, reviews=self._reviewer, grace_seconds=2
        )
        await self._server.start()
        await self._warm_up()

    @property
    def url(self) -> str:
        """Return where Lens is."""
        return self._server.url

    async def _warm_up(self) -> None:
        """Have the client read its configuration, which on a busy machine may take longer than a review."""
        deadline = asyncio.get_running_loop().time() + 60
        while (await self.ask(STATUS, "nobody")).status == 503:
            assert asyncio.get_running_loop().time() < deadline
        self.front.requests.clear()
        self.now += 3600

    async def ask(self, path: str, token: str | None) -> Answer:
        """Ask Lens with a token."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self._session.get(self._server.url + path, headers=headers) as response:
            document = await response.json()
            meta = document["meta"]
            return Answer(
                response.status, meta["code"], meta["message"], document["data"], dict(response.headers)
            )

    async def stop(self) -> None:
        """End Lens."""
        await self._session.close()
        await self._server.stop()
        await self._reviewer.close()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Return a scene whose apiserver is up; Lens is started by the test or ``lens``."""
    sim = SimApiServer(Store(), OWN_TOKEN)
    await sim.start()
    front = Front(sim.port)
    await front.start()
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", front.url, {"token": OWN_TOKEN})
    scene = Scene(sim, front, kubeconfig)
    yield scene
    await scene.stop()
    await front.stop()
    await sim.stop()


@pytest.fixture
async def lens(scene: Scene) -> Scene:
    """Return a scene on which Lens runs with its defaults."""
    await scene.serve()
    return scene


@pytest.fixture
async def impatient(scene: Scene) -> Scene:
    """Return a scene on which Lens doesn't wait long for a review."""
    await scene.serve(patience=TIMEOUT_S)
    return scene
