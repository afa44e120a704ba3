"""Prepares a selector's text for a CEL library without Kubernetes' own types of maps.

In ``device.attributes`` and ``device.capacity`` a domain that no attribute has is an empty map, not a
missing key (k8s.io/dynamic-resource-allocation, cel/compile.go, ``newStringInterfaceMapWithDefault``). So
each look-up of a domain becomes a call of a function. Where no call can stand for what is done with a map,
the selector can't be evaluated.
"""

from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from lens.model.fit.dra.cel.comparisons import Comparison, comparisons
from lens.model.fit.dra.cel.names import names_only
from lens.model.fit.dra.cel.tokens import (
    BINDING,
    CLOSING,
    ITERATE,
    MAPS,
    Token,
    UnsupportedError,
    closing,
    tokens,
)

LONGEST_EXPRESSION = 10 * 1024
"""CELSelectorExpressionMaxLength (k8s.io/api/resource/v1)."""

MAX_GROWTH = 1_000_000
"""Characters of a value that an expression may make: as many as kube-scheduler lets one cost."""

MAX_WORK = 1_000_000
"""What an expression may evaluate: a part of it once is one. kube-scheduler's bound on its cost is as high.
The library bounds the iterations alone, and holds up all else while it works."""

MAX_ITERATIONS = 10_000
"""The library's own bound."""

_HEAVY = frozenset({"matches", "split", "replace", "join", "sets"})
_HEAVY_WORK = 1000
"""What a call of these takes: the library compiles a regular expression each time, texts may be long."""

_END_EARLY, _LAZY = frozenset({"all", "exists"}), frozenset({"bind", "optMap", "optFlatMap"})

_LONGEST_LIST = 64
"""A length that exceeds the number of a device's attributes, and of the values of one."""

DOMAIN = "lens_domain"
"""What the functions that return a domain of a map are called, with the map's name behind it."""

_FIELDS = (*MAPS, "driver", "allowMultipleAllocations")


class Prepared(NamedTuple):
    """An expression for the library.

    ``names_only``: it reads only entries whose names are in its text. ``comparisons`` are those that may
    be of a version, ``integers`` says that it asks whether quantities are whole numbers.
    """

    text: str
    names_only: bool
    comparisons: frozenset[Comparison]
    integers: bool


def prepare(expression: str) -> Prepared:
    """Return an expression with a call for each look-up of a domain. Raise UnsupportedError."""
    if len(expression) > LONGEST_EXPRESSION:
        raise UnsupportedError(f"{len(expression)} characters are more than {LONGEST_EXPRESSION}")
    parts = list(tokens(expression))
    if _growth(parts) * len(expression) > MAX_GROWTH:
        raise UnsupportedError("its variables may make values that are too large")
    if _work(parts) > MAX_WORK:
        raise UnsupportedError("it may take too long")
    if _leaves_values(parts):
        raise UnsupportedError("a variable comes after a macro that may end early")
    try:
        text = _Rewriter(parts).rewrite(0, len(parts))
    except RecursionError:
        raise UnsupportedError("it is nested too deep") from None
    integers = any(each.kind == "name" and each.text in ("isInteger", "asInteger") for each in parts)
    return Prepared(text, names_only(parts), comparisons(parts), integers)


def _leaves_values(parts: list[Token]) -> bool:
    """Return whether a variable comes after a macro that may end early.

    The library (cel-cpp's slots, 0.1.3 of cel-expr-python) takes what such a macro was at for the variable's
    value: ``[1, 2].exists(k, k == 1) && cel.bind(a, 7, a == 7)`` is false.
    """
    called = [each.text for each, after in pairwise(parts) if each.kind == "name" and after.text == "("]
    first = next((place for place, name in enumerate(called) if name in _END_EARLY), len(called))
    return any(name in _LAZY for name in called[first:])


