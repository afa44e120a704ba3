"""What a path finds in a document, and a template's text."""

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lens_client.output.jsonpath.nodes import (
    Field,
    Filter,
    JsonPathError,
    Literal,
    Path,
    Range,
    Recursive,
    Slice,
    Template,
    Text,
    Union,
    Wildcard,
)

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


_HTML = {ord(each): f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}
"""What Go's encoding/json escapes."""


def render(template: Template, document: Any) -> str:
    """Return a template's text; a field that is missing is left out. Raise JsonPathError."""
    return "".join(_parts(template, document))


def find(path: Path, value: Any) -> list[Any]:
    """Return what a path finds in a value. Raise JsonPathError."""
    found = [value]
    for node in path:
        found = _step(node, found)
    return found


def _parts(template: Template, document: Any) -> Iterator[str]:
    for part in template:
        if isinstance(part, Text):
            yield part.text
        elif isinstance(part, Range):
            for value in find(part.path, document):
                yield from _parts(part.body, value)
        else:
            yield " ".join(map(_text, find(part, document)))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return written.translate(_HTML)


def _step(node: Any, values: list[Any]) -> list[Any]:
    match node:
        case Text(text):
            return [text]
        case Literal(value):
            return [value]
        case Field(name):
            return [each[name] for each in values if isinstance(each, dict) and name in each]
        case Wildcard():
            return [child for each in values for child in _children(each)]
        case Recursive():
            return [found for each in values for found in _descend(each)]
        case Slice():
            return [element for each in values if each is not None for element in _slice(node, each)]
        case Union(paths):
            return [found for path in paths for each in values for found in find(path, each)]
        case Filter():
            return [element for each in values if each is not None for element in _filter(node, each)]
    raise AssertionError(node)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _descend(value: Any) -> Iterator[Any]:
    children = _children(value)
    if children:
        yield value
    for child in children:
        yield from _descend(child)


def _slice(node: Slice, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise JsonPathError(f"{_short(value)} is not array or slice")
    length = len(value)
    start = 0 if node.start is None else node.start
    stop = length if node.stop is None else node.stop
    start += length if start < 0 else 0
    if stop < 0 or (stop == 0 and node.single):
        stop += length
    if start == stop:
        return []
    for bound, index in ((start >= length or start < 0, start), (stop > length or stop < 0, stop - 1)):
        if bound:
            raise JsonPathError(f"array index out of bounds: index {index}, length {length}")
    if start > stop:
        raise JsonPathError(f"starting index {start} is greater than ending index {stop}")
    if node.step is not None and node.step <= 0:
        raise JsonPathError("step must be > 0")
    return value[start : stop : node.step]


def _filter(node: Filter, value: Any) -> Iterator[Any]:
    if not isinstance(value, list):
        raise JsonPathError(f"{_short(value)} is not array or slice and cannot be filtered")
    for element in value:
        left = find(node.left, element)
        if node.operator == "exists":
            if left:
                yield element
            continue
        right = find(node.right, element)
        if len(left) > 1 or len(right) > 1:
            raise JsonPathError("can only compare one element at a time")
        if left and right and _holds(left[0], node.operator, right[0]):
            yield element


def _holds(left: Any, name: str, right: Any) -> bool:
    """Return whether a comparison holds. Of null, which the API has for what is unknown, none does."""
    if left is None or right is None:
        return False
    if not (_is_number(left) and _is_number(right)) and type(left) is not type(right):
        raise JsonPathError(f"incompatible types for comparison: {_short(left)} {name} {_short(right)}")
    try:
        return bool(_COMPARE[name](left, right))
    except TypeError:
        raise JsonPathError(f"invalid type for comparison: {_short(left)}") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
