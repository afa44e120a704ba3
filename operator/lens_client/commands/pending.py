"""``kubectl lens pending``."""

import argparse
from functools import partial

from lens_client import options
from lens_client.api import schema
from lens_client.api.client import Answer
from lens_client.commands import tasks
from lens_client.context import Context
from lens_client.exits import YES
from lens_client.listing import relist
from lens_client.listing.printer import Printer
from lens_client.listing.selection import Labelled
from lens_client.listing.watch import not_matching
from lens_client.views import pending

SECTION = tasks.SECTION._replace(
    # It has been scheduled, or is gone.
    gone=lambda row: {**row, "state": pending.NOT_PENDING, "terminating": False},
    left=lambda row: {**row, "state": not_matching(pending.state(row)), "terminating": False},
)


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
        return relist.watch_pods(context, printer, SECTION, partial(_fetch, context, fresh=True), labelled)
    answer = _fetch(context, fresh=False)
    rows = labelled(answer.data["tasks"])
    printer.rows({**answer.data, "total_tasks": len(rows)}, rows)
    printer.age(answer.data["timestamp"], answer.age_seconds)
    return context.status(YES, answer.age_seconds)


def _fetch(context: Context, *, fresh: bool) -> Answer[schema.PendingTasks]:
    query = {"namespace": context.namespace}
    return context.lens.get("/api/v1/realtime/pending-tasks", schema.PendingTasks, query, fresh=fresh)
