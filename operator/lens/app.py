"""The composition root: the only place that knows every room."""

import asyncio
import logging
import random
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from lens import __version__, heap
from lens.api.server import Server
from lens.concurrency.changes import Changes
from lens.concurrency.supervisor import Supervisor
from lens.config.errors import SettingsError
from lens.config.serve import ServeSettings
from lens.files.credentials import BearerToken, TrustedCa
from lens.garbage import Collector
from lens.kube.client.object_reader import ObjectReader
from lens.kube.readers.events import Events
from lens.kube.readers.finished_pods import FinishedPods
from lens.kube.readers.owners import OwnerResolver
from lens.kube.readers.reviews import Reviewer
from lens.metrics import Metrics
from lens.model.alerts import rules
from lens.model.cluster_state import ClusterState
from lens.model.fit.deadline import Check, deadline
from lens.model.fit.record.record import Recorder
from lens.model.gpu.exporters import ExporterPod
from lens.model.inventory.occupancy.placement import Placements
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy
from lens.model.monitor import Monitor, NodeRules
from lens.peers.peers import Peer, Peers
from lens.peers.peers_file import PeerEntry
from lens.peers.registry import PeerRegistry
from lens.telemetry.scraper import Scraper
from lens.telemetry.targets import Target

if TYPE_CHECKING:
    from lens.kube.client.kubeconfig import Connection
    from lens.kube.watch.watcher import Watcher

DISCOVERY_SECONDS = 0.5
EVALUATION_SECONDS = 1.0
OUTCOME_SECONDS = 2.0
RECORD_SECONDS = 1.0
MOST_RECORD_SECONDS = 0.1
"""How long readings for the record of fit take in each ``RECORD_SECONDS``."""
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
    reviewer = Reviewer(partial(_connection, settings), settings.token_audiences, metrics)
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
        supervisor.start("watch", partial(_watch, settings, state, metrics, watcher), fatal=(SettingsError,))
        supervisor.start("owners", partial(_read_owners, settings, state, changes, metrics))
        supervisor.start("ready", partial(_log_when_ready, state, changes, time.monotonic()))
        supervisor.start("monitor", partial(_monitor, settings, state, changes, metrics, monitor))
        supervisor.start("fit_record", partial(_record_fit, state, changes, metrics, recorder))
        supervisor.start("garbage", lambda: Collector().run(partial(_synced, state, changes)))
        if (trim := heap.trimmer()) is not None:
            supervisor.start("heap", partial(heap.keep_trimmed, trim))
        if settings.events_kept:
            supervisor.start("events", partial(_read_events, settings, state, changes, metrics))
        if scraper is not None:
            supervisor.start("telemetry", scraper.run)
            supervisor.start("targets", partial(_follow_targets, settings, state, changes, metrics, scraper))
            supervisor.start("placement", partial(_update_placements, state, changes, watcher, Placements()))
        await supervisor.wait(stop)
    finally:
        _log.info("stopping")
        # Requests under way are answered first, from the last snapshot.
        await server.stop()
        await supervisor.stop()
        await peers.close()
        await reviewer.close()


async def _synced(state: ClusterState, changes: Changes) -> None:
    """Wait until all lists are complete."""
    await changes.until(lambda: state.current.synced)


async def _log_when_ready(state: ClusterState, changes: Changes, began: float) -> None:
    """Log what the lists have once all are complete; ``began`` is when the process started to serve."""
    await _synced(state, changes)
    snapshot = state.current.snapshot
    nodes, gpus = snapshot.gpu_nodes.total, snapshot.states.total
    pods = len(snapshot.pending) + sum(len(each.pods) for each in snapshot.nodes.values())
    seconds = round(time.monotonic() - began, 1)
    _log.info("ready: %d nodes, %d GPUs, %d pods listed in %.1f s", nodes, gpus, pods, seconds)


def _peer(entry: PeerEntry) -> Peer:
    """Return the peer of an entry. Raise SettingsError."""
    try:
        authorization = BearerToken(entry.token_file).header if entry.token_file else None
        trust = TrustedCa(entry.ca_file).context if entry.ca_file else None
    except SettingsError as error:
        raise SettingsError(f"LENS_PEERS: {entry.name}: {error}") from None
    return Peer(entry.name, entry.url, authorization, trust)


async def _watch(
    settings: ServeSettings, state: ClusterState, metrics: Metrics, made: "asyncio.Future[Watcher]"
) -> None:
    # After a restart of the job, the same watcher continues with its ledger.
    if not made.done():
        made.set_result(await asyncio.to_thread(_watcher, settings, state, metrics))
    await made.result().run()


async def _update_placements(
    state: ClusterState, changes: Changes, watcher: "asyncio.Future[Watcher]", placements: Placements
) -> None:
    """Give the ledger the placement of shared units, and the products, that telemetry reports."""
    put_placements = (await asyncio.shield(watcher)).put_placements
    current = state.current

    def has_changed() -> bool:
        now, before = state.current.snapshot, current.snapshot
        return (
            now.shared is not before.shared
            or now.both_ways is not before.both_ways
            or state.telemetry.nodes is not current.telemetry.nodes
        )

    while True:
        current = state.current
        wanted = current.snapshot.shared | current.snapshot.both_ways
        if changed := placements.changes(wanted, current.telemetry.nodes):
            put_placements(changed)
        await asyncio.sleep(DISCOVERY_SECONDS)
        await changes.until(has_changed)


