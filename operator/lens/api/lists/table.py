"""Rows as CSV (RFC 4180), safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

CONTENT_TYPE = "text/csv; charset=utf-8; header=present"

# Where a cell begins with one of these, spreadsheets take it for a formula (OWASP, CSV Injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def header(columns: Sequence[str]) -> bytes:
    """Return the line of the columns' names."""
    return _lines([columns])


def lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a line for each row. What a row lacks or doesn't know is empty."""
    return _lines([_cell(row.get(column)) for column in columns] for row in rows)


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    return written.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> str:
    """Return a value as text: a list's elements and a mapping's ``name=value`` with a space between."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Mapping):
        value = " ".join(f"{name}={each}" for name, each in value.items())
    elif not isinstance(value, str):
        value = " ".join(map(str, value))
    return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
