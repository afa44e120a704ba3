"""``kubectl lens gpu NODE``, and the GPUs of no node."""

import argparse
from typing import Any

from lens_client import options
from lens_client.api import schema
from lens_client.api.client import section
from lens_client.context import Context
from lens_client.exits import YES, UsageError
from lens_client.listing.printer import Printer
from lens_client.transport.endpoint import path
from lens_client.views import gpus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    parser.add_argument("node", metavar="NODE", nargs="?")
    parser.add_argument(
        "--no-node",
        action="store_true",
        help="GPUs of no single node that claims (of -n) hold, instead of a node's",
    )
    options.ignore_namespace(parser)
    options.add_output(parser)


def run(context: Context) -> int:
    """Print the GPUs of a node, or those of none."""
    given = context.options
    if (given.node is None) != given.no_node:
        raise UsageError("gpu takes the name of a node, or --no-node")
    if given.no_node:
        return _no_node(context)
    printer = Printer(context, gpus.GPUS)
    name = given.node.removeprefix("node/")
    if not name or "/" in name:
        raise UsageError(f"{given.node!a} names no node: write gpu NODE or gpu node/NODE")
    answer = context.lens.get(path("api", "v1", "realtime", "nodes", name), schema.NodeDetail)
    data: Any = answer.data
    rows = data["gpus"]
    if printer.form.is_table and given.sort_by is None:
        rows = list(gpus.with_instances(rows))
    printer.rows(data, rows)
    if printer.form.is_table:
        for note in gpus.notes(data):
            printer.note(note)
    printer.age(data["timestamp"], answer.age_seconds)
    return context.status(YES, answer.age_seconds)


def _no_node(context: Context) -> int:
    given, printer = context.options, Printer(context, gpus.NO_NODE)
    query = {"include": "no_node", "namespace": None if given.all_namespaces else given.namespace}
    answer = context.lens.get("/api/v1/realtime/status", schema.Status, query)
    data: Any = answer.data
    rows = section(data, "no_node_gpus", context.lens.where)
    printer.rows({"cluster": data["cluster"], "timestamp": data["timestamp"], "no_node_gpus": rows}, rows)
    printer.age(data["timestamp"], answer.age_seconds)
    return context.status(YES, answer.age_seconds)
