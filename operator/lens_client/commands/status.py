"""``kubectl lens status``."""

import argparse
from functools import partial
from typing import Any

from lens_client import options
from lens_client.api import schema
from lens_client.api.client import Answer, ApiError
from lens_client.context import Context
from lens_client.exits import STALE, YES, CommandError
from lens_client.listing import relist
from lens_client.listing.follow import followed
from lens_client.listing.printer import Printer
from lens_client.listing.watch import MEASURED, Section, print_age
from lens_client.views import namespaces, status

PATH = "/api/v1/realtime/status"

SECTION = Section("namespaces", key=lambda row: row["namespace"], gone_key=lambda name: name)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    options.add_namespace(parser)
    options.add_output(parser)
    options.add_watch(parser)


def run(context: Context) -> int:
    """Print the figures: those of one namespace with -n, and for a user who may see no more."""
    printer = Printer(context, status.CLUSTER)
    if context.options.namespace is not None and not context.options.all_namespaces:
        return _namespace(context, context.options.namespace)
    include = {"include": "alerts"} if printer.form.is_table else None
    try:
        if context.options.watch:
            return _watch(context, printer)
        answer = context.lens.get(PATH, schema.Status, include)
    except ApiError as error:
        if error.http_status != 403 or not printer.form.is_table:
            raise
        if context.namespace is None:
            raise CommandError(f"{error}; of one namespace: status -n NAMESPACE") from None
        printer.note(f"{error}. What you may see is the namespace {context.namespace}:")
        return _namespace(context, context.namespace)
    data: Any = answer.data
    printer.rows(data, [data])
    if printer.form.is_table:
        printer.blank()
        printer.table(status.PRODUCTS, data["products"] or ())
        if data["units"]:
            printer.blank()
            printer.table(status.UNITS, data["units"])
        for note in status.notes(data):
            printer.note(note)
    printer.age(data["timestamp"], answer.age_seconds)
    return context.status(YES, answer.age_seconds)


def _namespace(context: Context, namespace: str) -> int:
    """Print the sums of one namespace."""
    printer = Printer(context, namespaces.TASKS)
    if context.options.watch:
        return relist.watch_pods(
            context, printer, SECTION, partial(_sums, context, namespace, fresh=True), list
        )
    answer = _sums(context, namespace)
    printer.rows(answer.data, answer.data["namespaces"])
    printer.age(answer.data["timestamp"], answer.age_seconds)
    return context.status(YES, answer.age_seconds)


def _sums(context: Context, namespace: str, *, fresh: bool = False) -> Answer[dict[str, Any]]:
    query = {"namespace": namespace}
    tasks = context.lens.get(
        "/api/v1/realtime/running-tasks", schema.RunningTasks, {**query, "state": "all"}, fresh=fresh
    )
    pending = context.lens.get("/api/v1/realtime/pending-tasks", schema.PendingTasks, query, fresh=fresh)
    rows = [namespaces.sums(tasks.data["tasks"], pending.data["tasks"], namespace)]
    answer = {"cluster": tasks.data["cluster"], "timestamp": tasks.data["timestamp"], "namespaces": rows}
    return Answer(answer, tasks.age_seconds)


def _watch(context: Context, printer: Printer) -> int:
    before: Any = None
    old = False
    with followed(context, printer, {"include": "status"}) as events:
        for event in events:
            if event.type == "heartbeat":
                old = print_age(printer, event.data, old)
            elif "status" in event.data:
                now = event.data["status"]
                if before is None:
                    printer.first(now, [now])
                    printer.age(event.data["timestamp"], event.data.get("age_seconds"))
                elif _figures(now) != _figures(before):
                    printer.more([now])
                before = now
    return STALE


def _figures(row: dict[str, Any]) -> dict[str, Any]:
    """Return the figures without measured ones, which change all the time."""
    usage = {name: value for name, value in row["current_gpu_usage"].items() if not name.startswith("util")}
    return {
        **{name: value for name, value in row.items() if name not in MEASURED | {"telemetry"}},
        "current_gpu_usage": usage,
    }
