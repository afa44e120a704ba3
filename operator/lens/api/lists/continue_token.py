"""The ``continue`` token: where the next page of a list starts.

It names the last pod of a page rather than a position, so it is valid on every replica and after any change.
It also has its query, since the same pod has another place in another list.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

import msgspec

from lens.api.errors import ApiError, invalid_parameter
from lens.model.inventory.list_index import Key

_TEXT = re.compile(r"[A-Za-z0-9_-]{1,4096}", re.ASCII)

Query = Sequence[str | None]
"""A list's parameters except those of the page."""


class _Token(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    query: list[str | None]
    key: list[str | int]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Token).decode


def encode(query: Query, key: Key) -> str:
    """Return the token for the pods after ``key`` in a query's list."""
    return urlsafe_b64encode(_encode(_Token(list(query), list(key)))).decode().rstrip("=")


def decode(text: str, query: Query, types: Sequence[type]) -> Key:
    """Return a token's key, whose values have these types.

    Raise an ApiError for an invalid token and for one of another query.
    """
    if not _TEXT.fullmatch(text):
        raise _invalid()
    try:
        token = _decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:  # the base class of msgspec's and binascii's errors
        raise _invalid() from None
    if [type(value) for value in token.key] != list(types):
        raise _invalid()
    if token.query != list(query):
        raise invalid_parameter("continue is from another query")
    return tuple(token.key)


def _invalid() -> ApiError:
    return invalid_parameter("continue is not one that was given out")
