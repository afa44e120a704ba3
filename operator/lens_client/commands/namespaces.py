"""``kubectl lens namespaces``."""

import argparse

from lens_client import options
from lens_client.api import schema
from lens_client.context import Context
from lens_client.exits import YES
from lens_client.listing.printer import Printer
from lens_client.views import namespaces


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    options.add_output(parser)


def run(context: Context) -> int:
    """Print the namespaces, those with the most GPUs first."""
    printer = Printer(context, namespaces.NAMESPACES)
    tasks = context.lens.get("/api/v1/realtime/running-tasks", schema.RunningTasks, {"state": "all"})
    pending = context.lens.get("/api/v1/realtime/pending-tasks", schema.PendingTasks)
    rows = namespaces.sums(tasks.data["tasks"], pending.data["tasks"])
    answer = {"cluster": tasks.data["cluster"], "timestamp": tasks.data["timestamp"], "namespaces": rows}
    printer.rows(answer, rows)
    printer.age(tasks.data["timestamp"], tasks.age_seconds)
    return context.status(YES, tasks.age_seconds)
