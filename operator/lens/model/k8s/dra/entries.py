"""The entries of lists and objects in JSON, read one by one: an invalid one affects no other."""

from collections.abc import Iterator
from typing import TypeVar

import msgspec

T = TypeVar("T")
_items = msgspec.json.Decoder(list[msgspec.Raw] | None)
_map = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)


def read_or_none(decoder: "msgspec.json.Decoder[T]", raw: msgspec.Raw | bytes) -> T | None:
    """Return a value; None if it is missing or can't be decoded."""
    try:
        return decoder.decode(raw) if raw else None
    except (ValueError, RecursionError):
        return None


def read_list(raw: msgspec.Raw) -> list[msgspec.Raw]:
    """Return the entries of a list, undecoded; none if it is missing. Raise ValueError if it is no list."""
    return (_items.decode(raw) if raw else None) or []


def read_map(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Return the entries of an object, undecoded; none if it is missing or invalid."""
    return read_or_none(_map, raw) or {}


def read_each(decoder: "msgspec.json.Decoder[T]", raw: msgspec.Raw) -> Iterator[T]:
    """Yield the entries of a list that can be decoded."""
    for entry in read_or_none(_items, raw) or ():
        if (value := read_or_none(decoder, entry)) is not None:
            yield value
