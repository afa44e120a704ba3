"""``kubectl lens nodes``."""

import argparse
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
from lens_client.views.cells import Clock
from lens_client.views.nodes import NODES

SECTION = Section(
    "nodes",
    key=lambda row: row["node_name"],
    gone_key=lambda name: name,
    gone=lambda row: {**row, "status": "Gone"},
    left=lambda row: {**row, "status": not_matching(row["status"])},
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    options.ignore_namespace(parser)
    parser.add_argument("--product", metavar="NAME", help="only nodes with GPUs of this product")
    parser.add_argument(
        "--available",
        metavar="N",
        type=options.whole_number,
        dest="available_min",
        help="only nodes with at least N available GPUs",
    )
    parser.add_argument("--status", metavar="STATUS", help="only Ready, NotReady, Unknown or Missing ones")
    options.add_selector(parser)
    options.add_output(parser)
    options.add_watch(parser)


def run(context: Context) -> int:
    """Print the nodes."""
    printer, labelled = Printer(context, NODES), Labelled(context, "nodes")
    if context.options.watch and any(value is not None for value in _filters(context).values()):
        # A row doesn't say how many of which GPUs are available where a node has several products.
        fetch, query = partial(_fetch, context, fresh=True), {"include": ["status", "nodes"]}
        return relist.watch(context, printer, SECTION, fetch, labelled, query, has_section=True)
    if context.options.watch:
        return watch(context, printer, SECTION, {"include": "nodes"}, Clock(), labelled)
    answer = _fetch(context)
    rows = labelled(answer.data["nodes"])
    printer.rows({**answer.data, "total_nodes": len(rows)}, rows)
    printer.age(answer.data["timestamp"], answer.age_seconds)
    return context.status(YES, answer.age_seconds)


def _filters(context: Context) -> dict[str, Any]:
    given = context.options
    return {"product": given.product, "available_min": given.available_min, "status": given.status}


def _fetch(context: Context, *, fresh: bool = False) -> Answer[schema.Nodes]:
    return context.lens.get("/api/v1/realtime/nodes", schema.Nodes, _filters(context), fresh=fresh)
