"""Reads the valid parts of an object with a field of the wrong type.

An apiserver writes no such object, but a program between it and Lens may, and so may a later Kubernetes. A
pod whose start time can't be read holds its GPUs all the same. So a field that only describes is left out by
itself. Without a field that decides, such as its node, the object would be counted wrongly: it isn't read.
"""

from functools import lru_cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from lens.model.k8s.bounds import short
from lens.model.k8s.objects import Manifest
from lens.model.k8s.quantity import Quantity

T = TypeVar("T", bound=Manifest)

_map = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_decoder = lru_cache(maxsize=256)(msgspec.json.Decoder)


def read_in_part(kind: type[T], document: bytes) -> tuple[T, str]:
    """Return an object without its invalid parts, and what is wrong with these.

    Raise ValueError or RecursionError for an object that can't be read in part either.
    """
    problems: list[str] = []
    found: T = _read(document, kind, False, problems)
    return found, "; ".join(problems[:3])


def _read(raw: bytes, kind: Any, describes: bool, problems: list[str]) -> Any:
    """Return a value. One that only ``describes`` is returned without the entries that can't be read."""
    try:
        return _decoder(kind).decode(raw)
    except ValueError:
        if NoneType in get_args(kind):
            kind = next(each for each in get_args(kind) if each is not NoneType)
        if isinstance(kind, type) and issubclass(kind, Manifest):
            return _read_fields(raw, kind, problems)
        if get_origin(kind) is list:
            return _read_entries(raw, get_args(kind)[0], describes, problems)
        if get_origin(kind) is dict:
            return _read_values(raw, get_args(kind)[1], describes, problems)
        raise


def _read_fields(raw: bytes, kind: type[Manifest], problems: list[str]) -> Manifest:
    parts = _map.decode(raw)
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        part = parts.get(field.encode_name)
        if part is None:
            if field.required:
                raise ValueError(f"{field.encode_name}: it is required")
            continue
        describes = field.name in kind.describing
        try:
            values[field.name] = _read(bytes(part), field.type, describes, problems)
        except ValueError as error:
            if not describes:
                raise ValueError(f"{field.encode_name}: {error}") from None
            problems.append(short(f"{field.encode_name}: {error}"))
    return kind(**values)


def _read_entries(raw: bytes, kind: Any, describes: bool, problems: list[str]) -> list[Any]:
    found: list[Any] = []
    for part in _list.decode(raw):
        try:
            found.append(_read(bytes(part), kind, describes, problems))
        except ValueError as error:
            if not describes:
                raise
            problems.append(short(str(error)))
    return found


def _read_values(raw: bytes, kind: Any, describes: bool, problems: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, part in _map.decode(raw).items():
        try:
            found[name] = _read(bytes(part), kind, describes, problems)
        except ValueError as error:
            if kind == Quantity:
                # It isn't a quantity either. Only a reader of this resource refuses it.
                found[name] = short(bytes(part).decode(errors="replace"))
            elif not describes:
                raise
            problems.append(short(f"{name}: {error}"))
    return found
