"""Content negotiation: media types and content encodings (RFC 9110, 12.4 and 12.5)."""

import re
from collections.abc import Mapping, Sequence

from multidict import MultiMapping

_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)
_MAX_ELEMENTS = 64
_MAX_FIELD = 2048
"""Characters of all lines of a field together. Elements that end beyond are ignored."""

# Below any quality that a client can give: a named encoding precedes an unnamed identity.
_UNNAMED = 0.0001

IDENTITY = "identity"


def media_type(headers: MultiMapping[str], offered: Sequence[str]) -> str:
    """Return the offered media type of the highest quality; the first among equals, or if none matches."""
    if len(offered) == 1 or "Accept" not in headers:
        return offered[0]
    accepted = _elements(",".join(headers.getall("Accept")))

    def quality(name: str) -> float:
        # The most specific range applies; a type's parameters are ignored.
        for each in (name, f"{name.partition('/')[0]}/*", "*/*"):
            if each in accepted:
                return accepted[each]
        return 0.0

    # max returns the first of equals.
    return max(offered, key=quality)


def content_encoding(headers: MultiMapping[str], offered: Sequence[str], *, worthwhile: bool) -> str:
    """Return the offered encoding of the highest quality, the first among equals, or ``identity``.

    Unless it is ``worthwhile``, a body is encoded only for a client that refuses ``identity``. A client that
    refuses everything gets ``identity``, which the RFC allows, rather than an error.
    """
    if not offered or "Accept-Encoding" not in headers:
        return IDENTITY
    accepted = _elements(",".join(headers.getall("Accept-Encoding")))
    others = accepted.get("*", 0.0)
    identity = accepted.get(IDENTITY, accepted.get("*", _UNNAMED))
    if identity and not worthwhile:
        return IDENTITY

    def quality(name: str) -> float:
        return accepted.get(name, accepted.get(f"x-{name}", others))

    best = max(offered, key=quality)
    return best if quality(best) >= max(identity, _UNNAMED) else IDENTITY


def _elements(field: str) -> Mapping[str, float]:
    """Return the quality of each element of a list field; invalid elements are ignored.

    The result isn't cached: it is a client's text, and parsed in microseconds.
    """
    if len(field) > _MAX_FIELD:
        field = field[:_MAX_FIELD].rpartition(",")[0]
    found: dict[str, float] = {}
    for element in field.lower().split(",")[:_MAX_ELEMENTS]:
        name, *parameters = (part.strip() for part in element.split(";"))
        weights = [part[2:] for part in parameters if part.startswith("q=")]
        if name and all(_QUALITY.fullmatch(weight) for weight in weights):
            found[name] = float(weights[0]) if weights else 1.0
    return found
