"""``kubectl lens alerts``."""

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from lens_client import options
from lens_client.api import schema
from lens_client.api.client import section
from lens_client.context import Context
from lens_client.exits import NO, YES
from lens_client.listing.printer import Printer
from lens_client.listing.watch import Section, not_matching, watch
from lens_client.output.quantity import epoch
from lens_client.views import alerts
from lens_client.views.cells import Clock, after

SEVERITIES = ("critical", "warning", "info")

SECTION = Section(
    "alerts",
    key=lambda row: row["id"],
    gone_key=lambda gone: gone,
    gone=lambda row: {**row, "severity": alerts.CLEARED},
    left=lambda row: {**row, "severity": not_matching(row["severity"])},
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    options.add_namespace(parser)
    parser.add_argument(
        "--severity", choices=SEVERITIES, default="info", help="only of this severity or a higher one"
    )
    options.add_output(parser)
    options.add_watch(parser)


def run(context: Context) -> int:
    """Print the alerts; 3 if there are any."""
    given, clock = context.options, Clock()
    printer = Printer(context, alerts.alerts(clock))
    severities = SEVERITIES[: SEVERITIES.index(given.severity) + 1]
    namespace = None if given.all_namespaces else given.namespace

    def select(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [
            row
            for row in rows
            # A severity that this version doesn't know may be the worst.
            if (row["severity"] in severities or row["severity"] not in SEVERITIES)
            and (namespace is None or alerts.is_of(row, namespace))
        ]

    if given.watch:
        return watch(context, printer, SECTION, {"include": "alerts"}, clock, select)
    answer = context.lens.get("/api/v1/realtime/status", schema.Status, {"include": "alerts"})
    clock.at = after(epoch(answer.data["timestamp"]), answer.age_seconds)
    rows = select(section(answer.data, "alerts", context.lens.where))
    found = {"cluster": answer.data["cluster"], "timestamp": answer.data["timestamp"], "alerts": rows}
    printer.rows(found, rows)
    printer.age(answer.data["timestamp"], answer.age_seconds)
    return context.status(NO if rows else YES, answer.age_seconds)
