"""The comparisons of an expression. In Kubernetes a version compared with another type is an error.

To the library, which has no versions, it is no error: they are just not equal. Only what is on the left of
``==`` and ``!=`` decides, since its type does the comparing (k8s.io/apiserver, cel/semver.go, ``Equal``).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from lens.model.fit.dra.cel.tokens import BINDING, CLOSING, MAPS, OPENING, Token, depth_of

VERSION, SUM, ANYTHING = "semver()", "add()", ""
"""Stand for an attribute's name: certainly a version, a sum of quantities, and any value."""

_ENDS = frozenset({"&&", "||", "?", ":", ",", "==", "!=", "<", ">", "<=", ">=", "in"})
"""The tokens that end an operand."""

_MAX_TOKENS = 64
"""Tokens of an operand that are checked. An expression may have thousands of operators."""

_LONG = Token("other", "}")

_Variables = Mapping[str, str | None]
"""What the variables of macros stand for, as far as that is known."""

_OTHERS = frozenset({"true", "false", "null"})

_NO_VERSION = frozenset(
    {
        *("major", "minor", "patch", "compareTo", "isGreaterThan", "isLessThan", "isSemver"),
        *("quantity", "isQuantity", "sign", "isInteger", "asInteger", "asApproximateFloat"),
        *("size", "lowerAscii", "upperAscii", "trim", "replace", "substring", "charAt", "join", "split"),
        *("indexOf", "lastIndexOf", "startsWith", "endsWith", "contains", "matches", "hasValue", "has"),
        *("string", "int", "uint", "double", "bool", "bytes", "type", "duration", "timestamp"),
        *("all", "exists", "exists_one"),
    }
)
"""Functions that return no version."""


class Comparison(NamedTuple):
    """Attributes' names, or what stands for them; ``right`` is None for a value that is no version."""

    left: str
    right: str | None


def comparisons(parts: Sequence[Token]) -> frozenset[Comparison]:
    """Return the comparisons that may be of a version on the left, or are of a sum on the right."""
    found: set[Comparison] = set()
    variables: dict[str, str | None] = {}
    for position, token in enumerate(parts):
        if token.kind == "name" and token.text in BINDING and _text(parts, position + 1) == "(":
            name, value = _text(parts, position + 2), _bound(parts, position, variables)
            variables[name] = value if variables.get(name, value) == value else ANYTHING
        elif token.kind == "other" and token.text in ("==", "!="):
            left = _value(_operand(parts, position - 1, -1), variables)
            right = _value(_operand(parts, position + 1, 1), variables)
            if left not in (None, SUM) or right == SUM:
                found.add(Comparison(SUM if left is None else left, right))
        elif (token.kind, token.text) == ("name", "in"):
            # Searching a list of strings for a version is an error. In a list of mixed types it isn't.
            left = _value(_operand(parts, position - 1, -1), variables)
            if left is not None and left != SUM:
                found.add(Comparison(left, None))
    return frozenset(found)


def may_be_wrong(
    found: Collection[Comparison],
    readable: Collection[str],
    versions: Collection[str],
    others: Collection[str],
) -> bool:
    """Return whether a comparison may be an error in Kubernetes.

    ``versions`` are the names of a device's attributes that are one, ``readable`` those that may be read,
    ``others`` the names of its other attributes.
    """
    for left, right in found:
        if right == SUM:
            # In Kubernetes' library nothing equals a sum, which is a pointer there.
            return True
        if right == VERSION or (right in versions and right not in others):
            continue
        if left == VERSION or (bool(readable) if left == ANYTHING else left in versions):
            return True
    return False


def _operand(parts: Sequence[Token], position: int, step: int) -> list[Token]:
    """Return the tokens on one side of an operator, in order; a long side counts as any value."""
    found: list[Token] = []
    depth = 0
    while 0 <= position < len(parts):
        if len(found) == _MAX_TOKENS:
            return [_LONG]
        token = parts[position]
        depth += step * depth_of(token)
        is_optional = token.text == "?" and _text(parts, position - 1) == "."
        if depth < 0 or (depth == 0 and _is_end(token) and not is_optional):
            break
        found.append(token)
        position += step
    return found[::step]


def _is_end(token: Token) -> bool:
    return token.text in _ENDS and token.kind in ("other", "name")


def _bound(parts: Sequence[Token], position: int, variables: _Variables) -> str | None:
    """Return what the variable of a macro at a position is."""
    if parts[position].text == "bind":
        value = _operand(parts, position + 4, 1)
        is_all = _text(parts, position + 4 + len(value)) == ","
        return _value(value, variables) if is_all else ANYTHING
    over = _operand(parts, position - 2, -1)
    if over and over[-1].text == "]":
        opening = _opening(over)
        before = over[opening - 1].text if opening > 0 else ""
        # The keys of a domain are texts.
        return None if before in MAPS else _indexed(over[:opening], over[opening + 1 : -1])
    return None if over and over[-1].text in MAPS else ANYTHING


def _value(operand: Sequence[Token], variables: _Variables) -> str | None:
    """Return the name of the attribute that an operand is.

    It is ANYTHING if that isn't known, and None for what is no version.
    """
    if not operand:
        return None
    last = operand[-1]
    if last.kind in ("text", "number"):
        return None
    if last.kind in ("name", "quoted"):
        if len(operand) > 1 and operand[-2].text in (".", "?"):
            return ANYTHING if "}" in {each.text for each in operand} else last.text.strip("`")
        return None if last.text in _OTHERS else variables.get(last.text, ANYTHING)
    opening = _opening(operand)
    before, inside = operand[: max(opening, 0)], operand[opening + 1 : -1]
    if last.text == ")" and before and before[-1].kind == "name":
        return _returned(before[:-1], before[-1].text, inside, variables)
    if before and before[-1].text == ")" and _value(before, variables) is None:
        return None
    return _indexed(before, inside) if last.text == "]" else ANYTHING


def _returned(
    of: Sequence[Token], function: str, arguments: Sequence[Token], variables: _Variables
) -> str | None:
    if function in ("semver", "add", "sub"):
        return VERSION if function == "semver" else SUM
    if function == "orValue" and all(each.kind in ("text", "number") for each in arguments):
        return _value(of[:-1], variables)
    return None if function in _NO_VERSION else ANYTHING


def _indexed(before: Sequence[Token], inside: Sequence[Token]) -> str | None:
    if not before or (before[-1].kind == "other" and before[-1].text not in CLOSING):
        plain = all(each.kind in ("text", "number") or each.text in (",", "-") for each in inside)
        return None if plain else ANYTHING
    written = inside[1:] if inside and inside[0].text == "?" else inside
    if len(written) == 1 and written[0].kind == "text" and "\\" not in written[0].text:
        return written[0].text.lstrip("rR").strip("\"'")
    return ANYTHING


def _opening(operand: Sequence[Token]) -> int:
    """Return the position of the bracket that the last token closes; -1 if it closes none."""
    depth = 0
    for position in range(len(operand) - 1, -1, -1):
        depth += depth_of(operand[position])
        if depth == 0 and operand[position].text in OPENING:
            return position
        if depth >= 0:
            return -1
    return -1


def _text(parts: Sequence[Token], position: int) -> str:
    return parts[position].text if 0 <= position < len(parts) else ""
