"""The watcher: runs kopf in a thread and an event loop of its own, and restarts it for ever.

Only that thread changes the ledger. It publishes immutable snapshots in the cluster's state.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import kopf

from lens.kube.client.api_client import ApiClient
from lens.kube.client.kubeconfig import Connection, ConnectionFailedError
from lens.kube.client.restarts import Restarts
from lens.kube.watch.discovery import MAX_BODY_BYTES, TIMEOUT_SECONDS, Discovery
from lens.kube.watch.dynamic_allocation import DynamicAllocation
from lens.kube.watch.fit_resources import FitResources
from lens.kube.watch.kopf_settings import (
    DAEMONSETS,
    NODES,
    PODS,
    TIMEOUTS,
    Timeouts,
    WatchedResource,
    registry,
    settings,
)
from lens.kube.watch.liveness import Liveness
from lens.kube.watch.optional_resource import OptionalResource
from lens.kube.watch.outage import Outage
from lens.kube.watch.publisher import Publisher
from lens.kube.watch.reflector import Reflector
from lens.kube.watch.transport import Transport
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState, StateView
from lens.model.events.terminations import read_termination
from lens.model.fit.feed import (
    NOTHING_FIT,
    DeviceFeeds,
    FitView,
    Pending,
    fed_claim,
    fed_class,
    fed_node,
    fed_pod,
    fed_rule,
    fed_slice,
    fed_template,
    node_feed,
    pod_feed,
)
from lens.model.fit.record.decisions import Decisions
from lens.model.fit.state import FitState
from lens.model.gpu.exporters import ExporterSelector
from lens.model.inventory.decoding.kinds import (
    bare_decoder,
    claim_decoder,
    daemonset_decoder,
    device_class_decoder,
    node_decoder,
    pod_decoder,
    slice_decoder,
    taint_rule_decoder,
)
from lens.model.inventory.gate import Gate
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

REQUIRED = ("pods", "nodes")
"""The resources without which there are no figures."""

STOP_SECONDS = 3.0
"""For kopf to stop as it does, and then for its tasks to be cancelled once more."""

LOGIN_SECONDS = 1.0
"""The most time between two logins. The requests that follow a login have pauses of their own."""

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
        self._dynamic = self._dynamic_allocation(drivers)
        self._pending = Pending()
        self._decisions = state.fit_decisions = Decisions(self._fit, clock)
        self._pod_feed = pod_feed(self._fit, self._pending, self._decisions.note)
        self._node_feed = node_feed(self._fit)
        self._fit_resources = FitResources(timeouts, metrics)
        self._counted = self._dynamic.names | set(REQUIRED)
        self._synced = False
        self._contacts: dict[str, float] = {}
        self._confirmed: dict[str, float] = {}
        self._confirmed_beside: dict[str, float] = {}
        self._known_at = 0.0
        self._known_again_at = 0.0
        self._placements: deque[Mapping[str, Placement]] = deque()
        self._wake: Callable[[], object] = lambda: None
        self._backoff = Restarts()
        self._outage = Outage(time.monotonic, lambda cause: setattr(state, "outage", cause))
        self._configured = False

    def _dynamic_allocation(self, drivers: GpuDrivers) -> DynamicAllocation:
        """Return the resources of dynamic resource allocation, with their places in the ledger."""
        ledger, gate, feeds = self._ledger, Gate(self._ledger.put_slice), DeviceFeeds(self._fit.devices)
        nothing: dict[PodKey, None] = {}
        common = (self._metrics, self._timeouts.grace, self._timeouts.forbidden)
        return DynamicAllocation(
            OptionalResource(
                "resourceclaims",
                "ResourceClaim",
                claim_decoder(drivers, fed_claim),
                Store(ledger.claims, ledger.put_claim),
                *common,
                feed=feeds.claims,
            ),
            OptionalResource(
                "resourceslices",
                "ResourceSlice",
                slice_decoder(drivers, gate.objects, fed_slice),
                Store(gate.objects, gate.put),
                *common,
                feed=feeds.slices,
            ),
            gate,
            (
                OptionalResource(
                    "deviceclasses",
                    "DeviceClass",
                    device_class_decoder(drivers, self._gpus, fed_class),
                    Store(ledger.device_classes, ledger.put_device_class),
                    *common,
                    feed=feeds.classes,
                ),
                OptionalResource(
                    "devicetaintrules",
                    "DeviceTaintRule",
                    taint_rule_decoder(fed_rule),
                    Store(ledger.taint_rules, ledger.put_taint_rule),
                    *common,
                    feed=feeds.rules,
                ),
            ),
            OptionalResource(
                "resourceclaimtemplates",
                "ResourceClaimTemplate",
                bare_decoder(fed_template),
                Store(nothing, lambda _key, _value: None),
                *common,
                what="in no answer of fit",
                feed=feeds.templates,
            ),
            self._timeouts,
            self._metrics,
        )

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
            self._counted,
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
                pod_decoder(self._gpus, self._exporters, self._reservations, fed_pod),
                self._pods,
                *common,
                self._note_termination,
                self._pod_feed,
            ),
            NODES: Reflector(
                "nodes",
                "Node",
                node_decoder(self._gpus, fed_node, self._selection),
                self._nodes,
                *common,
                feed=self._node_feed,
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
        now, confirmed = self._clock(), liveness.confirmed_at()
        for reflector in reflectors:
            confirmed_at = confirmed[reflector.resource]
            if (
                reflector.resource in self._counted
                and reflector.contact is not None
                and confirmed_at is not None
            ):
                self._contacts[reflector.resource] = reflector.contact
                # A watch that has just ended is as current as it was, unless the clock was set back.
                before = self._confirmed.get(reflector.resource, 0.0)
                self._confirmed[reflector.resource] = max(confirmed_at, before if before <= now else 0.0)
            elif confirmed_at is not None:
                before = self._confirmed_beside.get(reflector.resource, 0.0)
                self._confirmed_beside[reflector.resource] = max(
                    confirmed_at, before if before <= now else 0.0
                )
        self._assess_dynamic(reflectors)
        while self._placements:
            for node, placement in self._placements.popleft().items():
                self._ledger.put_placement(node, placement)
        skipped = {reflector.resource: reflector.skipped for reflector in reflectors}
        self._state.current = StateView(
            # Until then no response may use it, and to count a part of what is listed costs as much as all.
            snapshot=self._ledger.snapshot() if self._synced else EMPTY,
            synced=self._synced,
            contacts=dict(self._contacts),
            confirmed_at=min(self._confirmed.values(), default=None),
            skipped={
                name: number
                for name, number in skipped.items()
                if name not in self._fit_resources and name != self._dynamic.templates.name
            },
            unseen=self._dynamic.unseen,
            fit=self._fit_view(skipped) if self._synced else NOTHING_FIT,
        )

    def _fit_view(self, skipped: Mapping[str, int]) -> FitView:
        """Return what a fit looks at. It recounts the nodes that have changed."""
        policies = self._fit_resources.policies()
        self._fit.set_namespaces(policies.namespaces)
        view = self._decisions.view = FitView(
            fleet=self._fit.fleet(),
            policies=policies,
            unseen=self._fit_resources.unseen(skipped),
            devices_unseen=self._dynamic.unseen_by_fit(skipped),
            pending=self._pending.view(),
        )
        return view

    def _assess_dynamic(self, reflectors: Collection[Reflector[Any, Any]]) -> None:
        """Decide which resources of dynamic resource allocation are in the figures."""
        if not (self._pods.synced and self._nodes.synced):
            return
        known_at = min(self._confirmed.get(resource, 0.0) for resource in REQUIRED)
        confirmed = {**self._confirmed_beside, **self._confirmed}
        # After an outage pods and nodes may be back before the others, which then have their time too.
        if not 0 <= known_at - self._known_at < self._timeouts.grace:
            self._known_again_at = known_at
        self._known_at = known_at
        lags = {
            each.resource: known_at
            - max(each.page_at, confirmed.get(each.resource, 0.0), self._known_again_at)
            for each in reflectors
        }
        self._dynamic.assess(lags)
        self._fit_resources.assess(lags)
        for resource in self._dynamic.uncounted:
            self._contacts.pop(resource, None)
            self._confirmed.pop(resource, None)
        # A resource that is served later has no figures yet: those that there are stay complete.
        self._synced = self._synced or self._dynamic.is_resolved

    def _note_termination(self, line: bytes) -> None:
        termination = read_termination(line)
        if termination is not None:
            self._state.add_termination(termination)


class Readers(NamedTuple):
    """The readers of one run of kopf: reflectors, those of optional resources, the probes with a callback."""

    reflectors: Mapping[WatchedResource, Reflector[Any, Any]]
    optional: Mapping[WatchedResource, OptionalResource[Any, Any]]
    liveness: Liveness
    on_answer: Callable[[], object]


class KopfThread:
    """One run of kopf. What it reads after it was stopped is ignored."""

    def __init__(
        self,
        make_readers: Callable[[], Readers],
        discovery: Discovery,
        connection: Connection,
        metrics: Metrics,
        timeouts: Timeouts,
        outage: Outage,
        daemonset: PodKey | None,
        counted: Collection[str],
        on_end: Callable[[], object],
    ) -> None:
        """``make_readers`` is called in the thread after discovery, ``on_end`` when kopf has ended or is to.

        ``counted`` are the resources whose watches may not stall.
        """
        self._make_readers = make_readers
        self._discovery = discovery
        self._counted = counted
        self.is_outdated = False
        self._connection = connection
        self._metrics = metrics
        self._timeouts = timeouts
        self._outage = outage
        self._daemonset = daemonset
        self._on_end = on_end
        self._reflectors: Collection[Reflector[Any, Any]] = ()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_flag: asyncio.Event | None = None
        self._ready = threading.Event()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop kopf and wait for a while. A hanging thread is abandoned, and can't change the ledger.

        A watcher of kopf's that is cancelled just when it begins anew goes on, and kopf waits for it for ever
        (``streaming_block`` suppresses the cancellation). So all tasks are cancelled once more.
        """
        self._ready.wait(STOP_SECONDS)
        for act in (self._set_stop_flag, self._cancel_tasks):
            if self._thread.is_alive() and self._loop is not None:
                with contextlib.suppress(RuntimeError):  # its loop may have been closed just now
                    self._loop.call_soon_threadsafe(act)
                self._thread.join(STOP_SECONDS)
        for reflector in self._reflectors:
            reflector.retire()

    def _set_stop_flag(self) -> None:
        if self._stop_flag is not None:
            self._stop_flag.set()

    def _cancel_tasks(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    def stalled(self, since: float) -> list[str]:
        """Return the resources without activity since the epoch second ``since``."""
        return [
            reflector.resource
            for reflector in self._reflectors
            if reflector.resource in self._counted and reflector.last_activity < since
        ]

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except asyncio.CancelledError:
            pass
        except Exception:
            _log.exception("kopf has ended; restarting it")
        finally:
            self._ready.set()
            self._on_end()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop_flag = asyncio.Event()
        self._ready.set()
        self._outage.started_anew()
        client = ApiClient(lambda: self._connection, TIMEOUT_SECONDS, MAX_BODY_BYTES)
        try:
            if await self._discovers(client):
                await self._watch(client)
        finally:
            await client.close()

    async def _watch(self, client: ApiClient) -> None:
        """Watch what has been discovered, until something else is."""
        readers = self._make_readers()
        self._reflectors = readers.reflectors.values()
        transport = Transport(
            self._connection,
            {each.path: reflector for each, reflector in readers.reflectors.items()},
            self._metrics,
            Restarts(),
            self._outage,
            self._timeouts.request,
            self._timeouts.head,
            self._timeouts.silence,
            {each.path: resource for each, resource in readers.optional.items()},
        )
        logins = Restarts(LOGIN_SECONDS)

        async def login() -> kopf.AiohttpSession:
            # kopf calls this again, at once, for every 401 that remains after a reload.
            while True:
                await asyncio.sleep(logins.delay("login", time.monotonic()))
                try:
                    await asyncio.to_thread(self._connection.load)
                except ConnectionFailedError as error:
                    _log.warning("the configuration can't be read", extra={"error": str(error)})
                else:
                    return kopf.AiohttpSession(
                        server=self._connection.server, aiohttp_session=transport.session()
                    )

        jobs = (
            asyncio.create_task(
                readers.liveness.probe(transport, readers.on_answer, self._metrics.count_job_failures)
            ),
            asyncio.create_task(self._follow_discovery(client)),
        )
        try:
            await self._operate(login, readers.reflectors)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _discovers(self, client: ApiClient) -> bool:
        """Discover the resources to watch; return false if kopf has to stop before they are known."""
        assert self._stop_flag is not None
        discovering = asyncio.create_task(self._discovery.discover(client))
        stopping = asyncio.create_task(self._stop_flag.wait())
        try:
            await asyncio.wait((discovering, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (discovering, stopping):
                task.cancel()
            await asyncio.gather(discovering, stopping, return_exceptions=True)
        return not self._stop_flag.is_set()

    async def _follow_discovery(self, client: ApiClient) -> None:
        """Stop kopf when it is to watch other resources: it discovers only when it starts."""
        assert self._stop_flag is not None
        await self._discovery.until_changed(client, self._metrics.count_job_failures)
        _log.info(
            "the apiserver serves other resources; restarting kopf",
            extra={"resources": dict(self._discovery.served.versions)},
        )
        self.is_outdated = True
        self._stop_flag.set()
        self._on_end()

    async def _operate(
        self, login: Callable[[], Awaitable[kopf.AiohttpSession]], watched: Iterable[WatchedResource]
    ) -> None:
        assert self._stop_flag is not None
        await kopf.operator(
            # If kopf ends by itself without the flag, its waiter for the flag delays the end by 5 s.
            registry=registry(login, self._stop_flag.set, watched),
            settings=settings(self._timeouts, self._daemonset),
            standalone=True,
            clusterwide=True,
            # Without an identity kopf asks for its user's name, and a numeric user, as in the image, has
            # none.
            identity="lens",  # type: ignore[arg-type]  # kopf's own type of text, which it doesn't export
            stop_flag=self._stop_flag,
        )
