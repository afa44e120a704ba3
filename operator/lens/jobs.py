"""The background jobs of ``lens serve``: what each does again and again."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from lens.concurrency import slices
from lens.concurrency.changes import Changes
from lens.config.serve import ServeSettings
from lens.kube.client.object_reader import ObjectReader
from lens.kube.readers.events import Events
from lens.kube.readers.finished_pods import FinishedPods
from lens.kube.readers.owners import OwnerResolver
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState
from lens.model.fit.deadline import Check, deadline
from lens.model.fit.record.record import Recorder
from lens.model.gpu.exporters import ExporterPod
from lens.model.inventory.occupancy.placement import Placements
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy
from lens.model.monitor import Monitor
from lens.telemetry.scraper import Scraper
from lens.telemetry.targets import Target

if TYPE_CHECKING:
    from lens.kube.client.kubeconfig import Connection
    from lens.kube.watch.watcher import Watcher

DISCOVERY_SECONDS = 0.5
EVALUATION_SECONDS = 1.0
OUTCOME_SECONDS = 2.0
RECORD_SECONDS = 1.0
MAX_RECORD_SECONDS = 0.1
"""How long readings for the record of fit take in each ``RECORD_SECONDS``."""

_log = logging.getLogger("lens.app")


async def synced(state: ClusterState, changes: Changes) -> None:
    """Wait until all lists are complete."""
    await changes.until(lambda: state.current.synced)


async def log_when_ready(state: ClusterState, changes: Changes, began: float) -> None:
    """Log what the lists have once all are complete; ``began`` is when the process started to serve."""
    await synced(state, changes)
    snapshot = state.current.snapshot
    nodes, gpus = snapshot.gpu_nodes.total, snapshot.states.total
    pods = len(snapshot.pending)
    pods += sum(await slices.each(lambda node: len(node.pods), snapshot.nodes.values()))
    seconds = round(time.monotonic() - began, 1)
    _log.info("ready: %d nodes, %d GPUs, %d pods listed in %.1f s", nodes, gpus, pods, seconds)


async def watch(
    settings: ServeSettings, state: ClusterState, metrics: Metrics, made: "asyncio.Future[Watcher]"
) -> None:
    """Run the watcher that ``made`` will have. After a restart of the job, it continues with its ledger."""
    if not made.done():
        made.set_result(await asyncio.to_thread(_watcher, settings, state, metrics))
    await made.result().run()


async def update_placements(
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
        connection(settings),
        state,
        metrics,
        GpuResources(settings.gpu_resources),
        TaintPolicy(settings.tolerated_taints),
        exporters=settings.exporters(),
        drivers=GpuDrivers(settings.gpu_drivers),
        reservations=settings.kai_namespace,
        selection=settings.node_selection(),
    )


def connection(settings: ServeSettings) -> "Connection":
    """Return a connection to the apiserver. Each thread needs its own."""
    from lens.kube.client.kubeconfig import Connection

    return Connection(settings.kubeconfig, settings.kube_context)


async def evaluate(
    settings: ServeSettings, state: ClusterState, changes: Changes, metrics: Metrics, monitor: Monitor
) -> None:
    """Evaluate alerts and events once a second, and publish them.

    After a restart of the job, the same ``monitor`` continues: a new one would have no events, and every
    condition would have to last again.
    """
    objects = ObjectReader(partial(connection, settings), metrics, timeout=OUTCOME_SECONDS)
    async with FinishedPods(objects) as finished_pods:
        await synced(state, changes)
        # At once, however busy the start is: events are what has changed since the first evaluation.
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


async def record_fit(state: ClusterState, changes: Changes, metrics: Metrics, recorder: Recorder) -> None:
    """Compare Lens' predictions for pending pods with the scheduler's decisions, and publish the record.

    After a restart of the job, the same ``recorder`` continues.
    """
    await synced(state, changes)
    while True:
        current, (decisions, abstained) = state.current, state.fit_decisions.take()
        now = time.time()
        tick = partial(recorder.tick, current.fit, current.age(now), decisions, abstained, now)
        judged = await asyncio.to_thread(_within_thread_time, tick)
        metrics.count_fit_checks(judged)
        state.fit_record = recorder.record
        await asyncio.sleep(RECORD_SECONDS)


def _within_thread_time(tick: Callable[[Check], Mapping[str, int]]) -> Mapping[str, int]:
    # On a busy machine most of this second is waiting, which uses no CPU.
    return tick(deadline(time.thread_time, MAX_RECORD_SECONDS))


async def read_owners(
    settings: ServeSettings, state: ClusterState, changes: Changes, metrics: Metrics
) -> None:
    """Read the owners of GPU pods, and publish their chains."""
    await OwnerResolver(
        lambda: state.current.snapshot,
        changes,
        lambda owner_chains: setattr(state, "owner_chains", owner_chains),
        ObjectReader(partial(connection, settings), metrics),
        metrics,
    ).run()


async def read_events(
    settings: ServeSettings, state: ClusterState, changes: Changes, metrics: Metrics
) -> None:
    """Read the apiserver's Events, and add those of GPU pods and nodes to the state."""
    await Events(
        lambda: state.current, changes, state.add_kube_events, partial(connection, settings), metrics
    ).run()


async def follow_targets(
    settings: ServeSettings, state: ClusterState, changes: Changes, metrics: Metrics, scraper: Scraper
) -> None:
    """Give the scraper the agents or exporters that the watch finds."""
    await synced(state, changes)
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
