"""``/metrics``: the process' own metrics and the snapshot's figures, in Prometheus' text format."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from lens import __version__, logs
from lens.api.access.auth import Caller
from lens.api.cache.content_encoding import ENCODERS, MIN_ENCODED_BYTES
from lens.api.endpoints.namespace_gpus import NamespaceGpus
from lens.api.negotiation import IDENTITY, content_encoding
from lens.api.parameters.base import Parameters
from lens.concurrency import slices
from lens.http import refusal_counts
from lens.model.alerts.alert import NO_OBJECT, Alert
from lens.model.alerts.catalogue import ALERT_TYPES
from lens.model.cluster_state import ClusterState, StateView
from lens.model.inventory.occupancy.gpu_states import GpuStates
from lens.model.inventory.snapshot import Snapshot

NO_COUNTS: Mapping[str, int] = MappingProxyType({})


class PrometheusMetrics(Collector):
    """All metric families, collected on request."""

    def __init__(
        self,
        registry: CollectorRegistry,
        state: ClusterState,
        clock: Callable[[], float],
        refused: Mapping[str, int] = NO_COUNTS,
        connections: Callable[[], int] = lambda: 0,
        tasks: Callable[[], int] = lambda: 0,
        *,
        namespaces: int = 0,
        alerts: int = 0,
    ) -> None:
        """Take the process' own metrics, the cluster state, the HTTP server's counts and that of its tasks.

        ``namespaces`` is the number of namespaces whose GPUs have a series of their own, and ``alerts`` that
        of alerts; by default these metrics are left out.
        """
        self._registry = registry
        self._state = state
        self._clock = clock
        self._refused = refused
        self._connections = connections
        self._tasks = tasks
        self._namespace_gpus = NamespaceGpus(namespaces) if namespaces else None
        self._alerts = alerts

    def collect(self) -> Iterator[Metric]:
        """Return all metric families."""
        yield from self._registry.collect()
        yield GaugeMetricFamily(
            "lens_http_connections", "HTTP connections that clients have open now.", value=self._connections()
        )
        yield GaugeMetricFamily(
            "lens_tasks",
            "Tasks of asyncio that haven't ended: of connections, streams and background jobs.",
            value=self._tasks(),
        )
        yield _counter("lens_http_refused", refusal_counts.HELP, self._refused)
        yield _counter("lens_log_lines_dropped", logs.DROPPED_HELP, logs.dropped)
        current = self._state.current
        yield from snapshot_families(current, self._clock())
        if current.synced and self._namespace_gpus is not None:
            yield _allocated_gpus(self._namespace_gpus.count(current.snapshot))
        if current.synced and self._alerts:
            about = (alert for alert in current.alerts_and_events.alerts if alert.about != NO_OBJECT)
            yield _alert_info(islice(about, self._alerts))

    async def handler(self, request: web.BaseRequest, _params: Parameters, _caller: Caller) -> web.Response:
        """Respond with all metrics, encoded if the client accepts that."""
        body = b"".join(await slices.each(lambda family: generate_latest(_One(family)), self.collect()))
        headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-store"}
        encoding = content_encoding(
            request.headers, tuple(ENCODERS), worthwhile=len(body) >= MIN_ENCODED_BYTES
        )
        if encoding != IDENTITY:
            body, headers["Content-Encoding"] = await asyncio.to_thread(ENCODERS[encoding], body), encoding
        return web.Response(body=body, headers=headers)


class _One(Collector):
    """A collector of one family, since ``generate_latest`` takes a registry."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterator[Metric]:
        yield self._family


