"""Prepares a selector's text for a CEL library that knows nothing of Kubernetes' maps.

In ``device.attributes`` and ``device.capacity`` a domain that no attribute has is an empty map, not a
missing key (k8s.io/dynamic-resource-allocation, cel/compile.go, ``newStringInterfaceMapWithDefault``). So
each look-up of a domain becomes a call of a function. Where no call can stand for what is done with a map,
the selector can't be evaluated.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

LONGEST_EXPRESSION = 10 * 1024
"""CELSelectorExpressionMaxLength (k8s.io/api/resource/v1)."""

MOST_GROWTH = 1_000_000
"""Characters of a value that an expression may make: as many as kube-scheduler lets one cost."""

MOST_WORK = 1_000_000
"""What an expression may evaluate: a part of it once is one. kube-scheduler's bound on its cost is as high.
The library bounds the iterations alone, and holds up all else while it works."""

MOST_ITERATIONS = 10_000
"""The library's own bound."""

_HEAVY = frozenset({"matches", "split", "replace", "join", "sets"})
_HEAVY_WORK = 1000
"""What a call of these takes: the library compiles a regular expression each time, texts may be long."""

_LONGEST_LIST = 64
"""More than a device's attributes, or the values of one."""

DOMAIN = "lens_domain"
"""What the functions that return a domain of a map are called, with the map's name behind it."""

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

_MAPS = ("attributes", "capacity")
_FIELDS = (*_MAPS, "driver", "allowMultipleAllocations")
_ITERATE = frozenset({"all", "exists", "exists_one", "filter", "map", "size"})
"""What takes a map as it is: the domains that there are."""

_BINDING = _ITERATE | {"bind", "existsOne", "transformList", "transformMap", "transformMapEntry", "optMap"}
"""What gives a variable a name, in its first argument."""

_BY_VALUE = _ITERATE | {"type", "string", "dyn", "lists", "sets", "distinct", "format", "join"}
"""What looks at more of a domain than the entries that the expression names."""


class UnsupportedError(ValueError):
    """Says what of an expression can't be evaluated here, though kube-scheduler may evaluate it."""


class Prepared(NamedTuple):
    """An expression for the library.

    ``names_only``: it looks only at entries whose names are in its text. ``compared`` has the names whose
    values are compared with texts or numbers.
    """

    text: str
    names_only: bool
    compared: frozenset[str]


class _Token(NamedTuple):
    kind: str
    text: str
    space: str = ""
    """What stands between it and the token before: a blank for all of it, or nothing."""


def prepare(expression: str) -> Prepared:
    """Return an expression with a call for each look-up of a domain. Raise UnsupportedError."""
    if len(expression) > LONGEST_EXPRESSION:
        raise UnsupportedError(f"{len(expression)} characters are more than {LONGEST_EXPRESSION}")
    tokens = list(_tokens(expression))
    if _growth(tokens) * len(expression) > MOST_GROWTH:
        raise UnsupportedError("its variables may make values that are too large")
    if _work(tokens) > MOST_WORK:
        raise UnsupportedError("it may take too long")
    called = {each.text for each, after in pairwise(tokens) if after.text == "(" and each.kind == "name"}
    rewriter = _Rewriter(tokens)
    text = rewriter.rewrite(0, len(tokens))
    computed = any(each.text == "+" for each in tokens)
    names_only = not (rewriter.takes_maps or computed or called & _BY_VALUE)
    return Prepared(text, names_only, frozenset(_compared(tokens)))


def _growth(tokens: list[_Token]) -> int:
    """Return by how much values may grow: each use of a variable may repeat what it stands for.

    ``cel.bind(b, a + a, cel.bind(c, b + b, …))`` doubles a text with each variable. Kubernetes refuses that
    for its estimated cost.
    """
    uses = Counter(each.text for each in tokens if each.kind == "name")
    growth = 1
    for function, opening, variable in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if function.text in _BINDING and opening.text == "(" and variable.kind == "name":
            growth *= max(1, uses[variable.text] - 1)
            if growth > MOST_GROWTH:
                break
    return growth


