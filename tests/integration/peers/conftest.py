"""A hub with a cluster of its own, and its peer ``west``."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.contract.conftest import NOW, Api, Clock
from tests.contract.kubernetes import Cluster, node
from tests.contract.peering import lens, peer
from tests.integration.peers.peer_answers import Hub, good
from tests.integration.telemetry.server import FakeServer, sends


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def west() -> AsyncIterator[FakeServer]:
    async with FakeServer(sends(good())) as server:
        yield server


@pytest.fixture
def hub_of(tmp_path: Path, clock: Clock) -> Hub:
    """Run hubs that have a cluster of their own and the given peers."""
    cluster = Cluster()
    cluster.add(node("h1"))
    cluster.publish(NOW)

    def run(*of: object, **given: object) -> AbstractAsyncContextManager[Api]:
        return lens("hub", tmp_path, cluster, clock, peers=of, **{"patience": 30.0, **given})  # type: ignore[arg-type]

    return run


@pytest.fixture
async def hub(hub_of: Hub, west: FakeServer) -> AsyncIterator[Api]:
    async with hub_of(peer("west", west.url(""))) as api:
        yield api
