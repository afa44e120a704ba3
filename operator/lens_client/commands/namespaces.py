"""``kubectl lens namespaces``."""

import argparse

from lens_client import options
from lens_client.api import schema
from lens_client.api.client import section
from lens_client.context import Context
from lens_client.exits import YES
from lens_client.listing.printer import Printer
from lens_client.views import namespaces


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    options.ignore_namespace(parser)
    options.add_output(parser)


def run(context: Context) -> int:
    """Print the namespaces, those with the most GPUs first."""
    printer = Printer(context, namespaces.NAMESPACES)
    answer = context.lens.get("/api/v1/realtime/status", schema.Status, {"include": "namespaces"})
    rows = section(answer.data, "namespaces", context.lens.where)
    found = {"cluster": answer.data["cluster"], "timestamp": answer.data["timestamp"], "namespaces": rows}
    printer.rows(found, rows)
    printer.age(answer.data["timestamp"], answer.age_seconds)
    return context.status(YES, answer.age_seconds)
