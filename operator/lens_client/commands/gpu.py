"""``kubectl lens gpu NODE``."""

import argparse
from typing import Any

from lens_client import options
from lens_client.api import schema
from lens_client.context import Context
from lens_client.exits import YES, UsageError
from lens_client.listing.printer import Printer
from lens_client.transport.endpoint import path
from lens_client.views import gpus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    options.ignore_namespace(parser)
    parser.add_argument("node", metavar="NODE")
    options.add_output(parser)


def run(context: Context) -> int:
    """Print the GPUs of a node."""
    printer = Printer(context, gpus.GPUS)
    name = context.options.node.removeprefix("node/")
    if not name or "/" in name:
        raise UsageError(f"{context.options.node!a} names no node: write gpu NODE or gpu node/NODE")
    answer = context.lens.get(path("api", "v1", "realtime", "nodes", name), schema.NodeDetail)
    data: Any = answer.data
    rows = data["gpus"]
    if printer.form.is_table and context.options.sort_by is None:
        rows = list(gpus.with_instances(rows))
    printer.rows(data, rows)
    if printer.form.is_table:
        for note in gpus.notes(data):
            printer.note(note)
    printer.age(data["timestamp"], answer.age_seconds)
    return context.status(YES, answer.age_seconds)
