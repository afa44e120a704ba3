"""A simulated apiserver in a thread of its own, for processes of Lens."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lens_sim.apiserver.apiserver import SimApiServer
from tests.kubeconfig import write_kubeconfig


@contextmanager
def served(server: SimApiServer, token: str, path: Path) -> Iterator[Path]:
    """Serve a cluster until the block ends; write the kubeconfig of who has the token to `path`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    write_kubeconfig(path, server.url, {"token": token})
    try:
        yield path
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