def _work(tokens: list[_Token]) -> int:
    """Return how many parts may be evaluated, if each macro goes through the longest list that there is."""
    brackets: list[int] = []
    # A text may be split into any number of letters.
    longest = MOST_ITERATIONS if any(each.text == "split" for each in tokens) else _LONGEST_LIST
    for token in tokens:
        if token.kind != "other":
            continue
        if token.text in ("(", "[", "{"):
            brackets.append(1)
        elif token.text in (")", "]", "}") and brackets:
            longest = max(longest, brackets.pop())
        elif token.text == "," and brackets:
            brackets[-1] += 1
    work, iterations, inside = 0, 1, [1]
    for before, token in pairwise([_Token("other", ""), *tokens]):
        if token.kind == "other" and token.text in ("(", "[", "{"):
            inside.append(iterations)
            if token.text == "(" and before.text in _BINDING and before.text not in ("bind", "size"):
                iterations = min(MOST_ITERATIONS, iterations * longest)
        elif token.kind == "other" and token.text in (")", "]", "}") and len(inside) > 1:
            iterations = inside.pop()
        work += iterations * (_HEAVY_WORK if token.text in _HEAVY else 1 + len(token.text) // 64)
    return work


def _compared(tokens: list[_Token]) -> Iterator[str]:
    for left, operator, right in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if operator.text in ("==", "!="):
            for one, other in ((left, right), (right, left)):
                if one.kind in ("text", "number"):
                    # Of what is on the right all but the last name says where the value is.
                    yield other.text.strip("\"']`")
        elif operator.text == "in":
            yield left.text.strip("\"']`")


def _tokens(expression: str) -> Iterator[_Token]:
    space = ""
    for match in _TOKEN.finditer(expression):
        if match[0] in ('"', "'"):
            # To look for the end of each quote behind it would take quadratic time.
            raise UnsupportedError("a text isn't closed")
        if match.lastgroup == "space":
            space = " "
        else:
            yield _Token(match.lastgroup or "other", match[0], space)
            space = ""


class _Rewriter:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self.takes_maps = False
        """Whether a map itself, or a domain of it, is a value."""

    def rewrite(self, start: int, end: int) -> str:
        """Return the text of some tokens."""
        parts: list[str] = []
        position = start
        while position < end:
            token = self._tokens[position]
            parts.append(token.space)
            if self._is_device(position):
                text, position = self._device(position)
                parts.append(text)
            elif (after := self._after_field(position)) is not None:
                # The device's own fields are always there (cel/compile.go, DRADevice: all are required).
                parts.append("true")
                position = after
            else:
                parts.append(token.text)
                position += 1
        return "".join(parts)

    def _is_device(self, position: int) -> bool:
        return self._text(position) == "device" and self._text(position - 1) != "."

    def _after_field(self, position: int) -> int | None:
        """Return the position after ``has(device.field)``; None if that isn't what stands at a position."""
        before, has, opening, _, dot, field, closing = (self._text(position + at) for at in range(-1, 6))
        is_call = before != "." and (has, opening, dot, closing) == ("has", "(", ".", ")")
        return position + 6 if is_call and self._is_device(position + 2) and field in _FIELDS else None

    def _text(self, position: int) -> str:
        return self._tokens[position].text if 0 <= position < len(self._tokens) else ""

    def _device(self, position: int) -> tuple[str, int]:
        """Return the text for ``device`` and what is selected of it, and the position after that."""
        if self._text(position + 1) != ".":
            raise UnsupportedError("device itself is a value")
        field = self._text(position + 2)
        if field not in _MAPS:
            return f"device.{field}", position + 3
        after = position + 3
        if self._text(after) == "[":
            return self._domain(field, after)
        if self._text(after) == "." and self._tokens[after + 1 : after + 2]:
            name, call = self._text(after + 1), self._text(after + 2) == "("
            if call and name in _ITERATE:
                self.takes_maps = True
                return f"device.{field}", after
            if not call and self._tokens[after + 1].kind in ("name", "quoted"):
                return f'{DOMAIN}_{field}(device.{field}, "{name.strip("`")}")', after + 2
        before = self._text(position - 1)
        if before == "in" or (before == "(" and self._text(position - 2) in ("size", "has")):
            self.takes_maps = True
            return f"device.{field}", after
        raise UnsupportedError(f"device.{field} itself is a value")

    def _domain(self, field: str, opening: int) -> tuple[str, int]:
        closing = self._closing(opening)
        inner = opening + 1
        is_optional = self._text(inner) == "?"
        if is_optional:
            inner += 1
        call = f"{DOMAIN}_{field}(device.{field}, {self.rewrite(inner, closing)})"
        after = self._text(closing + 1)
        if after not in (".", "[", ",") and self._text(opening - 4) != "in":
            self.takes_maps = True
        return f"optional.of({call})" if is_optional else call, closing + 1

    def _closing(self, opening: int) -> int:
        depth = 0
        for position in range(opening, len(self._tokens)):
            text = self._tokens[position].text
            if self._tokens[position].kind == "other":
                depth += (text in "([{") - (text in ")]}")
                if depth == 0:
                    return position
        raise UnsupportedError("a bracket isn't closed")
