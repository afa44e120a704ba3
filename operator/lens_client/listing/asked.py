"""``-w`` of a list that the stream doesn't have: the stream says when to ask for it again."""

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
from lens_client.listing.selection import Chooses
from lens_client.listing.watch import Section, differs, ended, tell_age

Rows = dict[Hashable, Mapping[str, Any]]
"""Rows by their key."""

_ASK_SECONDS = 0.2
"""No sooner is the list asked for again: a Lens grants some 8 requests a second."""

_PASSING = frozenset((None, 429, 502, 503, 504))
"""Statuses after which the next event asks again; None for no response."""

Ask = Callable[[], Answer[Any]]
"""Asks for the list as it is now."""


def watch_pods(context: Context, printer: Printer, section: Section, ask: Ask, chooses: Chooses) -> int:
    """Print the pods of a list, and those that change, until Ctrl+C.

    Who may see one namespace gets the stream of its tasks, and news of other pods within 10 s.
    """
    try:
        return watch(context, printer, section, ask, chooses, {"include": ["status", "events"]})
    except ApiError as error:
        if error.http_status != 403 or context.namespace is None:
            raise
    query = {"include": "tasks", "namespace": context.namespace}
    return watch(context, printer, section, ask, chooses, query)


def watch(
    context: Context,
    printer: Printer,
    section: Section,
    ask: Ask,
    chooses: Chooses,
    query: Mapping[str, Any],
    *,
    has_section: bool = False,
) -> int:
    """Print the rows of a list, and those that change, until Ctrl+C, or until they are too old.

    Each event of the stream that the ``query`` opens asks for the list again. A stream that ``has_section``
    has the rows without the list's filters, so it says of one that isn't listed any more whether it exists.
    """
    known: Rows | None = None
    streamed: Rows = {}
    old = False
    asked_at = -math.inf
    with followed(context, printer, query) as events:
        for event in events:
            if event.type == "heartbeat":
                old = tell_age(printer, event.data, old)
            if has_section and section.field in event.data:
                _update(streamed, section, event)
            time.sleep(max(0.0, asked_at + _ASK_SECONDS - time.monotonic()))
            asked_at = time.monotonic()
            try:
                answer = ask()
            except ApiError as error:
                if known is None or error.http_status not in _PASSING:
                    raise
                continue
            listed = answer.data[section.field]
            rows: Rows = {section.key(row): row for row in chooses(listed)}
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
