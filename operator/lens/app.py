"""The composition root: the only place that knows every room."""

import asyncio
import logging
import random
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from lens import __version__, heap, jobs
from lens.api.server import Server
from lens.concurrency.changes import Changes
from lens.concurrency.supervisor import Supervisor
from lens.config.errors import SettingsError
from lens.config.serve import ServeSettings
from lens.files.credentials import BearerToken, TrustedCa
from lens.garbage import Collector
from lens.kube.readers.reviews import Reviewer
from lens.metrics import Metrics
from lens.model.alerts import rules
from lens.model.cluster_state import ClusterState
from lens.model.fit.record.record import Recorder
from lens.model.inventory.occupancy.placement import Placements
from lens.model.monitor import Monitor, NodeRules
from lens.peers.peers import Peer, Peers
from lens.peers.peers_file import PeerEntry
from lens.peers.registry import PeerRegistry
from lens.telemetry.scraper import Scraper

if TYPE_CHECKING:
    from lens.kube.watch.watcher import Watcher

DRAIN_SECONDS = 2.0

_log = logging.getLogger("lens.app")


async def serve(
    settings: ServeSettings,
    on_listening: Callable[[Server], object],
    *,
    node_rules: NodeRules = rules.node_conditions,
) -> None:
    """Run the operator until SIGTERM, SIGINT or SIGHUP.

    Raise ListenError if the address can't be listened on, SettingsError if a file that the settings name
    can't be used, and ConnectionFailedError if there is no configuration of an apiserver. An apiserver that
    doesn't answer is retried for ever. No other failure of a background job ends the operator. ``node_rules``
    return the conditions of a node.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    metrics = Metrics()
    changes = Changes()
    state = ClusterState(lambda what: metrics.over_bound.labels(what).inc(), changes.notify)
    supervisor = Supervisor(metrics.count_job_failures)
    reviewer = Reviewer(partial(jobs.connection, settings), settings.token_audiences, metrics)
    peers = Peers(PeerRegistry(settings, _peer).peers, settings.peers_timeout_seconds, metrics)
    scraper = None if settings.telemetry == "none" else _scraper(settings, state, metrics)
    if scraper is not None:
        state.telemetry = scraper.telemetry
    monitor = Monitor(settings.thresholds(), settings.events_kept, node_rules)
    recorder = Recorder(time.time())
    server = Server(settings, state, metrics, reviews=reviewer, peers=peers, drain_seconds=DRAIN_SECONDS)
    await server.start()
    try:
        _log.info(
            "starting",
            extra={
                "version": __version__,
                "cluster": settings.cluster,
                "auth": settings.auth,
                "telemetry": settings.telemetry,
            },
        )
        on_listening(server)
        watcher: asyncio.Future[Watcher] = loop.create_future()
        supervisor.start(
            "watch", partial(jobs.watch, settings, state, metrics, watcher), fatal=(SettingsError,)
        )
        supervisor.start("owners", partial(jobs.read_owners, settings, state, changes, metrics))
        supervisor.start("ready", partial(jobs.log_when_ready, state, changes, time.monotonic()))
        supervisor.start("monitor", partial(jobs.evaluate, settings, state, changes, metrics, monitor))
        supervisor.start("fit_record", partial(jobs.record_fit, state, changes, metrics, recorder))
        supervisor.start("garbage", lambda: Collector().run(partial(jobs.synced, state, changes)))
        if (trim := heap.trimmer()) is not None:
            supervisor.start("heap", partial(heap.keep_trimmed, trim))
        if settings.events_kept:
            supervisor.start("events", partial(jobs.read_events, settings, state, changes, metrics))
        if scraper is not None:
            supervisor.start("telemetry", scraper.run)
            supervisor.start(
                "targets", partial(jobs.follow_targets, settings, state, changes, metrics, scraper)
            )
            supervisor.start(
                "placement", partial(jobs.update_placements, state, changes, watcher, Placements())
            )
        await supervisor.wait(stop)
    finally:
        _log.info("stopping")
        # Requests under way are answered first, from the last snapshot.
        await server.stop()
        await supervisor.stop()
        await peers.close()
        await reviewer.close()


def _peer(entry: PeerEntry) -> Peer:
    """Return the peer of an entry. Raise SettingsError."""
    try:
        authorization = BearerToken(entry.token_file).header if entry.token_file else None
        trust = TrustedCa(entry.ca_file).context if entry.ca_file else None
    except SettingsError as error:
        raise SettingsError(f"LENS_PEERS: {entry.name}: {error}") from None
    return Peer(entry.name, entry.url, authorization, trust)


def _scraper(settings: ServeSettings, state: ClusterState, metrics: Metrics) -> Scraper:
    """Return the scraper of agents or exporters. Raise SettingsError."""
    return Scraper(
        lambda telemetry: setattr(state, "telemetry", telemetry),
        interval=settings.telemetry_interval_seconds,
        timeout=settings.telemetry_timeout_seconds,
        token=BearerToken(settings.telemetry_token_file) if settings.telemetry_token_file else None,
        trust=TrustedCa(settings.telemetry_ca_file, settings.telemetry_server_name)
        if settings.telemetry_ca_file
        else None,
        scrapes=metrics.telemetry_reads,
        errors=metrics.telemetry_refusals,
        rng=random.Random(),  # noqa: S311 - it spreads scrapes, differently in each replica
    )
