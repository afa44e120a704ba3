"""The table of what can be asked: requests are routed by it, and the schema is made from it."""

import logging
from dataclasses import dataclass
from typing import Any, Generic

from aiohttp import web

from lens.api import schemas
from lens.api.access.auth import Caller
from lens.api.answers import Answers, Handler, P
from lens.api.endpoints import status
from lens.api.endpoints.exposition import Exposition
from lens.api.endpoints.nodes import node_detail
from lens.api.endpoints.pending import pending_tasks
from lens.api.endpoints.probes import Probes
from lens.api.endpoints.tasks import running_tasks
from lens.api.envelope import CONTENT_TYPE
from lens.api.lists.turn import Turn
from lens.api.parameters import (
    NodeParameters,
    Parameters,
    PendingParameters,
    StatusParameters,
    StreamParameters,
    TaskParameters,
)
from lens.api.stream.streams import Streams

METHODS = ("GET", "HEAD")
"""What every route takes."""


@dataclass(frozen=True, slots=True)
class Route(Generic[P]):
    """An endpoint. ``data`` is the type within the envelope, None for an answer without one.

    ``summary`` is a line for the schema. An ``open`` one asks for no token, a ``limited`` one may be asked
    only so often, of a ``cached`` one the answers are kept. ``level`` is that of its lines in the access log.
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


def table(
    answers: Answers,
    streams: Streams,
    probes: Probes,
    exposition: Exposition,
    turn: Turn,
    *,
    metrics_open: bool,
) -> tuple[Route[Any], ...]:
    """Return all routes; long lists are made under ``turn``."""
    return (
        Route(
            "/api/v1/clusters",
            Parameters,
            schemas.Clusters,
            answers.clusters,
            "The clusters that this Lens answers for.",
        ),
        Route(
            "/api/v1/realtime/summary",
            Parameters,
            schemas.Summary,
            answers.summary,
            "All clusters added up.",
        ),
        Route(
            "/api/v1/realtime/status",
            StatusParameters,
            schemas.Status,
            _status(answers),
            "A cluster's figures, and on request its nodes, alerts and events.",
            cached=True,
        ),
        Route(
            "/api/v1/realtime/running-tasks",
            TaskParameters,
            schemas.RunningTasks,
            answers.listed(running_tasks(turn)),
            "The pods that hold GPUs.",
            cached=True,
        ),
        Route(
            "/api/v1/realtime/pending-tasks",
            PendingParameters,
            schemas.PendingTasks,
            answers.listed(pending_tasks(turn)),
            "The pods that ask for GPUs and are not bound to a node.",
            cached=True,
        ),
        Route(
            "/api/v1/realtime/nodes/{name}",
            NodeParameters,
            schemas.NodeDetail,
            answers.of(node_detail),
            "One node, GPU by GPU.",
            cached=True,
        ),
        Route(
            "/api/v1/realtime/stream",
            StreamParameters,
            None,
            streams.handler,
            "Server-sent events: all that there is, and then what changes.",
            media_type="text/event-stream",
        ),
        _probe("/healthz", probes.healthz, "Whether the process answers."),
        _probe("/readyz", probes.readyz, "Whether its answers are worth having."),
        Route(
            "/metrics",
            Parameters,
            None,
            exposition.metrics,
            "The figures for Prometheus.",
            media_type="text/plain",
            open=metrics_open,
        ),
    )


def _status(answers: Answers) -> Handler[StatusParameters]:
    figures, with_lists = answers.of(status.status), answers.of_many(status.with_lists)

    async def handler(
        request: web.BaseRequest, asked: StatusParameters, caller: Caller
    ) -> web.StreamResponse:
        return await (with_lists if asked.include else figures)(request, asked, caller)

    return handler


def _probe(path: str, handler: Handler[Parameters], summary: str) -> Route[Parameters]:
    return Route(
        path, Parameters, schemas.Health, handler, summary, open=True, limited=False, level=logging.DEBUG
    )
