"""The screen's lines: a pure function of what it shows and of the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from lens_client.output import style, table, text
from lens_client.output.style import Style, bar, bar_cells
from lens_client.output.table import Column
from lens_client.output.terminal import Terminal
from lens_client.screen.state import State
from lens_client.views.cells import product_parts

_HELP = (
    "q, Esc       end",
    "/            show only what has this text; Esc: all again",
    "s, >, <      sort by the next or previous column",
    "r            the other way round",
    "p            with or without the products",
    "arrows, j k, PgUp PgDn, Home End   scroll",
    "?            this help, and back",
)

_PRODUCTS_AT_MOST = 6
_MIN_BAR = 4
"""Cells of the longest bar: one for each state. A terminal that has no room for them gets no bars."""

OLD_SECONDS = 30.0


def draw(state: State, columns: Sequence[Column], title: str, terminal: Terminal) -> list[str]:
    """Return the lines of a whole screen."""
    head = [_title(state, title, terminal)]
    if state.products_shown and state.status is not None:
        head += _products(state.status, terminal)
    foot = _foot(state, terminal)
    room = max(terminal.lines - len(head) - 2, 1)
    body = _help(room) if state.help_shown else _table(state, columns, room, terminal)
    body = body[: room + 1]
    return [*head, *body, *[""] * (room + 1 - len(body)), foot][: terminal.lines]


def page(state: State, terminal: Terminal) -> int:
    """Return how many rows of the table are shown."""
    products = 0
    if state.products_shown and state.status is not None:
        products = min(len(state.status["products"] or ()), _PRODUCTS_AT_MOST)
    return max(terminal.lines - 3 - products, 1)


def _title(state: State, title: str, terminal: Terminal) -> str:
    parts = [title]
    if state.status is not None:
        states, telemetry = state.status["gpu_states"], state.status["telemetry"]
        parts.append(f"{table.number(state.status['current_gpu_usage']['total_gpus'])} GPUs")
        parts += [f"{states[name]} {name}" for name in ("allocated", "available") if states[name] is not None]
        parts += [f"{states[name]} {name}" for name in ("unhealthy", "unavailable") if states[name]]
        if telemetry["utilization_rate"] is not None:
            parts.append(f"{telemetry['utilization_rate']}% util")
        parts.append(f"{table.number(state.status['pending']['pods'])} pending")
    return style.paint(_shorten("  ".join(parts), terminal), "bold", terminal)


def _products(status: Mapping[str, Any], terminal: Terminal) -> list[str]:
    rows = (status["products"] or [])[:_PRODUCTS_AT_MOST]
    names = [
        text.one_line(str(row["product"] or row["reason"] or table.NONE), ascii_only=not terminal.unicode)
        for row in rows
    ]
    numbers = [f"{table.number(row['allocated'])}/{table.number(row['total'])}" for row in rows]
    wide = max(map(len, numbers), default=0)
    label = min(max(map(text.width, names), default=0), max(terminal.columns // 3, 8))
    most = terminal.columns - label - wide - 3
    bars = [product_parts(row) for row in rows]
    totals = [sum(part.gpus for part in parts) for parts in bars]
    largest = max(totals, default=0)
    lines = []
    for name, number, parts, total in zip(names, numbers, bars, totals, strict=True):
        short = text.pad(text.shorten(name, label, middle=True, ellipsis=terminal.ellipsis), label)
        if most < _MIN_BAR:
            lines.append(_shorten(f"{short} {number:>{wide}}", terminal))
            continue
        # All bars have the same scale: the longest is as wide as there is room.
        cells = max(total * most // largest, 1) if largest > most else total
        spaces = " " * (most - bar_cells(parts, cells))
        lines.append(f"{short} {bar(parts, terminal, cells)}{spaces} {number:>{wide}}")
    return lines


def _table(state: State, columns: Sequence[Column], room: int, terminal: Terminal) -> list[str]:
    rows = state.rows()
    state.offset = min(state.offset, max(len(rows) - room, 0))
    visible = rows[state.offset : state.offset + room]
    layout = table.layout(columns, visible, terminal)
    heading = text.pad(layout.plain_heading(), terminal.columns)
    return [style.paint(heading, "reverse", terminal), *layout.lines(visible)]


def _help(room: int) -> list[str]:
    return ["", *_HELP][: room + 1]


def _foot(state: State, terminal: Terminal) -> str:
    """Return the last line: how old the figures are, and what is chosen."""
    if state.typing:
        return _shorten(f"/{text.one_line(state.text)}_", terminal)
    color: Style = "dim"
    if state.problem is not None:
        age, color = f"Data of {state.timestamp}: {state.problem}", "red"
    elif state.age_seconds is None:
        age = f"Data of {state.timestamp}" if state.timestamp else "Waiting for Lens"
    else:
        age = f"Data {state.age_seconds:g}s old"
        color = "yellow" if state.age_seconds > OLD_SECONDS else "dim"
    order = state.orders[state.order]
    direction = "up" if order.largest_first == state.reverse else "down"
    shown = len(state.rows())
    parts = [age, f"{shown} of {state.total}" if state.text else str(state.total)]
    if state.text:
        parts.append(f"/{text.one_line(state.text)}")
    parts.append(f"by {order.label} {direction if direction == 'up' else ''}".rstrip())
    parts.append("?: keys")
    return style.paint(_shorten("  ".join(parts), terminal), color, terminal)


def _shorten(line: str, terminal: Terminal) -> str:
    safe = text.one_line(line, ascii_only=not terminal.unicode)
    return text.shorten(safe, terminal.columns, ellipsis=terminal.ellipsis)
