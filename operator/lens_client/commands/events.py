"""``kubectl lens events``."""

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from lens_client import options
from lens_client.api import schema
from lens_client.api.client import section
from lens_client.context import Context
from lens_client.exits import STALE, YES, UsageError
from lens_client.listing.follow import followed
from lens_client.listing.printed import PrintedEvents
from lens_client.listing.printer import Printer
from lens_client.listing.watch import print_age
from lens_client.output.quantity import epoch
from lens_client.views import alerts
from lens_client.views.cells import Clock, after

_KINDS = {
    "po": "Pod",
    "pod": "Pod",
    "pods": "Pod",
    "no": "Node",
    "node": "Node",
    "nodes": "Node",
    "gpu": "GPU",
    "resourcepool": "ResourcePool",
    "watch": "Watch",
}
"""The kinds of objects that events are about, by the names that a user types."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    options.add_namespace(parser)
    parser.add_argument(
        "--types",
        metavar="TYPE,…",
        action="append",
        help="only these types, such as TaskFailed,NodeNotReady; repeatable",
    )
    parser.add_argument(
        "--for",
        metavar="KIND/NAME",
        dest="about",
        help="only this object's: node/NAME, pod/NAME with -n, or an OBJECT as it is shown",
    )
    parser.add_argument(
        "--since", metavar="DURATION", type=options.duration, help="only events not older than this: 1h"
    )
    options.add_output(parser)
    options.add_watch(parser)


def run(context: Context) -> int:
    """Print the events, the newest last."""
    given, clock = context.options, Clock()
    printer = Printer(context, alerts.events(clock))
    about = _object(given.about, context)
    namespace = None if given.all_namespaces else given.namespace
    types = None if given.types is None else [each.strip() for each in ",".join(given.types).split(",")]

    def chosen(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the rows that match the options, the newest last."""
        since = None if given.since is None or clock.at is None else clock.at - given.since
        found = [
            row
            for row in rows
            if (types is None or row["type"] in types)
            and about in (None, row["object"])
            and (namespace is None or alerts.is_of(row, namespace))
            and (since is None or (epoch(row["timestamp"]) or since) >= since)
        ]
        return sorted(found, key=lambda row: str(row["timestamp"]))

    query = {"include": "events", "event_type": types, "event_object": about}
    if given.watch:
        if types is not None or about is not None:
            # The stream has no such filters, so the list has to refuse invalid values.
            context.lens.get("/api/v1/realtime/status", schema.Status, query)
        return _watch(context, printer, clock, chosen)
    answer = context.lens.get("/api/v1/realtime/status", schema.Status, query)
    clock.at = after(epoch(answer.data["timestamp"]), answer.age_seconds)
    rows = chosen(section(answer.data, "recent_events", context.lens.where))
    found = {"cluster": answer.data["cluster"], "timestamp": answer.data["timestamp"], "recent_events": rows}
    printer.rows(found, rows)
    printer.age(answer.data["timestamp"], answer.age_seconds)
    return context.status(YES, answer.age_seconds)


def _watch(context: Context, printer: Printer, clock: Clock, chosen: Any) -> int:
    printed: PrintedEvents | None = None
    old = False
    with followed(context, printer, {"include": "events"}) as events:
        for event in events:
            clock.at = epoch(event.data["timestamp"])
            if event.type == "heartbeat":
                old = print_age(printer, event.data, old)
                continue
            rows = chosen(event.data.get("recent_events", []))
            if printed is None:
                printed = PrintedEvents()
                printer.first(event.data, printed.add(rows))
                printer.age(event.data["timestamp"], event.data.get("age_seconds"))
            else:
                printer.more(printed.add(rows))
    return STALE


def _object(about: str | None, context: Context) -> str | None:
    """Return an object as the API names it: ``pod/a`` is ``Pod/NAMESPACE/a``. Raise UsageError."""
    if about is None:
        return None
    kind, slash, name = about.partition("/")
    if not slash or not name:
        raise UsageError(f"--for {about}: name an object as node/NAME or pod/NAME")
    if kind.lower() not in _KINDS:
        raise UsageError(f"--for {about}: events are about node/NAME, pod/NAME, or an OBJECT as it is shown")
    kind = _KINDS[kind.lower()]
    if kind == "Pod" and "/" not in name:
        if context.namespace is None:
            raise UsageError(f"--for {about}: -n has to say in which namespace")
        name = f"{context.namespace}/{name}"
    return f"{kind}/{name}"
