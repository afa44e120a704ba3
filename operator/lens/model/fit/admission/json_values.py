"""Values of a decoded JSON document, whose types are checked."""

from collections.abc import Mapping
from typing import Any

Object = Mapping[str, Any]


def as_object(value: object, field: str) -> Object:
    """Return an object; an empty one for null. Raise ValueError, naming the field."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise ValueError(f"{field}: it isn't an object")


def as_list(value: object, field: str) -> list[Any]:
    """Return a list; an empty one for null. Raise ValueError, naming the field."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise ValueError(f"{field}: it isn't a list")


def as_objects(value: object, field: str) -> list[dict[str, Any]]:
    """Return copies of a list's objects. Raise ValueError, naming the field."""
    return [dict(as_object(each, f"{field}[{index}]")) for index, each in enumerate(as_list(value, field))]
