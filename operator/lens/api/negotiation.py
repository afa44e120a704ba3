"""What a client takes: media types and content codings (RFC 9110, sections 12.4 and 12.5)."""

import re
from collections.abc import Mapping, Sequence

from multidict import MultiMapping

_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)
_MOST_ELEMENTS = 64
_LONGEST_FIELD = 2048
"""Characters, all lines of a field together. Elements that end beyond are not read."""

# Below any quality that can be given: what is named goes before the plain form that nobody has named.
_UNNAMED = 0.0001

IDENTITY = "identity"


def media_type(headers: MultiMapping[str], offered: Sequence[str]) -> str:
    """Return which of the media types offered is wanted most; of equals, or if none is, the first."""
    if len(offered) == 1 or "Accept" not in headers:
        return offered[0]
    wanted = _elements(",".join(headers.getall("Accept")))

    def quality(name: str) -> float:
        # The most specific range counts; types with parameters aren't told from those without.
        for each in (name, f"{name.partition('/')[0]}/*", "*/*"):
            if each in wanted:
                return wanted[each]
        return 0.0

    # max keeps the first of equals.
    return max(offered, key=quality)


def coding(headers: MultiMapping[str], offered: Sequence[str], *, worthwhile: bool) -> str:
    """Return which of the codings offered is wanted most, in the order of preference; else ``identity``.

    Unless it is ``worthwhile`` a coding is used only where the plain form is refused. Where all is refused
    the plain form is sent, as the RFC allows, rather than nothing.
    """
    if "Accept-Encoding" not in headers:
        return IDENTITY
    wanted = _elements(",".join(headers.getall("Accept-Encoding")))
    others = wanted.get("*", 0.0)
    plain = wanted.get(IDENTITY, wanted.get("*", _UNNAMED))
    if plain and not worthwhile:
        return IDENTITY

    def quality(name: str) -> float:
        return wanted.get(name, wanted.get(f"x-{name}", others))

    best = max(offered, key=quality)
    return best if quality(best) >= max(plain, _UNNAMED) else IDENTITY


def _elements(field: str) -> Mapping[str, float]:
    """Return the quality of each element of a list field; what makes no sense is left out.

    Nothing of it is kept: it is a client's text, and read in microseconds.
    """
    if len(field) > _LONGEST_FIELD:
        field = field[:_LONGEST_FIELD].rpartition(",")[0]
    found: dict[str, float] = {}
    for element in field.lower().split(",")[:_MOST_ELEMENTS]:
        name, *parameters = (part.strip() for part in element.split(";"))
        weights = [part[2:] for part in parameters if part.startswith("q=")]
        if name and all(_QUALITY.fullmatch(weight) for weight in weights):
            found[name] = float(weights[0]) if weights else 1.0
    return found
