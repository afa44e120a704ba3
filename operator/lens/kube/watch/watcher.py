"""The watcher: runs kopf in a thread and an event loop of its own, and restarts it for ever.

Only that thread changes the ledger. It publishes immutable snapshots in the cluster's state.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import msgspec

from lens.kube.client.kubeconfig import Connection
from lens.kube.client.restarts import Restarts
from lens.kube.watch.freshness import Freshness
from lens.kube.watch.kopf_settings import DAEMONSETS, NODES, PODS, TIMEOUTS, Timeouts, WatchedResource
from lens.kube.watch.kopf_thread import KopfThread, Readers
from lens.kube.watch.liveness import Liveness
from lens.kube.watch.outage import Outage
from lens.kube.watch.publisher import Publisher
from lens.kube.watch.reflector import Reflector
from lens.kube.watch.resources.dynamic_allocation import dynamic_allocation
from lens.kube.watch.resources.fit_resources import FitResources
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState
from lens.model.events.terminations import read_termination
from lens.model.fit.fit_store import Pending, node_for_fit, node_store, pod_for_fit, pod_store
from lens.model.fit.record.decisions import Decisions
from lens.model.fit.state import FitState
from lens.model.fit.view import NOTHING_FIT, FitView
from lens.model.gpu.exporters import ExporterSelector
from lens.model.inventory.decoding.kinds import daemonset_decoder, node_decoder, pod_decoder
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.objects.fraction import RESERVATIONS
from lens.model.inventory.objects.pod import PodKey
from lens.model.inventory.occupancy.placement import Placement
from lens.model.inventory.snapshot import EMPTY
from lens.model.inventory.store import Store
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.node_selection import ALL_NODES, NodeSelection
from lens.model.k8s.taints import TaintPolicy

_log = logging.getLogger(__name__)


class Watcher:
    """Watch pods and nodes, and restart kopf whenever it ends or stalls."""

    def __init__(
        self,
        connection: Connection,
        state: ClusterState,
        metrics: Metrics,
        gpus: GpuResources,
        taints: TaintPolicy,
        *,
        exporters: ExporterSelector | None = None,
        drivers: GpuDrivers | None = None,
        reservations: str = RESERVATIONS,
        selection: NodeSelection = ALL_NODES,
        clock: Callable[[], float] = time.time,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        """Take the connection, the state to publish in, and the selector of the pods that report GPUs.

        ``selection`` has the nodes that are counted.
        """
        self._connection = connection
        self._state = state
        self._metrics = metrics
        self._gpus = gpus
        self._clock = clock
        self._timeouts = timeouts
        self._exporters = exporters
        self._daemonset = (
            PodKey(exporters.namespace, exporters.daemonset) if exporters and exporters.daemonset else None
        )
        drivers = drivers or GpuDrivers()
        self._selection = selection
        self._ledger = Ledger(taints, exporters.daemonset if exporters else None, drivers, selection)
        self._pods = Store(self._ledger.pods, self._ledger.put_pod)
        self._nodes = Store(self._ledger.nodes, self._ledger.put_node)
        self._daemonsets = Store(self._ledger.daemonsets, self._ledger.put_daemonset)
        self._reservations = reservations
        self._fit = FitState()
        self._dynamic = dynamic_allocation(self._ledger, self._fit.devices, gpus, drivers, metrics, timeouts)
        self._pending = Pending()
        self._decisions = state.fit_decisions = Decisions(self._fit, clock)
        self._pod_store = pod_store(self._fit, self._pending, self._decisions.note)
        self._node_store = node_store(self._fit)
        self._fit_resources = FitResources(timeouts, metrics)
        self._freshness = Freshness(
            self._pods, self._nodes, self._dynamic, self._fit_resources, timeouts.grace, clock
        )
        self._placements: deque[Mapping[str, Placement]] = deque()
        self._wake: Callable[[], object] = lambda: None
        self._backoff = Restarts()
        self._outage = Outage(time.monotonic, lambda cause: setattr(state, "outage", cause))
        self._configured = False

    def put_placements(self, placements: Mapping[str, Placement]) -> None:
        """Store the placement of shared units by node, and publish it. Any thread may call this."""
        self._placements.append(placements)
        # If kopf's loop has just ended, the next one's first snapshot has it.
        with contextlib.suppress(RuntimeError):
            self._wake()

    async def run(self) -> None:
        """Watch until cancelled. Raise ConnectionFailedError if the first load of the configuration fails."""
        if not self._configured:
            await asyncio.to_thread(self._connection.load)
            self._configured = True
            _log.info("connecting", extra={"apiserver": self._connection.server})
        while True:
            await asyncio.sleep(self._backoff.delay("kopf", time.monotonic()))
            if not await self._run_kopf():
                self._metrics.watcher_restarts.inc()

    async def _run_kopf(self) -> bool:
        """Run kopf until it ends or stalls; return whether it ended because other resources are served."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        def tell_end() -> None:
            # A thread that hung, and was abandoned, may outlive this loop.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(ended.set)

        thread = KopfThread(
            self._readers,
            self._dynamic.discovery,
            self._connection,
            self._metrics,
            self._timeouts,
            self._outage,
            self._daemonset,
            self._freshness.counted,
            on_end=tell_end,
        )
        thread.start()
        try:
            while not ended.is_set():
                try:
                    # wait_for would, until Python 3.12, swallow a cancellation that comes with the end.
                    async with asyncio.timeout(self._timeouts.stall / 18):
                        await ended.wait()
                except TimeoutError:
                    stalled = thread.stalled(self._clock() - self._timeouts.stall)
                    if stalled:
                        _log.error("a watch has stalled; restarting kopf", extra={"resources": stalled})
                        return False
            return thread.is_outdated
        finally:
            await asyncio.shield(asyncio.to_thread(thread.stop))

    def _readers(self) -> "Readers":
        """Return new reflectors of the same stores. Call this in kopf's loop."""
        publisher = Publisher(
            lambda: self._publish(reflectors.values(), liveness), self._metrics.count_job_failures
        )
        self._wake = partial(asyncio.get_running_loop().call_soon_threadsafe, publisher.touch, True)
        common = (self._metrics, self._clock, publisher.touch)
        reflectors: dict[WatchedResource, Reflector[Any, Any]] = {
            PODS: Reflector(
                "pods",
                "Pod",
                pod_decoder(self._gpus, self._exporters, self._reservations, pod_for_fit),
                self._pods,
                *common,
                self._note_termination,
                self._pod_store,
            ),
            NODES: Reflector(
                "nodes",
                "Node",
                node_decoder(self._gpus, node_for_fit, self._selection),
                self._nodes,
                *common,
                fit_store=self._node_store,
            ),
        }
        if self._daemonset is not None:
            reflectors[DAEMONSETS] = Reflector(
                "daemonsets", "DaemonSet", daemonset_decoder(), self._daemonsets, *common
            )
        self._dynamic.update_served()
        optional = {**self._dynamic.watched, **self._fit_resources.watched}
        for watched, resource in optional.items():
            reflectors[watched] = resource.reflector(self._clock, publisher.touch)
        liveness = Liveness(reflectors.values(), self._clock)
        return Readers(reflectors, optional, liveness, partial(publisher.touch, False))

    def _publish(self, reflectors: Collection[Reflector[Any, Any]], liveness: Liveness) -> None:
        with self._metrics.round("publish"):
            self._update_state(reflectors, liveness)

    def _update_state(self, reflectors: Collection[Reflector[Any, Any]], liveness: Liveness) -> None:
        self._freshness.update(reflectors, liveness)
        synced = self._freshness.view.synced
        while self._placements:
            for node, placement in self._placements.popleft().items():
                self._ledger.put_placement(node, placement)
        self._state.current = msgspec.structs.replace(
            self._freshness.view,
            # Until then no response may use it, and counting a part of the list costs as much as counting
            # all.
            snapshot=self._ledger.snapshot() if synced else EMPTY,
            fit=self._fit_view() if synced else NOTHING_FIT,
        )

    def _fit_view(self) -> FitView:
        """Return what the fit engine reads. It recounts the nodes that have changed."""
        policies = self._fit_resources.policies()
        self._fit.set_namespaces(policies.namespaces)
        view = self._decisions.view = FitView(
            fleet=self._fit.fleet(),
            policies=policies,
            unseen=self._freshness.fit_unseen,
            devices_unseen=self._freshness.devices_unseen,
            pending=self._pending.view(),
        )
        return view

    def _note_termination(self, line: bytes) -> None:
        termination = read_termination(line)
        if termination is not None:
            self._state.add_termination(termination)
