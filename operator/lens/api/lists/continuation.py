"""``continue``: where the next page of a list goes on.

It names the last pod that was told and not a position, so it means the same on every replica and whatever has
come or gone. It also carries its query, since in another list the same place would mean something else.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

import msgspec

from lens.api.errors import ApiError, invalid_parameter
from lens.model.inventory.pod_index import Key

_TEXT = re.compile(r"[A-Za-z0-9_-]{1,4096}", re.ASCII)

Query = Sequence[str | None]
"""What a list was asked for, page apart."""


class _Place(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    query: list[str | None]
    key: list[str | int]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Place).decode


def write(query: Query, key: Key) -> str:
    """Return the text that stands for a place in a list."""
    return urlsafe_b64encode(_encode(_Place(list(query), list(key)))).decode().rstrip("=")


def read(text: str, query: Query, kinds: Sequence[type]) -> Key:
    """Return the place that ``text`` stands for, a key of values of these kinds.

    Raise an ApiError unless it is one of this query's.
    """
    if not _TEXT.fullmatch(text):
        raise _unknown()
    try:
        place = _decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:  # msgspec's and binascii's errors are
        raise _unknown() from None
    if [type(value) for value in place.key] != list(kinds):
        raise _unknown()
    if place.query != list(query):
        raise invalid_parameter("continue is from another query")
    return tuple(place.key)


def _unknown() -> ApiError:
    return invalid_parameter("continue is not one that was given out")
