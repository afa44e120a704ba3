"""The composition root: the only place that knows every room."""

import asyncio
import contextlib
import logging
import random
import resource
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from lens.api.server import Server
from lens.config import ServeSettings, SettingsError
from lens.kube.events import Events
from lens.kube.getter import Getter
from lens.kube.outcomes import Outcomes
from lens.kube.owners import Owners
from lens.kube.reviews import Reviewer
from lens.metrics import Metrics
from lens.model.board import Board
from lens.model.exporters import ExporterPod
from lens.model.monitor import Monitor
from lens.model.placement import Placements
from lens.model.resources import GpuResources
from lens.model.taints import TaintPolicy
from lens.peers.entries import Entry
from lens.peers.peers import Peer, Peers
from lens.peers.roster import Roster
from lens.telemetry.credentials import BearerToken, Trust
from lens.telemetry.scraper import Scraper
from lens.telemetry.targets import Target

if TYPE_CHECKING:
    from lens.kube.connection import Connection
    from lens.kube.watcher import Watcher

DISCOVERY_SECONDS = 0.5
LOOK_SECONDS = 1.0
SYNC_SECONDS = 0.05
OUTCOME_SECONDS = 2.0
SWITCH_SECONDS = 0.0005
AGAIN_SECONDS = 5.0
PARTING_SECONDS = 2.0

_log = logging.getLogger("lens.app")


async def serve(settings: ServeSettings, on_listening: Callable[[Server], object]) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Raise ListenError if the address can't be listened on, and ConnectionFailedError if there is no
    configuration of a way to an apiserver; one that doesn't answer is waited for.
    """
    # Two threads take turns, the watch's and this one, and each turn of the watch's loop waits for its own.
    sys.setswitchinterval(SWITCH_SECONDS)
    # Streams and agents' connections are kept; what the system allows by default would be too few for many.
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics = Metrics()
    board = Board(lambda what: metrics.over_bound.labels(what).inc())
    reviewer = Reviewer(partial(_connection, settings), settings.token_audiences, metrics)
    peers = Peers(Roster(settings, _peer).present, settings.peers_timeout_seconds, metrics)
    server = Server(settings, board, metrics, reviews=reviewer, peers=peers, parting_seconds=PARTING_SECONDS)
    await server.start()
    try:
        on_listening(server)
        watcher: asyncio.Future[Watcher] = loop.create_future()
        working = {
            asyncio.create_task(_watch(settings, board, metrics, watcher)),
            asyncio.create_task(_again("owners", partial(_read_owners, settings, board, metrics))),
            asyncio.create_task(_monitor(settings, board, metrics)),
        }
        if settings.events_kept:
            working.add(
                asyncio.create_task(_again("Events", partial(_read_events, settings, board, metrics)))
            )
        if settings.telemetry != "none":
            working.add(asyncio.create_task(_read_telemetry(settings, board, metrics)))
            working.add(asyncio.create_task(_place_units(board, watcher)))
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
        await peers.close()
        await reviewer.close()


def _peer(entry: Entry) -> Peer:
    """Return the peer of an entry. Raise SettingsError."""
    try:
        authorization = BearerToken(entry.token_file).header if entry.token_file else None
        trust = Trust(entry.ca_file).context if entry.ca_file else None
    except SettingsError as error:
        raise SettingsError(f"LENS_PEERS: {entry.name}: {error}") from None
    return Peer(entry.name, entry.url, authorization, trust)


async def _watch(
    settings: ServeSettings, board: Board, metrics: Metrics, made: "asyncio.Future[Watcher]"
) -> None:
    watcher = await asyncio.to_thread(_watcher, settings, board, metrics)
    made.set_result(watcher)
    await watcher.run()


async def _place_units(board: Board, watcher: "asyncio.Future[Watcher]") -> None:
    """Let the ledger have what telemetry tells of which GPUs shared units are on."""
    place, placements = (await watcher).place, Placements()
    while True:
        notice = board.notice
        if changes := placements.changes(notice.snapshot.shared, notice.telemetry.nodes):
            place(changes)
        await asyncio.sleep(DISCOVERY_SECONDS)


def _watcher(settings: ServeSettings, board: Board, metrics: Metrics) -> "Watcher":
    """Import kopf and the Kubernetes client beside the server, which is listening by now."""
    from lens.kube.watcher import Watcher

    return Watcher(
        _connection(settings),
        board,
        metrics,
        GpuResources(settings.gpu_resources),
        TaintPolicy(settings.tolerated_taints),
        exporters=settings.exporters(),
    )


def _connection(settings: ServeSettings) -> "Connection":
    """Return a way to the apiserver; each thread that goes there has its own."""
    from lens.kube.connection import Connection

    return Connection(settings.kubeconfig, settings.kube_context)


async def _monitor(settings: ServeSettings, board: Board, metrics: Metrics) -> None:
    """Look at the board now and then, beside all else, and hang up what is wrong and what has happened."""
    monitor = Monitor(settings.thresholds(), settings.events_kept)
    getter = Getter(partial(_connection, settings), metrics, timeout=OUTCOME_SECONDS)
    async with Outcomes(getter) as outcomes:
        while True:
            # In this order: how a pod ended is noted before the notice that has it no more.
            notice = board.notice
            endings = await outcomes.settle(board.take_endings())
            told = board.take_told()
            board.findings = await asyncio.to_thread(monitor.look, notice, endings, time.time(), told)
            await asyncio.sleep(LOOK_SECONDS if notice.synced else SYNC_SECONDS)


async def _read_owners(settings: ServeSettings, board: Board, metrics: Metrics) -> None:
    """Read who stands above the GPU pods, and hang up what is known."""
    await Owners(
        lambda: board.notice.snapshot,
        lambda ascents: setattr(board, "ascents", ascents),
        Getter(partial(_connection, settings), metrics),
        metrics,
    ).run()


async def _read_events(settings: ServeSettings, board: Board, metrics: Metrics) -> None:
    """Read the apiserver's Events, and leave word of them."""
    await Events(lambda: board.notice, board.tell, partial(_connection, settings), metrics).run()


async def _again(what: str, read: Callable[[], Awaitable[None]]) -> None:
    """Read for ever; a defect in it ends nothing else."""
    while True:
        try:
            await read()
        except Exception:
            _log.exception("the reading of %s has ended; starting it anew", what)
        await asyncio.sleep(AGAIN_SECONDS)


async def _read_telemetry(settings: ServeSettings, board: Board, metrics: Metrics) -> None:
    """Read the exporters that the watch finds, and hang up what they tell."""
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
        known: tuple[tuple[ExporterPod, ...], frozenset[str]] = ((), frozenset())
        while not reading.done():
            snapshot = board.notice.snapshot
            present = snapshot.exporters, frozenset(snapshot.nodes)
            if present != known:
                known = present
                scraper.set_targets(targets(snapshot.exporters, settings), present[1])
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