def _watcher(settings: ServeSettings, state: ClusterState, metrics: Metrics) -> "Watcher":
    """Import kopf and the Kubernetes client, now that the server is listening."""
    from lens.kube.watch.watcher import Watcher

    return Watcher(
        _connection(settings),
        state,
        metrics,
        GpuResources(settings.gpu_resources),
        TaintPolicy(settings.tolerated_taints),
        exporters=settings.exporters(),
        drivers=GpuDrivers(settings.gpu_drivers),
        reservations=settings.kai_namespace,
        selection=settings.node_selection(),
    )


def _connection(settings: ServeSettings) -> "Connection":
    """Return a connection to the apiserver. Each thread needs its own."""
    from lens.kube.client.kubeconfig import Connection

    return Connection(settings.kubeconfig, settings.kube_context)


async def _monitor(
    settings: ServeSettings, state: ClusterState, changes: Changes, metrics: Metrics, monitor: Monitor
) -> None:
    """Evaluate alerts and events once a second, and publish them.

    After a restart of the job, the same ``monitor`` continues: a new one would have no events, and every
    condition would have to last again.
    """
    objects = ObjectReader(partial(_connection, settings), metrics, timeout=OUTCOME_SECONDS)
    async with FinishedPods(objects) as finished_pods:
        await _synced(state, changes)
        while True:
            # The order matters: the watcher adds a pod's termination before it sets the state without the
            # pod.
            current = state.current
            terminations = await finished_pods.resolve(state.take_terminations())
            kube_events = state.take_kube_events()
            state.alerts_and_events = await asyncio.to_thread(
                metrics.round("monitor")(monitor.evaluate), current, terminations, time.time(), kube_events
            )
            monitor.raise_failure()
            await asyncio.sleep(EVALUATION_SECONDS)


async def _record_fit(state: ClusterState, changes: Changes, metrics: Metrics, recorder: Recorder) -> None:
    """Compare what Lens says of pending pods with what the scheduler does, and publish the record.

    After a restart of the job, the same ``recorder`` continues.
    """
    await _synced(state, changes)
    while True:
        current, (decisions, abstained) = state.current, state.fit_decisions.take()
        now = time.time()
        tick = partial(recorder.tick, current.fit, current.age(now), decisions, abstained, now)
        judged = await asyncio.to_thread(_within_thread_time, tick)
        metrics.count_fit_checks(judged)
        state.fit_record = recorder.record
        await asyncio.sleep(RECORD_SECONDS)


def _within_thread_time(tick: Callable[[Check], Mapping[str, int]]) -> Mapping[str, int]:
    # On a busy machine the thread waits for most of a second, which costs nobody anything.
    return tick(deadline(time.thread_time, MOST_RECORD_SECONDS))


async def _read_owners(
    settings: ServeSettings, state: ClusterState, changes: Changes, metrics: Metrics
) -> None:
    """Read the owners of GPU pods, and publish their chains."""
    await OwnerResolver(
        lambda: state.current.snapshot,
        changes,
        lambda owner_chains: setattr(state, "owner_chains", owner_chains),
        ObjectReader(partial(_connection, settings), metrics),
        metrics,
    ).run()


async def _read_events(
    settings: ServeSettings, state: ClusterState, changes: Changes, metrics: Metrics
) -> None:
    """Read the apiserver's Events, and add those of GPU pods and nodes to the state."""
    await Events(
        lambda: state.current, changes, state.add_kube_events, partial(_connection, settings), metrics
    ).run()


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


async def _follow_targets(
    settings: ServeSettings, state: ClusterState, changes: Changes, metrics: Metrics, scraper: Scraper
) -> None:
    """Give the scraper the agents or exporters that the watch finds."""
    await _synced(state, changes)
    snapshot = state.current.snapshot
    found = {node: _target(pod, settings) for node, pod in snapshot.exporters.items()}
    scraper.set_targets(found, snapshot.nodes.keys(), snapshot.exporter_nodes)

    def has_changed() -> bool:
        return state.current.snapshot is not snapshot

    while True:
        await asyncio.sleep(DISCOVERY_SECONDS)
        await changes.until(has_changed)
        before, snapshot = snapshot, state.current.snapshot
        with metrics.round("targets"):
            others = {
                node: None if (pod := snapshot.exporters.get(node)) is None else _target(pod, settings)
                for node in snapshot.exporters.differing(before.exporters)
            }
            gone = {node for node in snapshot.nodes.differing(before.nodes) if node not in snapshot.nodes}
            gone |= {node for node, target in others.items() if target is None and node not in snapshot.nodes}
            has_nodes = len(snapshot.nodes) > 0
            awaited = snapshot.exporter_nodes, has_nodes
            if others or gone or awaited != (before.exporter_nodes, len(before.nodes) > 0):
                scraper.change_targets(others, gone, snapshot.exporter_nodes, has_nodes=has_nodes)


def _target(pod: ExporterPod, settings: ServeSettings) -> Target:
    """Return the scraper's target of an exporter."""
    scheme = "https" if settings.telemetry_ca_file else "http"
    path = "/v1/devices" if settings.telemetry == "agent" else "/metrics"
    host = f"[{pod.ip}]" if ":" in pod.ip else pod.ip
    url = f"{scheme}://{host}:{settings.telemetry_port}{path}"
    assert settings.telemetry != "none"
    return Target(pod.node, url, settings.telemetry, pod.name, pod.uid)
