from collections.abc import AsyncIterator

import aiohttp
import pytest

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.objects.store import Store

TOKEN = "sim-token"


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
