"""A real server on a loopback port of the system's choice, a cluster to fill, a clock to set."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lens.api.server import Server
from lens.api.stream.streams import HEARTBEAT_SECONDS
from lens.config.serve import ServeSettings
from lens.metrics import Metrics
from tests.contract.kubernetes import Cluster

TOKEN = "right-token"
NOW = 1766158200.0
"""2025-12-19T15:30:00Z"""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = NOW) -> None:
        """Set it."""
        self.now = now

    def __call__(self) -> float:
        """Tell the epoch second."""
        return self.now


class Api:
    """A running server, asked with the right token unless told otherwise."""

    def __init__(self, server: Server, session: aiohttp.ClientSession) -> None:
        """Take both."""
        self.server = server
        self._session = session

    async def ask(
        self, path: str, *, token: str | None = TOKEN, method: str = "GET", **headers: str
    ) -> "Answer":
        """Send one request; ``If_None_Match="…"`` sends the header If-None-Match."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        async with self._session.request(method, self.server.url + path, headers=sent) as response:
            return Answer(response, await response.read(), await _json(response))

    async def status(self, query: str = "", **headers: str) -> "Answer":
        """Ask for the status of prod-cluster."""
        return await self.ask(f"/api/v1/realtime/status?cluster=prod-cluster{query}", **headers)

    async def tasks(self, query: str = "", **headers: str) -> "Answer":
        """Ask for the running tasks of prod-cluster."""
        return await self.ask(f"/api/v1/realtime/running-tasks?cluster=prod-cluster{query}", **headers)


class Answer:
    """What came back."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes, document: Any) -> None:
        """Take it apart."""
        self.status = response.status
        self.headers = response.headers
        self.body = body
        self.document = document

    @property
    def data(self) -> Any:
        """Return the data of an answer that is none but good."""
        assert self.status == 200, self.body
        assert self.document["meta"] == {"code": 2000, "message": "OK"}
        return self.document["data"]

    @property
    def error(self) -> tuple[int, int, str]:
        """Return HTTP status, code and message of an error in its envelope."""
        assert self.document.keys() == {"meta", "data"}
        assert self.document["data"] is None
        assert self.headers["X-Request-Id"]
        assert self.headers["Cache-Control"] == "no-store"
        return self.status, self.document["meta"]["code"], self.document["meta"]["message"]


async def _json(response: aiohttp.ClientResponse) -> Any:
    if response.headers.get("Content-Type") == "application/json" and await response.read():
        return await response.json()
    return None


async def access_lines(caplog: pytest.LogCaptureFixture, count: int = 1) -> list[dict[str, Any]]:
    """Wait for ``count`` lines of the access log and return all there are."""
    async with asyncio.timeout(30):
        while True:
            lines = [vars(record) for record in caplog.records if record.name == "lens.access"]
            if len(lines) >= count:
                return lines
            await asyncio.sleep(0.01)


Serve = Callable[..., Awaitable[Api]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def tokens_file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens.yaml"
    write_tokens(path, grafana=TOKEN)
    return path


def write_tokens(path: Path, **tokens: str) -> None:
    """Write a tokens file with the hashes of ``tokens``, by name."""
    lines = (
        f"  - {{name: {name}, sha256: {hashlib.sha256(token.encode()).hexdigest()}}}\n"
        for name, token in tokens.items()
    )
    path.write_text("tokens:\n" + "".join(lines))


@pytest.fixture
async def serve(cluster: Cluster, clock: Clock, metrics: Metrics, tokens_file: Path) -> AsyncIterator[Serve]:
    """Start servers of ``cluster``, with settings beside the usual ones; stop them at the end."""
    servers: list[Server] = []
    async with aiohttp.ClientSession() as session:

        async def start(
            *,
            clock: Callable[[], float] = clock,
            grace_seconds: float = 2.0,
            client_timeout_seconds: float = 20.0,
            drain_seconds: float = 0.0,
            heartbeat_seconds: float = HEARTBEAT_SECONDS,
            **given: Any,
        ) -> Api:
            settings = {"cluster": "prod-cluster", "listen": "127.0.0.1:0", "tokens_file": tokens_file}
            server = Server(
                ServeSettings(**{**settings, **given}),
                cluster.state,
                metrics,
                clock,
                grace_seconds=grace_seconds,
                client_timeout_seconds=client_timeout_seconds,
                drain_seconds=drain_seconds,
                heartbeat_seconds=heartbeat_seconds,
            )
            await server.start()
            servers.append(server)
            return Api(server, session)

        yield start
    for server in servers:
        await server.stop()


@pytest.fixture
async def api(serve: Serve, cluster: Cluster) -> Api:
    """Return a running server of a cluster that is synced, and empty unless a test fills it."""
    cluster.publish(NOW)
    return await serve()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ServeSettings.model_fields:
        monkeypatch.delenv(f"LENS_{name.upper()}", raising=False)
