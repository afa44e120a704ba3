"""The route table, by which requests are routed; ``make schema`` makes the OpenAPI document from it."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic

from aiohttp import web

from lens.api.access.auth import Caller
from lens.api.endpoints import status
from lens.api.endpoints.namespaces import NamespaceList
from lens.api.endpoints.nodes import node_detail, node_list
from lens.api.endpoints.pending import pending_tasks
from lens.api.endpoints.tasks import running_tasks
from lens.api.envelope import CONTENT_TYPE
from lens.api.fit_handlers import FitHandlers
from lens.api.handlers import Handler, Handlers, P
from lens.api.lists.list_queue import ListQueue
from lens.api.parameters.base import Parameters
from lens.api.parameters.cluster import FiguresParameters
from lens.api.parameters.fit import FitParameters, FitQuery, FitRecordParameters
from lens.api.parameters.nodes import NodeParameters, NodesParameters
from lens.api.parameters.pods import PendingParameters, TaskParameters
from lens.api.parameters.status import StatusParameters
from lens.api.parameters.stream import StreamParameters
from lens.api.parameters.system import AccessParameters, AssetParameters, DocumentParameters
from lens.api.schemas.access import Access
from lens.api.schemas.clusters import Clusters, Summary
from lens.api.schemas.envelope import Health
from lens.api.schemas.fit import Fit
from lens.api.schemas.fit_record import FitRecordDetail
from lens.api.schemas.node_detail import NodeDetail
from lens.api.schemas.nodes import Nodes
from lens.api.schemas.pending import PendingTasks
from lens.api.schemas.status import Status
from lens.api.schemas.tasks import RunningTasks
from lens.api.stream.streams import Streams
from lens.api.system.own_access import CLUSTERS, OwnAccess
from lens.api.system.page import ASSETS, Page
from lens.api.system.probes import Probes
from lens.api.system.prometheus_metrics import PrometheusMetrics
from lens.api.system.web_files import document

METHODS = ("GET", "HEAD")
"""The methods of every route, unless it says otherwise."""

FIT = "/api/v1/realtime/fit"

_HTML = "text/html"


@dataclass(frozen=True, slots=True)
class Route(Generic[P]):
    """An endpoint. ``data`` is the type of the envelope's data, None for a response without an envelope.

    ``summary`` is its summary in the OpenAPI document. An ``open`` endpoint needs no token, a ``limited`` one
    has rate limits, a ``cached`` one caches its responses. ``level`` is the level of its access log lines.
    A path may have several routes, each with ``methods`` of its own.
    """

    path: str
    parameters: type[P]
    data: type | None
    handler: Handler[P]
    summary: str
    media_type: str = CONTENT_TYPE
    cached: bool = False
    open: bool = False
    limited: bool = True
    level: int = logging.INFO
    methods: tuple[str, ...] = METHODS


def table(
    handlers: Handlers,
    streams: Streams,
    probes: Probes,
    metrics: PrometheusMetrics,
    list_queue: ListQueue,
    fit: FitHandlers,
    page: Page,
    access: OwnAccess,
    namespaces: NamespaceList,
    *,
    metrics_open: bool,
) -> tuple[Route[Any], ...]:
    """Return all routes; long lists wait in ``list_queue``."""
    return (
        Route(
            CLUSTERS,
            FiguresParameters,
            Clusters,
            handlers.clusters,
            "List the clusters that this Lens knows, with their status.",
        ),
        Route(
            "/api/v1/access",
            AccessParameters,
            Access,
            access.handler,
            "Find out what the token may see.",
        ),
        Route(
            "/api/v1/realtime/summary",
            FiguresParameters,
            Summary,
            handlers.summary,
            "Add up the figures of all clusters.",
        ),
        Route(
            "/api/v1/realtime/status",
            StatusParameters,
            Status,
            _status(handlers, namespaces),
            "Read a cluster's figures, and on request lists of its nodes, namespaces, alerts and events.",
            cached=True,
        ),
        Route(
            "/api/v1/realtime/running-tasks",
            TaskParameters,
            RunningTasks,
            handlers.for_list(running_tasks(list_queue)),
            "List the pods that hold GPUs.",
            cached=True,
        ),
        Route(
            "/api/v1/realtime/pending-tasks",
            PendingParameters,
            PendingTasks,
            handlers.for_list(pending_tasks(list_queue)),
            "List the pods that request GPUs and are not bound to a node.",
            cached=True,
        ),
        Route(
            "/api/v1/realtime/nodes",
            NodesParameters,
            Nodes,
            handlers.for_list(node_list(list_queue)),
            "List the nodes with GPUs.",
            cached=True,
        ),
        Route(
            FIT,
            FitQuery,
            Fit,
            fit.query,
            "Find out whether pods with GPUs would be scheduled now, why not, and what would fit.",
        ),
        Route(
            FIT,
            FitParameters,
            Fit,
            fit.manifest,
            "Find out whether the pods of a manifest would be scheduled now: any workload, in YAML or JSON.",
            methods=("POST",),
        ),
        Route(
            f"{FIT}/record",
            FitRecordParameters,
            FitRecordDetail,
            fit.record,
            "Read how often Lens was right about pending pods, with case files of where it was wrong.",
        ),
        Route(
            "/api/v1/realtime/nodes/{name}",
            NodeParameters,
            NodeDetail,
            handlers.for_view(node_detail, status.timestamp_field),
            "Read one node and each of its GPUs.",
            cached=True,
        ),
        Route(
            "/api/v1/realtime/stream",
            StreamParameters,
            None,
            streams.handler,
            "Stream server-sent events: the whole state first, then its changes.",
            media_type="text/event-stream",
        ),
        _probe("/healthz", probes.healthz, "Check that the process is alive."),
        _probe("/readyz", probes.readyz, "Check that Lens has current data and accepts requests."),
        Route(
            "/metrics",
            Parameters,
            None,
            metrics.handler,
            "Read all metrics in Prometheus' text format.",
            media_type="text/plain",
            open=metrics_open,
        ),
        _file(
            "/", DocumentParameters, page.document, _HTML, "The page: all of this for people, in a browser."
        ),
        _file(
            f"/{ASSETS}/{{path}}",
            AssetParameters,
            page.asset,
            "*/*",
            "A file of the page.",
        ),
        _file(
            "/openapi.json",
            Parameters,
            document("openapi.json", CONTENT_TYPE).handler,
            CONTENT_TYPE,
            "This document, as OpenAPI 3.1.",
        ),
        _file(
            "/docs",
            DocumentParameters,
            document("docs.html", f"{_HTML}; charset=utf-8").handler,
            _HTML,
            "This document, as an HTML page.",
        ),
    )


def _status(handlers: Handlers, namespaces: NamespaceList) -> Handler[StatusParameters]:
    figures, with_lists = (
        handlers.for_view(status.status, status.freshness_fields),
        handlers.for_async_view(partial(status.with_lists, namespaces), status.freshness_fields),
    )

    async def handler(
        request: web.BaseRequest, params: StatusParameters, caller: Caller
    ) -> web.StreamResponse:
        return await (with_lists if params.include else figures)(request, params, caller)

    return handler


def _probe(path: str, handler: Handler[Parameters], summary: str) -> Route[Parameters]:
    return Route(path, Parameters, Health, handler, summary, open=True, limited=False, level=logging.DEBUG)


def _file(path: str, parameters: type[P], handler: Handler[P], media_type: str, summary: str) -> Route[P]:
    return Route(
        path,
        parameters,
        None,
        handler,
        summary,
        media_type=media_type,
        cached=True,
        open=True,
        limited=False,
    )
