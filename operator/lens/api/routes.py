"""The table of what can be asked: requests are routed by it, and the schema is made from it."""

import logging
from dataclasses import dataclass
from typing import Any, Generic

from lens.api import schemas
from lens.api.answers import Answers, Handler, P
from lens.api.exposition import Exposition
from lens.api.nodes import node_detail
from lens.api.parameters import NodeParameters, Parameters, StatusParameters, TaskParameters
from lens.api.probes import Probes
from lens.api.status import status
from lens.api.tasks import running_tasks

METHODS = ("GET", "HEAD")
"""What every route takes."""


@dataclass(frozen=True, slots=True)
class Route(Generic[P]):
    """An endpoint. ``data`` is the type within the envelope, None for an answer without one.

    An ``open`` one asks for no token. ``level`` is that of its lines in the access log.
    """

    path: str
    parameters: type[P]
    data: type | None
    handler: Handler[P]
    open: bool = False
    level: int = logging.INFO


def table(
    answers: Answers, probes: Probes, exposition: Exposition, *, metrics_open: bool
) -> tuple[Route[Any], ...]:
    """Return all routes."""
    return (
        Route("/api/v1/clusters", Parameters, schemas.Clusters, answers.clusters),
        Route("/api/v1/realtime/status", StatusParameters, schemas.Status, answers.of(status)),
        Route(
            "/api/v1/realtime/running-tasks", TaskParameters, schemas.RunningTasks, answers.of(running_tasks)
        ),
        Route("/api/v1/realtime/nodes/{name}", NodeParameters, schemas.NodeDetail, answers.of(node_detail)),
        Route("/healthz", Parameters, schemas.Health, probes.healthz, open=True, level=logging.DEBUG),
        Route("/readyz", Parameters, schemas.Health, probes.readyz, open=True, level=logging.DEBUG),
        Route("/metrics", Parameters, None, exposition.metrics, open=metrics_open),
    )
