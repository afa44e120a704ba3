"""``-w``: the present rows, and then each row that changes."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

from lens_client.api.client import section as rows_of
from lens_client.api.events import Event
from lens_client.context import Context
from lens_client.exits import STALE
from lens_client.listing.follow import followed
from lens_client.listing.printer import OLD_SECONDS, Printer
from lens_client.listing.selection import Select
from lens_client.output.quantity import epoch
from lens_client.output.table import NONE
from lens_client.views.cells import Clock

Known = dict[Hashable, Mapping[str, Any]]

MEASURED = frozenset(
    {"utilization", "memory_used_bytes", "utilization_reason", "running_time_seconds", "waiting_seconds"}
)
"""Fields that change all the time. A change of these alone isn't printed; ``top`` shows it."""


def not_matching(state: str | None) -> str:
    """Return the state of a row that no longer matches the filters: as kubectl adds SchedulingDisabled."""
    return f"{state or NONE},NotMatching"


def _as_it_is(row: Mapping[str, Any], _now: float | None) -> Mapping[str, Any]:
    return row


class Section(NamedTuple):
    """Rows of the stream: their field, their key, and how the last one of each key is printed.

    ``gone`` takes the last state of one that isn't there any more, ``left`` the present state of one that the
    filters no longer choose. ``prepare`` completes a row as the lists have it, at a time in seconds since
    1970.
    """

    field: str
    key: Callable[[Mapping[str, Any]], Hashable]
    gone_key: Callable[[Any], Hashable]
    gone: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict
    left: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict
    prepare: Callable[[Mapping[str, Any], float | None], Mapping[str, Any]] = _as_it_is


def watch(
    context: Context,
    printer: Printer,
    section: Section,
    query: Mapping[str, Any],
    clock: Clock,
    select: Select,
) -> int:
    """Print a section's rows, and those that change, until Ctrl+C, or until they are too old."""
    known: Known | None = None
    old = False
    with followed(context, printer, query) as events:
        for event in events:
            clock.at = epoch(event.data["timestamp"])
            if event.type == "heartbeat":
                old = print_age(printer, event.data, old)
                continue
            if event.type == "snapshot":
                prepared = [section.prepare(row, clock.at) for row in _rows(context, event, section)]
                there = {section.key(row): row for row in prepared}
                rows = {section.key(row): row for row in select(prepared)}
                if known is None:
                    printer.first(event.data, list(rows.values()))
                    printer.age(event.data["timestamp"], event.data.get("age_seconds"))
                else:
                    changed = [row for key, row in rows.items() if differs(known.get(key), row)]
                    printer.more([*ended(section, known, rows, there), *changed])
                known = rows
            elif known is not None and section.field in event.data:
                _apply(printer, section, event.data[section.field], known, clock.at, select)
    return STALE


def _rows(context: Context, event: Event, part: Section) -> list[Any]:
    return rows_of(event.data, part.field, context.lens.where)


def ended(
    section: Section,
    known: Known,
    rows: Mapping[Hashable, Mapping[str, Any]],
    there: Mapping[Hashable, Mapping[str, Any]],
) -> list[Mapping[str, Any]]:
    """Return the last state of rows that were ``known`` and no longer match.

    ``there`` are the rows that exist, whatever the filters.
    """
    return [
        section.left(there[key]) if key in there else section.gone(row)
        for key, row in known.items()
        if key not in rows
    ]


def differs(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> bool:
    """Return whether more than measured values has changed."""
    if before is None:
        return True
    return any(before.get(name) != after.get(name) for name in (after.keys() | before.keys()) - MEASURED)


def print_age(printer: Printer, heartbeat: Mapping[str, Any], before: bool) -> bool:
    """Print the age when figures become old, and when they are current again; return whether they are old."""
    old: bool = heartbeat["age_seconds"] is not None and heartbeat["age_seconds"] > OLD_SECONDS
    if old != before:
        printer.age(heartbeat["timestamp"], heartbeat["age_seconds"])
    return old


def _apply(
    printer: Printer,
    section: Section,
    change: Mapping[str, Any],
    known: Known,
    now: float | None,
    select: Select,
) -> None:
    gone = [known.pop(section.gone_key(each), None) for each in change["gone"]]
    printed = [section.gone(row) for row in gone if row is not None]
    changed = {section.key(row): row for row in (section.prepare(each, now) for each in change["changed"])}
    chosen = {section.key(row): row for row in select(changed.values())}
    printed += [
        section.left(row)
        for key, row in changed.items()
        if key not in chosen and known.pop(key, None) is not None
    ]
    printed += [row for key, row in chosen.items() if differs(known.get(key), row)]
    known.update(chosen)
    printer.more(printed)
