"""``/metrics``: the process's instruments and the snapshot's figures, in Prometheus' text format."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from lens import __version__, logs, slices
from lens.api.access.auth import Caller
from lens.api.codings import CODINGS, LEAST_CODED
from lens.api.negotiation import IDENTITY, coding
from lens.api.parameters import Parameters
from lens.http import refusals
from lens.model.alerts.alert import Alert
from lens.model.alerts.catalogue import ALERT_TYPES
from lens.model.cluster_state import ClusterState, StateView

NOTHING: Mapping[str, int] = MappingProxyType({})


class Exposition(Collector):
    """Everything that is measured, collected when it is asked for."""

    def __init__(
        self,
        registry: CollectorRegistry,
        state: ClusterState,
        clock: Callable[[], float],
        refused: Mapping[str, int] = NOTHING,
        connections: Callable[[], int] = lambda: 0,
    ) -> None:
        """Take the instruments, where the snapshot is, and what the HTTP server counts."""
        self._registry = registry
        self._state = state
        self._clock = clock
        self._refused = refused
        self._connections = connections

    def collect(self) -> Iterator[Metric]:
        """Go through all families."""
        yield from self._registry.collect()
        yield GaugeMetricFamily("lens_http_connections", "Open connections.", value=self._connections())
        yield _counter("lens_http_refused", refusals.HELP, self._refused)
        yield _counter("lens_log_lines_dropped", logs.DROPPED_HELP, logs.dropped)
        yield from snapshot_families(self._state.current, self._clock())

    async def metrics(self, request: web.BaseRequest, _asked: Parameters, _caller: Caller) -> web.Response:
        """Write them, compressed for who takes that."""
        body = b"".join(await slices.each(lambda family: generate_latest(_One(family)), self.collect()))
        headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-store"}
        coded = coding(request.headers, tuple(CODINGS), worthwhile=len(body) >= LEAST_CODED)
        if coded != IDENTITY:
            body, headers["Content-Encoding"] = await asyncio.to_thread(CODINGS[coded], body), coded
        return web.Response(body=body, headers=headers)


class _One(Collector):
    """One family, for what writes all of a registry's."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterator[Metric]:
        yield self._family


def snapshot_families(current: StateView, now: float) -> Iterator[Metric]:
    """Go through the snapshot's families; what is not known yet has no samples."""
    yield InfoMetricFamily("lens_build", "Which Lens this is.", value={"version": __version__})
    yield GaugeMetricFamily("lens_synced", "Whether every resource has been listed.", value=current.synced)
    watch_age = GaugeMetricFamily(
        "lens_watch_age_seconds", "Since a watch last gave a sign of life.", labels=["resource"]
    )
    for resource, contact in sorted(current.contacts.items()):
        watch_age.add_metric([resource], max(0.0, now - contact))
    yield watch_age
    if not current.synced:
        return
    snapshot, states = current.snapshot, current.snapshot.states
    gpus = GaugeMetricFamily("lens_gpus", "GPUs by state; they add up to all.", labels=["state"])
    gpus.add_metric(["allocated"], states.allocated)
    gpus.add_metric(["unhealthy"], states.unhealthy)
    gpus.add_metric(["unavailable"], states.unavailable)
    gpus.add_metric(["available"], states.available)
    yield gpus
    if current.findings.at is not None:
        yield _alerts(current.findings.alerts)
    sums, rate = current.telemetry.sums, current.telemetry.utilization_percent
    yield GaugeMetricFamily("lens_reporting_gpus", "GPUs whose utilization is known.", value=sums.reporting)
    yield GaugeMetricFamily("lens_utilized_gpus", "GPUs over 50 % utilization.", value=sums.utilized)
    told = GaugeMetricFamily(
        "lens_telemetry_nodes", "Nodes whose GPUs are told of, by how fresh that is.", labels=["state"]
    )
    told.add_metric(["ok"], sums.ok_nodes)
    told.add_metric(["stale"], sums.stale_nodes)
    told.add_metric(["unknown"], sums.unknown_nodes)
    yield told
    if rate is not None:
        yield GaugeMetricFamily(
            "lens_utilization_ratio", "Mean utilization of the GPUs that report.", value=rate / 100
        )
    demand = snapshot.demand
    for name, documentation, value in (
        (
            "lens_nodes",
            "Nodes that have GPUs, or had and still have pods that hold some.",
            len(snapshot.nodes),
        ),
        ("lens_pending_pods", "Pods that ask for GPUs and aren't bound to a node.", demand.pods),
        ("lens_pending_gated_pods", "Those of them that have scheduling gates.", demand.gated_pods),
        ("lens_pending_gpus", "GPUs, or units of shared ones, that pending pods ask for.", demand.gpus),
        (
            "lens_overcommitted_gpus",
            "GPUs that pods are bound to beyond what the nodes have; in no state.",
            snapshot.overcommitted,
        ),
        (
            "lens_missing_nodes",
            "Nodes that pods with GPUs are bound to and that don't exist, or have no GPUs.",
            snapshot.missing_nodes,
        ),
        ("lens_running_tasks", "Running pods that hold GPUs.", snapshot.running_tasks),
        ("lens_available_nodes", "Nodes with an available GPU.", snapshot.available_nodes),
        ("lens_max_contiguous_gpus", "The most available GPUs on one node.", snapshot.max_contiguous),
        ("lens_data_age_seconds", "Since the figures were last known to be current.", current.age(now)),
    ):
        yield GaugeMetricFamily(name, documentation, value=value)


def _counter(name: str, documentation: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, documentation, labels=["reason"])
    for reason, count in counts.items():
        family.add_metric([reason], count)
    return family


def _alerts(alerts: Iterable[Alert]) -> Metric:
    """Return the numbers of alerts, also of those that there might be."""
    family = GaugeMetricFamily("lens_alerts", "Alerts, by type and severity.", labels=["type", "severity"])
    found = Counter((each.type, each.severity) for each in alerts)
    for kind in ALERT_TYPES:
        for severity in kind.severities:
            family.add_metric([kind.type, severity], found[kind.type, severity])
    return family
