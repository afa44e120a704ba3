"""Text that others wrote, made harmless for a terminal, and measured in its columns."""

import re
import unicodedata
from itertools import pairwise

_PLAIN = re.compile(r"[ -~]*")
_LINES = re.compile(r"[ -~\n\t]*")
_SPACES = re.compile(r"[^\S ]+")
_ESCAPED = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
"""Control and format characters (bidirectional overrides, invisible joiners) and what has no glyph."""
_MARKS = frozenset({"Mn", "Me"})
_MAX_MARKS = 3
"""Combining marks on one character; more of them would cover other lines."""


def one_line(text: str, *, ascii_only: bool = False) -> str:
    """Return a text on one line, with everything that a terminal may obey or hide written as ``\\x1b``.

    Variation selectors go: terminals don't agree how wide a character with one is.
    """
    if _PLAIN.fullmatch(text):
        return text
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    shown, marks = [], 0
    for character in _SPACES.sub(" ", text):
        category = unicodedata.category(character)
        marks = marks + 1 if category in _MARKS else 0
        if category in _ESCAPED:
            shown.append(_escape(character))
        elif marks > _MAX_MARKS or "\ufe00" <= character <= "\ufe0f" or character >= "\U000e0100":
            continue
        elif category in _MARKS and not shown:
            shown.append(_escape(character))
        else:
            shown.append(character)
    joined = "".join(shown)
    return joined.encode("ascii", "backslashreplace").decode() if ascii_only else joined


def harmless(text: str) -> str:
    """Return a text with its lines and tabs, and with everything else that steers a terminal escaped."""
    if _LINES.fullmatch(text):
        return text
    return "".join(
        _escape(each)
        if each not in "\n\t" and unicodedata.category(each) in _ESCAPED | {"Zl", "Zp"}
        else each
        for each in text
    )


def escape_json(text: str) -> str:
    """Return JSON with the same value in which no character inside a string can steer a terminal."""
    if text.isascii() and "\x7f" not in text:  # JSON has no other control characters than line ends
        return text
    return "".join(
        _escape_unit(each) if each != "\n" and unicodedata.category(each) in _ESCAPED | {"Zl", "Zp"} else each
        for each in text
    )


def width(text: str) -> int:
    """Return how many columns of a terminal a clean text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def shorten(text: str, columns: int, *, middle: bool = False, ellipsis: str = "…") -> str:
    """Return a text in at most so many columns, without its end or its middle if it has more."""
    if width(text) <= columns:
        return text
    room = columns - width(ellipsis)
    if room <= 0:
        return ellipsis[: max(columns, 0)]
    tail = room // 2 if middle else 0
    return _head(text, room - tail) + ellipsis + _head(text[::-1], tail)[::-1]


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Return a text with spaces after it, or before it to align it on the ``right``."""
    spaces = " " * (columns - width(text))
    return spaces + text if right else text + spaces


def _head(text: str, columns: int) -> str:
    used = 0
    for position, character in enumerate(text):
        used += _columns(character)
        if used > columns:
            return text[:position]
    return text


def _columns(character: str) -> int:
    if unicodedata.category(character) in _MARKS or "\u1160" <= character <= "\u11ff":
        return 0  # combining marks, and the vowels and final consonants of a Hangul syllable
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escape_unit(character: str) -> str:
    pairs = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{pairs[start:end]}" for start, end in pairwise(range(0, len(pairs) + 1, 4)))
