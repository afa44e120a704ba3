"""The composition root: the only place that knows every room."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from lens.api.server import Server
from lens.config import ServeSettings
from lens.metrics import Metrics
from lens.model.board import Board
from lens.model.resources import GpuResources
from lens.model.taints import TaintPolicy

if TYPE_CHECKING:
    from lens.kube.watcher import Watcher

_log = logging.getLogger("lens.app")


async def serve(settings: ServeSettings, on_listening: Callable[[Server], object]) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Raise OSError if the address can't be listened on, and ConnectionFailedError if there is no
    configuration of a way to an apiserver; one that doesn't answer is waited for.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    board, metrics = Board(), Metrics()
    server = Server(settings, board, metrics)
    await server.start()
    try:
        on_listening(server)
        watching = asyncio.create_task(_watch(settings, board, metrics))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        _log.info("stopping")
        # Requests under way are answered first, from the last snapshot.
        await server.stop()
        stopping.cancel()
        if not watching.done():
            watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
    finally:
        await server.stop()


async def _watch(settings: ServeSettings, board: Board, metrics: Metrics) -> None:
    watcher = await asyncio.to_thread(_watcher, settings, board, metrics)
    await watcher.run()


def _watcher(settings: ServeSettings, board: Board, metrics: Metrics) -> "Watcher":
    """Import kopf and the Kubernetes client beside the server, which is listening by now."""
    from lens.kube.connection import Connection
    from lens.kube.watcher import Watcher

    return Watcher(
        Connection(settings.kubeconfig, settings.kube_context),
        board,
        metrics,
        GpuResources(settings.gpu_resources),
        TaintPolicy(settings.tolerated_taints),
    )
