"""A simulated apiserver in a thread of its own, for processes of Lens."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from lens_sim.apiserver.apiserver import SimApiServer


@contextmanager
def served(server: SimApiServer, token: str, path: Path) -> Iterator[Path]:
    """Serve a cluster until the block ends; write the kubeconfig of who has the token to `path`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    path.write_text(
        yaml.safe_dump(
            {
                "clusters": [{"name": "sim", "cluster": {"server": server.url}}],
                "users": [{"name": "lens", "user": {"token": token}}],
                "contexts": [{"name": "sim", "context": {"cluster": "sim", "user": "lens"}}],
                "current-context": "sim",
            }
        )
    )
    try:
        yield path
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
