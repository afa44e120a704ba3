"""Rows as CSV (RFC 4180), by the rules of the API's own tables (docs/realtime.md, pages and tables)."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# What a spreadsheet takes for a formula's start (OWASP, CSV Injection), and what it skips before one.
_FORMULA_STARTS = frozenset("=+-@\N{MINUS SIGN}")
_SKIPPED = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mc", "Me", "Mn", "Zl", "Zp", "Zs"})


def header(fields: Sequence[str]) -> str:
    """Return the line of the fields' names."""
    return _written([fields])


def lines(fields: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a line for each row; what is missing or null is empty."""
    return _written([_cell(row.get(field)) for field in fields] for row in rows)


def _written(rows: Iterable[Iterable[str]]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return _safe(value)
    if not isinstance(value, dict | list):
        return _word(value)
    elements = value.values() if isinstance(value, dict) else value
    if any(isinstance(each, dict | list) for each in elements):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, dict):
        return _safe(" ".join(f"{name}={_word(each)}" for name, each in value.items()))
    return _safe(" ".join(map(_word, value)))


def _word(value: Any) -> str:
    """Return what is no list and no mapping; null is empty."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _safe(text: str) -> str:
    """Return a text that a spreadsheet takes for none of its formulas."""
    if not text or (text[0].isascii() and text[0].isalnum()):
        return text
    first = next((each for each in text if unicodedata.category(each) not in _SKIPPED), "")
    skipped = text[0] != " " and unicodedata.category(text[0]) in _SKIPPED
    formula = unicodedata.normalize("NFKC", first)[:1] in _FORMULA_STARTS
    return f"'{text}" if skipped or formula else text