def snapshot_families(current: StateView, now: float) -> Iterator[Metric]:
    """Return the snapshot's metric families. Unknown figures have no samples."""
    yield InfoMetricFamily("lens_build", "The version of Lens.", value={"version": __version__})
    yield GaugeMetricFamily(
        "lens_synced",
        "1 once all pods and nodes have been listed; 0 before, while there are no figures.",
        value=current.synced,
    )
    watch_age = GaugeMetricFamily(
        "lens_watch_age_seconds",
        "Seconds since the apiserver last sent anything on a resource's watch. It stays below 30 while all "
        "is well.",
        labels=["resource"],
    )
    for resource, contact in sorted(current.contacts.items()):
        watch_age.add_metric([resource], max(0.0, now - contact))
    yield watch_age
    unseen = GaugeMetricFamily(
        "lens_unseen", "1 for a resource that Lens can't read, and that is in no figure.", labels=["resource"]
    )
    for resource in sorted(current.unseen):
        unseen.add_metric([resource], 1)
    yield unseen
    if not current.synced:
        return
    snapshot, states = current.snapshot, current.snapshot.states
    gpus = GaugeMetricFamily(
        "lens_gpus",
        "GPUs by state, which add up to all GPUs: allocated; else unhealthy; else unavailable "
        "(their node takes no GPU pods); else available.",
        labels=["state"],
    )
    gpus.add_metric(["allocated"], states.allocated)
    gpus.add_metric(["unhealthy"], states.unhealthy)
    gpus.add_metric(["unavailable"], states.unavailable)
    gpus.add_metric(["available"], states.available)
    yield gpus
    yield from _products(snapshot)
    yield from _claimable(snapshot)
    if current.alerts_and_events.at is not None:
        yield _alerts(current.alerts_and_events.alerts)
    telemetry = current.telemetry
    totals = telemetry.totals(snapshot.exporter_nodes)
    if telemetry.complete:
        yield GaugeMetricFamily(
            "lens_reporting_gpus",
            "GPUs whose utilization an agent or exporter reports.",
            value=totals.reporting,
        )
        yield GaugeMetricFamily(
            "lens_utilized_gpus", "GPUs that report a utilization above 50 %.", value=totals.utilized
        )
    nodes = GaugeMetricFamily(
        "lens_telemetry_nodes",
        "Nodes that should have an agent or exporter, by the age of its last report: ok, stale, unknown.",
        labels=["state"],
    )
    nodes.add_metric(["ok"], totals.ok_nodes)
    nodes.add_metric(["stale"], totals.stale_nodes)
    nodes.add_metric(["unknown"], totals.unknown_nodes)
    yield nodes
    if telemetry.complete and (utilization := telemetry.utilization_percent) is not None:
        yield GaugeMetricFamily(
            "lens_utilization_ratio",
            "Mean utilization of the GPUs that report it, from 0 to 1.",
            value=utilization / 100,
        )
    demand = snapshot.demand
    for name, documentation, value in (
        (
            "lens_nodes",
            "Nodes with GPUs, and nodes that have lost theirs or are gone while pods are still bound to "
            "them.",
            len(snapshot.nodes),
        ),
        ("lens_pending_pods", "Pods that request GPUs and aren't bound to a node yet.", demand.pods),
        (
            "lens_pending_gated_pods",
            "Pending GPU pods that have scheduling gates: the scheduler ignores them until these are "
            "removed.",
            demand.gated_pods,
        ),
        (
            "lens_pending_gpus",
            "GPUs, or units of shared GPUs, that pods request which aren't bound to a node yet.",
            demand.gpus,
        ),
        (
            "lens_overcommitted_gpus",
            "GPUs that bound pods request beyond the GPUs that their nodes have; they are in no "
            "state of lens_gpus.",
            snapshot.overcommitted,
        ),
        (
            "lens_missing_nodes",
            "Nodes to which GPU pods are bound, and which don't exist or have no GPUs.",
            snapshot.missing_nodes,
        ),
        ("lens_running_tasks", "Pods in phase Running that hold at least one GPU.", snapshot.running_tasks),
        ("lens_available_nodes", "Nodes with at least one available GPU.", snapshot.available_nodes),
        (
            "lens_max_contiguous_gpus",
            "The most GPUs that are available on one node.",
            snapshot.max_contiguous,
        ),
        (
            "lens_data_age_seconds",
            "Seconds since the figures were last known to be current; it grows while the apiserver is gone.",
            current.age(now),
        ),
    ):
        yield GaugeMetricFamily(name, documentation, value=value)


def _counter(name: str, documentation: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, documentation, labels=["reason"])
    for reason, count in counts.items():
        family.add_metric([reason], count)
    return family


