"""What the terminal behind a stream can show."""

import os
import sys
from collections.abc import Mapping
from typing import NamedTuple, TextIO

_COERCED = {"C.UTF-8", "C.utf8", "UTF-8"}
"""What Python puts into LC_CTYPE of its own environment where the locale is C (PEP 538)."""
_WIDEST = 1000


class Terminal(NamedTuple):
    """What can be shown. Without a terminal there is no colour, no bar and no width to keep to."""

    is_terminal: bool = False
    columns: int = 80
    lines: int = 24
    colour: bool = False
    unicode: bool = True

    @property
    def ellipsis(self) -> str:
        """Return the sign for the part of a text that has no room."""
        return "…" if self.unicode else "..."


def describe(stream: TextIO, environ: Mapping[str, str]) -> Terminal:
    """Return what the stream's terminal can show, by the variables of its user."""
    is_terminal = stream.isatty()
    columns, lines = size(stream) if is_terminal else (80, 24)
    dumb = environ.get("TERM", "dumb") == "dumb"
    return Terminal(
        is_terminal=is_terminal,
        columns=columns,
        lines=lines,
        colour=is_terminal and not dumb and not environ.get("NO_COLOR"),
        unicode=has_unicode(environ, bool(sys.flags.utf8_mode)),
    )


def size(stream: TextIO) -> tuple[int, int]:
    """Return the columns and lines of a terminal; 80 and 24 where it doesn't know them."""
    try:
        columns, lines = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        columns, lines = 0, 0
    return min(columns, _WIDEST) or 80, min(lines, _WIDEST) or 24


def has_unicode(environ: Mapping[str, str], utf8_mode: bool) -> bool:
    """Return whether the locale is one of UTF-8; C and POSIX aren't, and neither is none."""
    language = environ.get("LANG", "")
    character_type = environ.get("LC_CTYPE", "")
    if utf8_mode and character_type in _COERCED and language in ("", "C", "POSIX"):
        character_type = ""
    locale = environ.get("LC_ALL") or character_type or language
    return "utf-8" in locale.lower() or "utf8" in locale.lower()
