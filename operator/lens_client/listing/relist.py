"""``-w`` of a list that the stream doesn't have: each event of the stream has the list requested again."""

import math
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from lens_client.api.client import Answer, ApiError
from lens_client.api.events import Event
from lens_client.context import Context
from lens_client.exits import STALE
from lens_client.listing.follow import followed
from lens_client.listing.printer import Printer
from lens_client.listing.selection import Select
from lens_client.listing.watch import Section, differs, ended, print_age

Rows = dict[Hashable, Mapping[str, Any]]
"""Rows by their key."""

_LIST_SECONDS = 0.2
"""The shortest time between two requests of the list. Lens' rate limit is some 8 requests a second."""

_TRANSIENT = frozenset((None, 429, 502, 503, 504))
"""The HTTP statuses after which the next event requests the list again; None is no response."""

Fetch = Callable[[], Answer[Any]]
"""Requests the present list."""


def watch_pods(context: Context, printer: Printer, section: Section, fetch: Fetch, select: Select) -> int:
    """Print the pods of a list, and those that change, until Ctrl+C.

    A user who may see only one namespace gets the stream of its tasks. Other changes show within 10 s.
    """
    try:
        return watch(context, printer, section, fetch, select, {"include": ["status", "events"]})
    except ApiError as error:
        if error.http_status != 403 or context.namespace is None:
            raise
    query = {"include": "tasks", "namespace": context.namespace}
    return watch(context, printer, section, fetch, select, query)


def watch(
    context: Context,
    printer: Printer,
    section: Section,
    fetch: Fetch,
    select: Select,
    query: Mapping[str, Any],
    *,
    has_section: bool = False,
) -> int:
    """Print the rows of a list, and those that change, until Ctrl+C, or until they are too old.

    ``query`` opens the stream, and each of its events has the list requested again. A stream that
    ``has_section`` has the rows that the list's filters leave out. So it shows whether a row that left the
    list still exists.
    """
    known: Rows | None = None
    streamed: Rows = {}
    old = False
    listed_at = -math.inf
    with followed(context, printer, query) as events:
        for event in events:
            if event.type == "heartbeat":
                old = print_age(printer, event.data, old)
            if has_section and section.field in event.data:
                _update(streamed, section, event)
            time.sleep(max(0.0, listed_at + _LIST_SECONDS - time.monotonic()))
            listed_at = time.monotonic()
            try:
                answer = fetch()
            except ApiError as error:
                if known is None or error.http_status not in _TRANSIENT:
                    raise
                continue
            listed = answer.data[section.field]
            rows: Rows = {section.key(row): row for row in select(listed)}
            if known is None:
                printer.first({**answer.data}, list(rows.values()))
                printer.age(answer.data["timestamp"], answer.age_seconds)
            else:
                there = {**streamed, **{section.key(row): row for row in listed}}
                changed = [row for key, row in rows.items() if differs(known.get(key), row)]
                printer.more([*ended(section, known, rows, there), *changed])
            known = rows
            if context.is_old(answer.age_seconds):
                printer.too_old(answer.data["timestamp"], answer.age_seconds)
                return STALE
    return STALE


def _update(streamed: Rows, section: Section, event: Event) -> None:
    """Update the rows that the stream has."""
    rows: Any = event.data[section.field]
    if event.type == "snapshot":
        streamed.clear()
        changed = rows or ()
    else:
        changed = rows["changed"]
        for gone in rows["gone"]:
            streamed.pop(section.gone_key(gone), None)
    streamed.update({section.key(row): row for row in changed})
