"""``kubectl lens tasks``."""

import argparse
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from lens_client import options
from lens_client.api import schema
from lens_client.api.client import Answer
from lens_client.context import Context
from lens_client.exits import YES
from lens_client.listing import relist
from lens_client.listing.printer import Printer
from lens_client.listing.selection import Labelled
from lens_client.listing.watch import Section, not_matching, watch
from lens_client.output.quantity import epoch
from lens_client.views import tasks
from lens_client.views.cells import Clock

STATES = ("running", "starting", "terminating", "all")


def _with_running_time(row: Mapping[str, Any], now: float | None) -> Mapping[str, Any]:
    """Return a task of the stream as the lists have it."""
    if row["started_at"] is None:
        return {**row, "running_time_seconds": 0}
    started = epoch(row["started_at"])
    known = started is not None and now is not None
    return {**row, "running_time_seconds": max(0, int(now - started)) if known else None}  # type: ignore[operator]


SECTION = Section(
    "tasks",
    key=lambda row: (row["namespace"], row["pod_name"], row["pod_uid"]),
    gone_key=lambda gone: (gone["namespace"], gone["pod_name"], gone["pod_uid"]),
    gone=lambda row: {**row, "phase": tasks.GONE, "terminating": False},
    left=lambda row: {**row, "phase": not_matching(tasks.status(row)), "terminating": False},
    prepare=_with_running_time,
)

_STARTING = SECTION._replace(gone=lambda row: {**row, "phase": "NotStarting", "terminating": False})
"""A pod that isn't starting any more may run, or be gone."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    options.add_namespace(parser)
    parser.add_argument("--state", choices=STATES, default="running", help="by default running ones")
    parser.add_argument("--node", metavar="NAME", help="only those on this node")
    options.add_selector(parser)
    options.add_output(parser)
    options.add_watch(parser)


def run(context: Context) -> int:
    """Print the tasks."""
    given, namespace = context.options, context.namespace
    nothing = "No pods with GPUs found" + (f" in {namespace} namespace (-A: in all)." if namespace else ".")
    view = tasks.view(namespaces=namespace is None)._replace(nothing=nothing)
    printer, labelled = Printer(context, view), Labelled(context, "pods")

    def select(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return labelled(row for row in rows if given.node in (None, row["node_name"]))

    if given.watch and given.state == "running":
        if given.node is not None:
            # The stream accepts any name, and would be empty for an invalid one.
            _fetch(context, limit=1)
        query = {"include": "tasks", "namespace": namespace}
        return watch(context, printer, SECTION, query, Clock(), select)
    if given.watch:
        # The stream has running tasks alone.
        section = _STARTING if given.state == "starting" else SECTION
        return relist.watch_pods(context, printer, section, partial(_fetch, context, fresh=True), labelled)
    answer = _fetch(context)
    rows = labelled(answer.data["tasks"])
    printer.rows({**answer.data, "total_tasks": len(rows)}, rows)
    printer.age(answer.data["timestamp"], answer.age_seconds)
    return context.status(YES, answer.age_seconds)


def _fetch(context: Context, *, limit: int | None = None, fresh: bool = False) -> Answer[schema.RunningTasks]:
    given = context.options
    query = {"namespace": context.namespace, "state": given.state, "node": given.node, "limit": limit}
    return context.lens.get("/api/v1/realtime/running-tasks", schema.RunningTasks, query, fresh=fresh)