def _products(snapshot: Snapshot) -> Iterator[Metric]:
    """Return the GPUs by product and the nodes by use. The product is empty for GPUs without a shown one."""
    gpus = GaugeMetricFamily(
        "lens_product_gpus",
        "GPUs by product and state; product is empty for unknown products and those beyond the first 32.",
        labels=["product", "state"],
    )
    blocks = GaugeMetricFamily(
        "lens_product_max_contiguous_gpus",
        "The most available GPUs of a product on one node.",
        labels=["product"],
    )
    states: dict[str, GpuStates] = {}
    largest: dict[str, int] = {}
    for each in snapshot.products:
        product = each.product or ""
        states[product] = states.get(product, GpuStates()) + each.states
        largest[product] = max(largest.get(product, 0), each.largest_block)
    for product, numbers in states.items():
        for state, number in msgspec.structs.asdict(numbers).items():
            gpus.add_metric([product, state], number)
        blocks.add_metric([product], largest[product])
    yield gpus
    yield blocks
    nodes = GaugeMetricFamily(
        "lens_gpu_nodes", "Nodes with GPUs by their use; the states add up to all of them.", labels=["state"]
    )
    for state, number in msgspec.structs.asdict(snapshot.gpu_nodes).items():
        nodes.add_metric([state], number)
    yield nodes


def _claimable(snapshot: Snapshot) -> Iterator[Metric]:
    """Return what is special to GPUs that claims hold."""
    if snapshot.known_unknown_gpus is not None:
        yield GaugeMetricFamily(
            "lens_unknown_gpus",
            "Unheld GPUs of DRA pools that can't be counted; they are in no state of lens_gpus. "
            "It is absent while ResourceSlices are missing that say how many there are.",
            value=snapshot.known_unknown_gpus,
        )
    unattached = GaugeMetricFamily(
        "lens_no_node_gpus",
        "GPUs by state that belong to no single node; lens_gpus has them, too.",
        labels=["state"],
    )
    for state, number in msgspec.structs.asdict(snapshot.unattached.states).items():
        unattached.add_metric([state], number)
    yield unattached
    for name, documentation, value in (
        (
            "lens_held_without_pod_gpus",
            "Allocated GPUs that ResourceClaims, or reservation pods of KAI-Scheduler, hold for no pod.",
            snapshot.held_without_pod,
        ),
        (
            "lens_problem_pools",
            "Pools of DRA devices that can't be counted as a whole.",
            snapshot.problems.pools_number,
        ),
        (
            "lens_both_ways_nodes",
            "Nodes whose GPUs a device plugin and a DRA driver offer.",
            len(snapshot.both_ways),
        ),
    ):
        yield GaugeMetricFamily(name, documentation, value=value)


def _alerts(alerts: Iterable[Alert]) -> Metric:
    """Return the number of alerts by type and severity, zeros included."""
    family = GaugeMetricFamily(
        "lens_alerts",
        "Active alerts of Lens by type and severity; 0 for types without any.",
        labels=["type", "severity"],
    )
    counts = Counter((alert.type, alert.severity) for alert in alerts)
    for alert_type in ALERT_TYPES:
        for severity in alert_type.severities:
            family.add_metric([alert_type.type, severity], counts[alert_type.type, severity])
    return family


def _allocated_gpus(gpus: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(
        "lens_allocated_gpus",
        "Allocated GPUs by the namespace of the pods or claims that hold them. A GPU that namespaces share "
        "counts for each. The namespaces beyond LENS_METRICS_NAMESPACES are added up as _others.",
        labels=["namespace"],
    )
    for namespace, number in sorted(gpus.items()):
        family.add_metric([namespace], number)
    return family


def _alert_info(alerts: Iterable[Alert]) -> Metric:
    """Return the number of alerts by their object, which is 1 but for alerts of one type and object."""
    family = GaugeMetricFamily(
        "lens_alert_info",
        "The number of alerts of this type about this node, GPU or pod; a label is empty where it doesn't "
        "apply. The most severe alerts, up to LENS_METRICS_ALERTS.",
        labels=["type", "severity", "node", "gpu", "uuid", "namespace", "pod"],
    )
    for labels, number in Counter(map(_alert_labels, alerts)).items():
        family.add_metric(labels, number)
    return family


def _alert_labels(alert: Alert) -> tuple[str, ...]:
    about = alert.about
    gpu = "" if about.gpu_index is None else str(about.gpu_index)
    others = (about.node, gpu, about.gpu_uuid, about.namespace, about.pod)
    return (alert.type, alert.severity, *(each or "" for each in others))
