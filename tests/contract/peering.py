"""Lenses that answer for each other, each with a cluster of its own."""

import hashlib
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from lens.api.server import Server
from lens.api.stream.streams import HEARTBEAT_SECONDS
from lens.config.serve import ServeSettings
from lens.metrics import Metrics
from lens.peers.peer_client import MAX_BODY_BYTES
from lens.peers.peers import Peer, Peers
from tests.contract.conftest import TOKEN, Api, Clock
from tests.contract.kubernetes import Cluster

SERVICE = "service-token"
"""What a hub shows its peers."""


def peer(name: str, url: str, token: str | None = SERVICE, **given: Any) -> Peer:
    """Return a peer that is shown a token, or for None the caller's."""
    return Peer(name, url, None if token is None else lambda: f"Bearer {token}", **given)


def rights(token: str, limits: str = "", name: str = "somebody") -> str:
    """Return a tokens file's line for a token, with limits such as ``namespaces: [a]``."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    return f"  - {{name: {name}, sha256: {digest}{', ' if limits else ''}{limits}}}\n"


@asynccontextmanager
async def lens(
    name: str,
    folder: Path,
    cluster: Cluster,
    clock: Clock,
    *,
    peers: Iterable[Peer] = (),
    tokens: Iterable[str] = (rights(TOKEN), rights(SERVICE)),
    patience: float = 5.0,
    longest: int = MAX_BODY_BYTES,
    peers_clock: Clock | None = None,
    beat: float = HEARTBEAT_SECONDS,
    **given: Any,
) -> AsyncIterator[Api]:
    """Run a Lens for as long as it is used; a peer has ``patience`` seconds and ``longest`` bytes.

    Its streams have a heartbeat after ``beat`` seconds without a change.
    """
    tokens_file = folder / f"{name}-tokens.yaml"
    tokens_file.write_text("tokens:\n" + "".join(tokens))
    settings = {"cluster": name, "listen": "127.0.0.1:0", "tokens_file": tokens_file, **given}
    metrics = Metrics()
    present = {each.name: each for each in peers}
    asking = Peers(lambda: present, patience, metrics, peers_clock or time.monotonic, longest)
    server = Server(
        ServeSettings(**settings),
        cluster.state,
        metrics,
        clock,
        peers=asking,
        grace_seconds=2.0,
        heartbeat_seconds=beat,
    )
    await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Api(server, session)
    finally:
        await server.stop()
        await asking.close()
