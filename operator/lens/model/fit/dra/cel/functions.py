"""The functions that Kubernetes adds to CEL, as far as selectors of devices use them.

Source: k8s.io/apiserver, pkg/cel/library (quantity, semver), and the strings, lists and sets that its
environment has. A quantity and a version are maps with one key, in a form that is equal where they are.
Expressions with functions that are missing here (IP addresses, URLs, ``find``, ``format``) aren't compiled.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from lens.model.fit.dra.cel import quantities
from lens.model.fit.dra.cel.bounds import BEYOND
from lens.model.fit.dra.cel.quantities import QUANTITY, Value

SEMVER = "kubernetes.Semver"

MAX_TEXT = 2**16
"""Characters of a text that a function makes."""

MAX_COMPARISONS = 100_000
"""Comparisons of members of sets: some 20 ms."""

# Versions (github.com/blang/semver/v4)

_NUMBER = r"(0|[1-9][0-9]{0,19})"
_WORD = r"[0-9A-Za-z-]+"
_VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_WORD}(?:\.{_WORD})*))?(?:\+({_WORD}(?:\.{_WORD})*))?", re.ASCII
)
_LONGEST_VERSION = 256
_MAX_PART, _LARGEST = 2**64 - 1, 2**63 - 1

_SPACE = "".join(each for each in map(chr, range(0x3001)) if each.isspace() and not "\x1c" <= each <= "\x1f")
"""Unicode's White_Space, which Go trims. Python's strip also removes the separators below U+0020."""


@lru_cache(maxsize=4096)
def semver(text: str) -> Value:
    """Return a version. Raise ValueError for another text."""
    match = _VERSION.fullmatch(text) if len(text) <= _LONGEST_VERSION else None
    if match is None:
        raise ValueError(f"{text!r:.80} is not a semantic version")
    words = match[4].split(".") if match[4] else []
    if any(each.isdigit() and len(each) > 1 and each[0] == "0" for each in words):
        raise ValueError(f"{text!r:.80}: a numeric part has a leading zero")
    numbers = [match[1], match[2], match[3], *(each for each in words if each.isdigit())]
    if any(int(each) > _MAX_PART for each in numbers):
        raise ValueError(f"{text!r:.80}: a part is too large")
    # The build doesn't count when versions are compared.
    return {SEMVER: text.partition("+")[0]}


def semver_normalized(text: str, normalize: bool) -> Value:
    """Return a version. A text that is normalized need not have all parts."""
    return semver(_normalized(text) if normalize else text)


def is_semver(text: str, normalize: bool = False) -> bool:
    """Return whether a text is a version."""
    try:
        semver(_normalized(text) if normalize else text)
    except ValueError:
        return False
    return True


def _normalized(text: str) -> str:
    parts = text.removeprefix("v").split(".", 2)
    for position, part in enumerate(parts):
        if len(part) > 1:
            stripped = part.lstrip("0")
            parts[position] = stripped if stripped[:1] in tuple("0123456789") else f"0{stripped}"
    if len(parts) < 3:
        last = parts[-1]
        if any(each in last for each in "+-"):
            raise ValueError("short version cannot contain PreRelease/Build meta data")
        parts += ["0"] * (3 - len(parts))
    return ".".join(parts)


def _version(value: Value) -> tuple[tuple[int, ...], tuple[str, ...]]:
    text = value.get(SEMVER)
    if not isinstance(text, str):
        raise TypeError("no such overload")
    core, _, words = text.partition("-")
    return tuple(map(int, core.split("."))), tuple(words.split(".")) if words else ()


def _part(value: Value, position: int) -> int:
    number = _version(value)[0][position]
    return number if number <= _LARGEST else number - 2**64


def _compare_words(left: Sequence[str], right: Sequence[str]) -> int:
    if not left or not right:
        return bool(right) - bool(left) if bool(left) != bool(right) else 0
    for mine, theirs in zip(left, right, strict=False):
        if mine == theirs:
            continue
        if mine.isdigit() and theirs.isdigit():
            return 1 if int(mine) > int(theirs) else -1
        if mine.isdigit() != theirs.isdigit():
            return -1 if mine.isdigit() else 1
        return 1 if mine > theirs else -1
    return (len(left) > len(right)) - (len(left) < len(right))


def compare(value: Value, other: Value) -> int:
    """Return -1, 0 or 1 for two quantities, or two versions."""
    if QUANTITY in value:
        return quantities.compare(value, other)
    (core, words), (other_core, other_words) = _version(value), _version(other)
    if core != other_core:
        return 1 if core > other_core else -1
    return _compare_words(words, other_words)


# Strings, lists and sets


def _bounded(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"text {BEYOND}")
    return text


def _at(text: str, position: int) -> str:
    if not 0 <= position <= len(text):
        raise ValueError(f"index out of range: {position}")
    return text[position : position + 1]


def _index(text: str, part: str, start: int = 0) -> int:
    if start < 0:
        raise ValueError(f"index out of range: {start}")
    return min(start, len(text)) if not part else text.find(part, start)


def _last_index(text: str, part: str, start: int | None = None) -> int:
    if start is None:
        return text.rfind(part)
    if start < 0:
        raise ValueError(f"index out of range: {start}")
    if not part:
        return min(start, len(text))
    return text.rfind(part, 0, start + len(part)) if start < len(text) else -1


def _trim(text: str) -> str:
    return text.strip(_SPACE)


def _substring(text: str, start: int, end: int | None = None) -> str:
    end = len(text) if end is None else end
    if not 0 <= start <= end <= len(text):
        raise ValueError(f"index out of range: {start}, {end}")
    return text[start:end]


def _replace(text: str, old: str, new: str, most: int = -1) -> str:
    if (text.count(old) + 1) * len(new) + len(text) > MAX_TEXT:
        raise ValueError(f"text {BEYOND}")
    return text.replace(old, new, most)


def _split(text: str, by: str, most: int = -1) -> list[str]:
    if most == 0:
        return []
    if not by:
        letters = list(text)
        return letters if most < 0 or len(letters) <= most else [*letters[: most - 1], text[most - 1 :]]
    return text.split(by, most - 1 if most > 0 else -1)


def _lower(text: str) -> str:
    return "".join(each.lower() if each.isascii() else each for each in text)


def _upper(text: str) -> str:
    return "".join(each.upper() if each.isascii() else each for each in text)


def _join(texts: Sequence[str], by: str = "") -> str:
    if not all(isinstance(each, str) for each in texts):
        raise ValueError("no such overload")
    return _bounded(by.join(texts))


def _same(left: object, right: object) -> bool:
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _contains(values: Sequence[object], others: Sequence[object]) -> bool:
    _require_few(values, others)
    return all(any(_same(each, other) for each in values) for other in others)


def _intersects(values: Sequence[object], others: Sequence[object]) -> bool:
    _require_few(values, others)
    return any(_same(each, other) for each in values for other in others)


def _require_few(values: Sequence[object], others: Sequence[object]) -> None:
    if len(values) * len(others) > MAX_COMPARISONS:
        raise ValueError(f"comparison {BEYOND}")


def declarations(cel: Any, *, integers: bool = False) -> list[Any]:
    """Return the declarations of these functions for the library; ``cel`` is the library.

    ``integers``: the expression asks whether quantities are whole numbers.
    """
    amounts = quantities.Functions(integers)
    kinds = cel.Type
    text, number, true, value = kinds.STRING, kinds.INT, kinds.BOOL, kinds.Map(kinds.STRING, kinds.DYN)
    values, texts = kinds.List(kinds.DYN), kinds.List(kinds.STRING)
    dyn_texts = kinds.List(kinds.DYN)
    members: list[tuple[str, list[Any], Any, Callable[..., Any]]] = [
        ("isInteger", [value], true, quantities.is_integer),
        ("asInteger", [value], number, quantities.as_integer),
        ("asApproximateFloat", [value], kinds.DOUBLE, quantities.as_float),
        ("add", [value, value], value, amounts.add),
        ("add", [value, number], value, amounts.add_number),
        ("sub", [value, value], value, amounts.subtract),
        ("sub", [value, number], value, amounts.subtract_number),
        ("isGreaterThan", [value, value], true, lambda mine, other: compare(mine, other) > 0),
        ("isLessThan", [value, value], true, lambda mine, other: compare(mine, other) < 0),
        ("compareTo", [value, value], number, compare),
        ("major", [value], number, lambda mine: _part(mine, 0)),
        ("minor", [value], number, lambda mine: _part(mine, 1)),
        ("patch", [value], number, lambda mine: _part(mine, 2)),
        ("charAt", [text, number], text, _at),
        ("indexOf", [text, text], number, _index),
        ("indexOf", [text, text, number], number, _index),
        ("lastIndexOf", [text, text], number, _last_index),
        ("lastIndexOf", [text, text, number], number, _last_index),
        ("substring", [text, number], text, _substring),
        ("substring", [text, number, number], text, _substring),
        ("replace", [text, text, text], text, _replace),
        ("replace", [text, text, text, number], text, _replace),
        ("split", [text, text], texts, _split),
        ("split", [text, text, number], texts, _split),
        ("lowerAscii", [text], text, _lower),
        ("upperAscii", [text], text, _upper),
        ("trim", [text], text, _trim),
        ("join", [dyn_texts], text, _join),
        ("join", [dyn_texts, text], text, _join),
    ]
    globals_: list[tuple[str, list[Any], Any, Callable[..., Any]]] = [
        ("quantity", [text], value, amounts.quantity),
        ("isQuantity", [text], true, quantities.is_quantity),
        ("sign", [value], number, quantities.sign),
        ("semver", [text], value, semver),
        ("semver", [text, true], value, semver_normalized),
        ("isSemver", [text], true, is_semver),
        ("isSemver", [text, true], true, is_semver),
        ("sets.contains", [values, values], true, _contains),
        (
            "sets.equivalent",
            [values, values],
            true,
            lambda mine, other: _contains(mine, other) and _contains(other, mine),
        ),
        ("sets.intersects", [values, values], true, _intersects),
    ]
    overloads: dict[str, list[Any]] = {}
    for is_member, functions in ((True, members), (False, globals_)):
        for name, parameters, result, call in functions:
            known = overloads.setdefault(name, [])
            identity = f"lens_{name.replace('.', '_')}_{len(known)}"
            known.append(cel.Overload(identity, result, parameters, is_member, call))
    return [cel.FunctionDecl(name, of_name) for name, of_name in overloads.items()]
