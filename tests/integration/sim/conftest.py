import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import msgspec
import pytest

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.objects.store import Store
from tests.required import program

TOKEN = "sim-token"

Kubectl = Callable[..., Awaitable[str]]


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def server(store: Store) -> AsyncIterator[SimApiServer]:
    server = SimApiServer(store, TOKEN)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(server: SimApiServer) -> AsyncIterator[aiohttp.ClientSession]:
    """Give a session that speaks to the server with its token, and for at most ten seconds."""
    async with aiohttp.ClientSession(
        server.url,
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=aiohttp.ClientTimeout(total=10),
    ) as session:
        yield session


@pytest.fixture
def kubeconfig(server: SimApiServer, tmp_path: Path) -> Path:
    address = f"http://lens:{TOKEN}@127.0.0.1:{server.port}"
    path = tmp_path / "kubeconfig"
    path.write_bytes(
        msgspec.json.encode(
            {
                "kind": "Config",
                "apiVersion": "v1",
                "current-context": "sim",
                "clusters": [{"name": "sim", "cluster": {"server": address}}],
                "contexts": [{"name": "sim", "context": {"cluster": "sim", "user": ""}}],
            }
        )
    )
    return path


@pytest.fixture
def command(kubeconfig: Path, tmp_path: Path) -> list[str]:
    return [str(program("kubectl")), "--kubeconfig", str(kubeconfig), "--cache-dir", str(tmp_path / "cache")]


@pytest.fixture
def kubectl(command: list[str]) -> Kubectl:
    async def run(*arguments: str, fails: bool = False) -> str:
        process = await asyncio.create_subprocess_exec(
            *command, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert (process.returncode != 0) is fails, err.decode()
        return (err if fails else out).decode()

    return run
