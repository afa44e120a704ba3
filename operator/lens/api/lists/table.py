"""Rows as CSV (RFC 4180), safe to open in a spreadsheet."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

CONTENT_TYPE = "text/csv; charset=utf-8; header=present"

# Where a cell begins with one of these, spreadsheets take it for a formula (OWASP, CSV Injection). NFKC has
# the plain ones for full-width, small, raised and lowered ones, but not for the minus sign.
_FORMULA_STARTS = frozenset("=+-@\N{MINUS SIGN}")
# Control and format characters, blanks and marks: some spreadsheets look past them for what begins a cell.
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mc", "Me", "Mn", "Zl", "Zp", "Zs"})


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
    return f"'{value}" if _is_formula(value) else value


def _is_formula(text: str) -> bool:
    """Tell whether a spreadsheet may take it for one: rather too often than once too few."""
    if not text or (text[0].isascii() and text[0].isalnum()):
        return False
    if text[0] != " " and unicodedata.category(text[0]) in _UNSEEN:
        return True
    first = next((each for each in text if unicodedata.category(each) not in _UNSEEN), "")
    return unicodedata.normalize("NFKC", first)[:1] in _FORMULA_STARTS
