"""The composition root: the only place that knows every room."""

import asyncio
import contextlib
import logging
import random
import resource
import signal
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from lens.api.server import Server
from lens.config import ServeSettings
from lens.metrics import Metrics
from lens.model.board import Board
from lens.model.exporters import ExporterPod
from lens.model.resources import GpuResources
from lens.model.taints import TaintPolicy
from lens.telemetry.credentials import BearerToken, Trust
from lens.telemetry.scraper import Scraper
from lens.telemetry.targets import Target

if TYPE_CHECKING:
    from lens.kube.watcher import Watcher

DISCOVERY_SECONDS = 0.5
SWITCH_SECONDS = 0.0005

_log = logging.getLogger("lens.app")


async def serve(settings: ServeSettings, on_listening: Callable[[Server], object]) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Raise OSError if the address can't be listened on, and ConnectionFailedError if there is no
    configuration of a way to an apiserver; one that doesn't answer is waited for.
    """
    # Two threads take turns, the watch's and this one, and each turn of the watch's loop waits for its own.
    sys.setswitchinterval(SWITCH_SECONDS)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    board, metrics = Board(), Metrics()
    server = Server(settings, board, metrics)
    await server.start()
    try:
        on_listening(server)
        working = {asyncio.create_task(_watch(settings, board, metrics))}
        if settings.telemetry != "none":
            working.add(asyncio.create_task(_read_telemetry(settings, board, metrics)))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({*working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        _log.info("stopping")
        # Requests under way are answered first, from the last snapshot.
        await server.stop()
        for task in (*working, stopping):
            task.cancel()
        for task in working:
            with contextlib.suppress(asyncio.CancelledError):
                await task
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
        exporters=settings.exporters(),
    )


async def _read_telemetry(settings: ServeSettings, board: Board, metrics: Metrics) -> None:
    """Read the exporters that the watch finds, and hang up what they tell."""
    # Each agent's connection is kept; what the system allows by default would be too few for a large fleet.
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    scraper = Scraper(
        lambda telemetry: setattr(board, "telemetry", telemetry),
        interval=settings.telemetry_interval_seconds,
        timeout=settings.telemetry_timeout_seconds,
        token=BearerToken(settings.telemetry_token_file) if settings.telemetry_token_file else None,
        trust=Trust(settings.telemetry_ca_file, settings.telemetry_server_name)
        if settings.telemetry_ca_file
        else None,
        reads=metrics.telemetry_reads,
        refusals=metrics.telemetry_refusals,
        chance=random.Random(),  # noqa: S311 - it spreads readings; two replicas shall differ
    )
    reading = asyncio.create_task(scraper.run())
    try:
        known: tuple[ExporterPod, ...] = ()
        while not reading.done():
            exporters = board.notice.snapshot.exporters
            if exporters != known:
                known = exporters
                scraper.set_targets(targets(exporters, settings))
            await asyncio.wait({reading}, timeout=DISCOVERY_SECONDS)
        await reading
    finally:
        reading.cancel()


def targets(exporters: Iterable[ExporterPod], settings: ServeSettings) -> dict[str, Target]:
    """Return whom to ask, by node; of several on a node the first by name."""
    scheme = "https" if settings.telemetry_ca_file else "http"
    path = "/v1/devices" if settings.telemetry == "agent" else "/metrics"
    found: dict[str, Target] = {}
    for pod in exporters:
        host = f"[{pod.ip}]" if ":" in pod.ip else pod.ip
        url = f"{scheme}://{host}:{settings.telemetry_port}{path}"
        assert settings.telemetry != "none"
        found.setdefault(pod.node, Target(pod.node, url, settings.telemetry, pod.name, pod.uid))
    return found
