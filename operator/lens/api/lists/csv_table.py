"""Rows as CSV (RFC 4180), safe to open in a spreadsheet."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

CONTENT_TYPE = "text/csv; charset=utf-8; header=present"

# Spreadsheets interpret a cell that begins with one of these as a formula (OWASP, CSV Injection). NFKC maps
# full-width, small, superscript and subscript forms to the plain ones, but not the minus sign.
_FORMULA_STARTS = frozenset("=+-@\N{MINUS SIGN}")
# Control and format characters, whitespace and marks: some spreadsheets skip them at the start of a cell.
_SKIPPED = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mc", "Me", "Mn", "Zl", "Zp", "Zs"})


def header(columns: Sequence[str]) -> bytes:
    """Return the header line."""
    return _lines([columns])


def lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a line for each row. Missing and null values are empty."""
    return _lines([_cell(row.get(column)) for column in columns] for row in rows)


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> str:
    """Return a value as text: a list's elements, or a mapping's ``name=value`` pairs, separated by spaces.

    What has lists or mappings in it is JSON.
    """
    if isinstance(value, str):
        return _safe(value)
    if value is None or isinstance(value, int | float):
        return _word(value)
    if any(
        isinstance(each, Mapping | list) for each in (value.values() if isinstance(value, Mapping) else value)
    ):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, Mapping):
        return _safe(" ".join(f"{name}={_word(each)}" for name, each in value.items()))
    return _safe(" ".join(map(_word, value)))


def _word(value: Any) -> str:
    """Return a value that is no list and no mapping as text: null is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _safe(text: str) -> str:
    return f"'{text}" if _is_formula(text) else text


def _is_formula(text: str) -> bool:
    """Return whether a spreadsheet may interpret the text as a formula; when in doubt, True."""
    if not text or (text[0].isascii() and text[0].isalnum()):
        return False
    if text[0] != " " and unicodedata.category(text[0]) in _SKIPPED:
        return True
    first = next((each for each in text if unicodedata.category(each) not in _SKIPPED), "")
    return unicodedata.normalize("NFKC", first)[:1] in _FORMULA_STARTS
