"""The tokens of an expression."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n\f]+|//[^\n]*)
    | (?P<text>
        (?:[bB]?[rR]|[rR][bB])(?:\"\"\".*?\"\"\"|'''.*?'''|"[^"\n]*"|'[^'\n]*')
        | [bB]?(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<quoted>`[A-Za-z0-9_.\-/ ]+`)
    | (?P<number>[0-9][0-9A-Za-z_]*(?:\.[0-9][0-9A-Za-z_]*)?)
    | (?P<other>==|!=|<=|>=|&&|\|\||.)
    """,
    re.VERBOSE | re.DOTALL,
)

MAPS = ("attributes", "capacity")
"""The fields of a device that have domains."""

ITERATE = frozenset({"all", "exists", "exists_one", "filter", "map", "size"})
"""The operators and functions that read a whole map: its domains."""

BINDING = ITERATE | {
    *("bind", "existsOne", "transformList", "transformMap", "transformMapEntry", "optMap", "optFlatMap")
}
"""The macros whose first argument names a variable."""


class UnsupportedError(ValueError):
    """An expression can't be evaluated here, though kube-scheduler may evaluate it."""


class Token(NamedTuple):
    kind: str
    text: str
    space: str = ""
    """The whitespace before it: a blank for any amount, or nothing."""


def tokens(expression: str) -> Iterator[Token]:
    """Yield the tokens. Raise UnsupportedError for a text that isn't closed."""
    space = ""
    for match in _TOKEN.finditer(expression):
        if match[0] in ('"', "'"):
            # Searching for the end of each further quote would take quadratic time.
            raise UnsupportedError("a text isn't closed")
        if match.lastgroup == "space":
            space = " "
        else:
            yield Token(match.lastgroup or "other", match[0], space)
            space = ""


def closing(parts: Sequence[Token], opening: int) -> int | None:
    """Return the position of the bracket that closes one; None if none does."""
    depth = 0
    for position in range(opening, len(parts)):
        depth += depth_of(parts[position])
        if depth == 0:
            return position
    return None


def depth_of(token: Token) -> int:
    """Return 1 for a bracket that opens, -1 for one that closes, 0 for any other token."""
    return (token.text in OPENING) - (token.text in CLOSING) if token.kind == "other" else 0


OPENING, CLOSING = ("(", "[", "{"), (")", "]", "}")
