"""``kubectl lens pending``."""

import argparse
from collections.abc import Hashable, Mapping
from typing import Any

from lens_client import options
from lens_client.api import schema
from lens_client.api.client import Answer, ApiError
from lens_client.context import Context
from lens_client.exits import YES
from lens_client.listing.printer import Printer
from lens_client.listing.selection import Labelled
from lens_client.listing.watch import differs, followed, tell_age
from lens_client.views import pending


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    options.add_namespace(parser)
    options.add_selector(parser)
    options.add_output(parser)
    options.add_watch(parser)


def run(context: Context) -> int:
    """Print the pods that wait."""
    namespace = context.namespace
    nothing = "No pods wait for GPUs" + (f" in {namespace} namespace (-A: in all)." if namespace else ".")
    view = pending.view(namespaces=namespace is None)._replace(nothing=nothing)
    printer, labelled = Printer(context, view), Labelled(context, "pods")
    if context.options.watch:
        return _watch(context, printer, labelled)
    answer = _ask(context, fresh=False)
    rows = labelled(answer.data["tasks"])
    printer.rows({**answer.data, "total_tasks": len(rows)}, rows)
    printer.age(answer.data["timestamp"], answer.age_seconds)
    return context.status(YES, answer.age_seconds)


def _ask(context: Context, *, fresh: bool) -> Answer[schema.PendingTasks]:
    query = {"namespace": context.namespace}
    return context.lens.get("/api/v1/realtime/pending-tasks", schema.PendingTasks, query, fresh=fresh)


def _watch(context: Context, printer: Printer, labelled: Labelled) -> int:
    """Print the pods that wait, and those that change. The stream says when to ask again.

    Who may see one namespace gets a stream of its tasks, and news of its pending pods within 10 s.
    """
    query: dict[str, Any] = {"include": ["status", "events"]}
    try:
        return _follow(context, printer, labelled, query)
    except ApiError as error:
        if error.http_status != 403 or context.namespace is None:
            raise
    return _follow(context, printer, labelled, {"include": "tasks", "namespace": context.namespace})


def _follow(context: Context, printer: Printer, labelled: Labelled, query: Mapping[str, Any]) -> int:
    known: dict[Hashable, Mapping[str, Any]] | None = None
    old = False
    with followed(context, printer, query) as events:
        for event in events:
            if event.type == "heartbeat":
                old = tell_age(printer, event.data, old)
            answer = _ask(context, fresh=True)
            rows: dict[Hashable, Mapping[str, Any]] = {
                (row["namespace"], row["pod_name"], row["pod_uid"]): row
                for row in labelled(answer.data["tasks"])
            }
            if known is None:
                printer.first({**answer.data}, list(rows.values()))
                printer.age(answer.data["timestamp"], answer.age_seconds)
            else:
                gone = [{**row, "terminating": True} for key, row in known.items() if key not in rows]
                printer.more([*gone, *(row for key, row in rows.items() if differs(known.get(key), row))])
            known = rows
    return YES
