"""``/metrics``: the process' own metrics and the snapshot's figures, in Prometheus' text format."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from lens import logs
from lens.api.access.auth import Caller
from lens.api.cache.content_encoding import ENCODERS, MIN_ENCODED_BYTES
from lens.api.endpoints.namespace_gpus import NamespaceGpus
from lens.api.negotiation import IDENTITY, content_encoding
from lens.api.parameters.base import Parameters
from lens.api.system.alert_metrics import alert_info
from lens.api.system.cluster_metrics import allocated_gpus, snapshot_families
from lens.concurrency import slices
from lens.http import refusal_counts
from lens.model.alerts.alert import NO_OBJECT
from lens.model.cluster_state import ClusterState

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
            yield allocated_gpus(self._namespace_gpus.count(current.snapshot))
        if current.synced and self._alerts:
            about = (alert for alert in current.alerts_and_events.alerts if alert.about != NO_OBJECT)
            yield alert_info(islice(about, self._alerts))

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


def _counter(name: str, documentation: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, documentation, labels=["reason"])
    for reason, count in counts.items():
        family.add_metric([reason], count)
    return family