def _growth(parts: list[Token]) -> int:
    """Return by how much values may grow. Each use of a variable may repeat its value.

    ``cel.bind(b, a + a, cel.bind(c, b + b, …))`` doubles a text with each variable. Kubernetes refuses that
    for its estimated cost.
    """
    uses = Counter(each.text for each in parts if each.kind == "name")
    growth = 1
    for function, opening, variable in zip(parts, parts[1:], parts[2:], strict=False):
        if function.text in BINDING and opening.text == "(" and variable.kind == "name":
            growth *= max(1, uses[variable.text] - 1)
            if growth > MAX_GROWTH:
                break
    return growth


def _work(parts: list[Token]) -> int:
    """Return how many parts may be evaluated if each macro iterates over the longest possible list."""
    brackets: list[int] = []
    # A text may be split into any number of letters.
    longest = MAX_ITERATIONS if any(each.text == "split" for each in parts) else _LONGEST_LIST
    for token in parts:
        if token.kind != "other":
            continue
        if token.text in ("(", "[", "{"):
            brackets.append(1)
        elif token.text in (")", "]", "}") and brackets:
            longest = max(longest, brackets.pop())
        elif token.text == "," and brackets:
            brackets[-1] += 1
    work, iterations, inside = 0, 1, [1]
    for before, token in pairwise([Token("other", ""), *parts]):
        if token.kind == "other" and token.text in ("(", "[", "{"):
            inside.append(iterations)
            if token.text == "(" and before.text in BINDING and before.text not in ("bind", "size"):
                iterations = min(MAX_ITERATIONS, iterations * longest)
        elif token.kind == "other" and token.text in (")", "]", "}") and len(inside) > 1:
            iterations = inside.pop()
        work += iterations * (_HEAVY_WORK if token.text in _HEAVY else 1 + len(token.text) // 64)
    return work


class _Rewriter:
    def __init__(self, parts: list[Token]) -> None:
        self._tokens = parts

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
        if self._text(position) != "device":
            return False
        if self._text(position - 1) != ".":
            return True
        before = self._tokens[position - 2] if position > 1 else Token("other", "")
        if before.text == "in" or (before.kind == "other" and before.text not in CLOSING):
            raise UnsupportedError("device is named by .device")
        return False

    def _after_field(self, position: int) -> int | None:
        """Return the position after ``has(device.field)``; None if that isn't what stands at a position."""
        before, has, opening, _, dot, field, end = (self._text(position + at) for at in range(-1, 6))
        is_call = before != "." and (has, opening, dot, end) == ("has", "(", ".", ")")
        return position + 6 if is_call and self._is_device(position + 2) and field in _FIELDS else None

    def _text(self, position: int) -> str:
        return self._tokens[position].text if 0 <= position < len(self._tokens) else ""

    def _device(self, position: int) -> tuple[str, int]:
        """Return the text for ``device`` and what is selected of it, and the position after that."""
        if self._text(position + 1) != ".":
            raise UnsupportedError("device itself is a value")
        field = self._text(position + 2)
        if field not in MAPS:
            return f"device.{field}", position + 3
        after = position + 3
        if self._text(after) == "[":
            return self._domain(field, after)
        if self._text(after) == "." and self._tokens[after + 1 : after + 2]:
            name, call = self._text(after + 1), self._text(after + 2) == "("
            if call and name in ITERATE:
                return f"device.{field}", after
            if not call and self._tokens[after + 1].kind in ("name", "quoted"):
                return f'{DOMAIN}_{field}(device.{field}, "{name.strip("`")}")', after + 2
        before = self._text(position - 1)
        if before == "in" or (before == "(" and self._text(position - 2) in ("size", "has")):
            return f"device.{field}", after
        raise UnsupportedError(f"device.{field} itself is a value")

    def _domain(self, field: str, opening: int) -> tuple[str, int]:
        end = self._closing(opening)
        inner = opening + 1
        is_optional = self._text(inner) == "?"
        if is_optional:
            inner += 1
        call = f"{DOMAIN}_{field}(device.{field}, {self.rewrite(inner, end)})"
        return f"optional.of({call})" if is_optional else call, end + 1

    def _closing(self, opening: int) -> int:
        found = closing(self._tokens, opening)
        if found is None:
            raise UnsupportedError("a bracket isn't closed")
        return found
