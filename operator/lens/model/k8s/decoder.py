"""Decodes the JSON of one kind of object."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from lens.model.k8s.json_depth import flattened

T = TypeVar("T")


def decoder(kind: type[T], noun: str) -> Callable[[bytes], T]:
    """Return a function that decodes a document without too deeply nested values. It raises ValueError.

    ``noun`` is what the document is called then.
    """
    decode = msgspec.json.Decoder(kind).decode

    def decoded(document: bytes) -> T:
        try:
            return decode(document)
        except RecursionError:
            pass
        try:
            return decode(flattened(document))
        except RecursionError:
            raise ValueError(f"{noun} is nested too deep") from None

    return decoded
