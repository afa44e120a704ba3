"""Tables like kubectl's, which fit the terminal that they are printed on."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from lens_client.output import style, text
from lens_client.output.style import Part, Style
from lens_client.output.terminal import Terminal

Row = Mapping[str, Any]

NONE = "-"
"""The cell of an unknown or missing value."""

_GAP = "  "

_BAR_RANK = 3
"""Bars go when columns of this rank are next."""


class Cell(NamedTuple):
    """A cell's text, and what only a terminal shows of it."""

    text: str
    style: Style = ""
    bar: tuple[Part, ...] = ()


class Column(NamedTuple):
    """A column. Where a terminal is too narrow, columns with the highest ``rank`` go first; 0 stays.

    ``shrink`` says where a text may lose characters before any column goes, down to ``least`` columns.
    """

    heading: str
    cell: Callable[[Row], Cell | str | None]
    wide: bool = False
    right: bool = False
    rank: int = 0
    shrink: Literal["", "middle", "end"] = ""
    least: int = 12


class _Measured(NamedTuple):
    column: Column
    natural: int
    bar: int

    def least(self) -> int:
        if not self.column.shrink:
            return self.natural
        return min(self.natural, max(self.column.least, len(self.column.heading)))

    def without_bar(self) -> "_Measured":
        if not self.bar:
            return self
        return self._replace(natural=max(self.natural - self.bar - 1, len(self.column.heading)), bar=0)


class Layout(NamedTuple):
    """The columns of a table and their widths; ``hidden`` are the headings of those that had no room."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    bars: tuple[int, ...]
    hidden: tuple[str, ...]
    shortens: bool
    terminal: Terminal

    def heading(self) -> str:
        """Return the line of the headings."""
        return style.paint(self.plain_heading(), "bold", self.terminal)

    def plain_heading(self) -> str:
        """Return the line of the headings, without a colour."""
        titles = [
            text.pad(column.heading, width, right=column.right)
            for column, width in zip(self.columns, self.widths, strict=True)
        ]
        return _GAP.join(titles).rstrip()

    def lines(self, rows: Iterable[Row]) -> Iterator[str]:
        """Yield a line for each row. Rows that came after the layout was made may be wider."""
        last = len(self.columns) - 1
        for row in rows:
            parts = [self._written(position, row, last=position == last) for position in range(last + 1)]
            yield _GAP.join(parts).rstrip()

    def _written(self, position: int, row: Row, *, last: bool) -> str:
        column, width, bars = self.columns[position], self.widths[position], self.bars[position]
        cell = _cell(column, row, self.terminal)
        prefix = ""
        if bars:
            prefix = style.bar(cell.bar, self.terminal) + " " * (bars - style.bar_cells(cell.bar) + 1)
            width -= bars + 1
        shown = cell.text
        if column.shrink and self.shortens:
            middle = column.shrink == "middle"
            shown = text.shorten(shown, width, middle=middle, ellipsis=self.terminal.ellipsis)
        painted = style.paint(shown, cell.style, self.terminal)
        if last and not column.right:
            return prefix + painted
        spaces = " " * max(width - text.width(shown), 0)
        return prefix + (spaces + painted if column.right else painted + spaces)


def layout(
    columns: Sequence[Column], rows: Iterable[Row], terminal: Terminal, *, wide: bool = False
) -> Layout:
    """Return a table's layout for some rows. It keeps to a terminal's width, except a ``wide`` one."""
    rows = list(rows)
    shown = [_measured(column, rows, terminal) for column in columns if wide or not column.wide]
    hidden: list[str] = []
    widths = [each.natural for each in shown]
    keeps_to_width = terminal.is_terminal and not wide
    if keeps_to_width:
        shown, hidden = _drop(shown, terminal.columns)
        widths = _widths(shown, terminal.columns)
    return Layout(
        tuple(each.column for each in shown),
        tuple(widths),
        tuple(each.bar for each in shown),
        tuple(hidden),
        keeps_to_width,
        terminal,
    )


def number(value: float | None, unit: str = "") -> str:
    """Return a number with the API's digits; NONE for null."""
    return NONE if value is None else f"{value}{unit}"


def _measured(column: Column, rows: Iterable[Row], terminal: Terminal) -> _Measured:
    bars = texts = 0
    for row in rows:
        cell = _cell(column, row, terminal)
        texts = max(texts, text.width(cell.text))
        if terminal.is_terminal:
            bars = max(bars, style.bar_cells(cell.bar))
    return _Measured(column, max(texts + (bars + 1 if bars else 0), len(column.heading)), bars)


def _cell(column: Column, row: Row, terminal: Terminal) -> Cell:
    found = column.cell(row)
    if found is None or isinstance(found, str):
        return Cell(text.one_line(found or "", ascii_only=not terminal.unicode) or NONE)
    shown = text.one_line(found.text, ascii_only=not terminal.unicode) or NONE
    return found if shown == found.text else found._replace(text=shown)


def _drop(shown: list[_Measured], columns: int) -> tuple[list[_Measured], list[str]]:
    """Return the columns for which there is room, and the headings of the others."""
    hidden: list[str] = []
    while _total([each.least() for each in shown]) > columns:
        droppable = max(
            (each for each in shown if each.column.rank), key=lambda each: each.column.rank, default=None
        )
        if any(each.bar for each in shown) and (droppable is None or droppable.column.rank <= _BAR_RANK):
            # A bar says nothing that the number behind it doesn't.
            shown = [each.without_bar() for each in shown]
        elif droppable is None:
            break
        else:
            shown = [each for each in shown if each is not droppable]
            hidden.insert(0, droppable.column.heading)
    return shown, hidden


def _widths(shown: list[_Measured], columns: int) -> list[int]:
    """Return the columns' widths: what is left goes to those that can shrink, the narrowest first."""
    widths = [each.least() for each in shown]
    left = columns - _total(widths)
    waiting = sorted(
        (i for i, each in enumerate(shown) if each.natural > widths[i]), key=lambda i: shown[i].natural
    )
    while waiting and left > 0:
        share = left // len(waiting) or 1
        first = waiting[0]
        growth = min(shown[first].natural - widths[first], share)
        widths[first] += growth
        left -= growth
        waiting.pop(0)
    return widths


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * max(len(widths) - 1, 0)
