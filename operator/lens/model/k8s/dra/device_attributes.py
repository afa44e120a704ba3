"""A device's attributes in JSON, without what tells it from others of its kind.

In a large cluster 40,000 devices differ in their identities, and have few other attributes. So attributes are
read once for all devices that have the same ones, with marks in place of the identities.
"""

from typing import NamedTuple

LONGEST_IDENTITY = 64
"""Characters of an identity that is taken out (resource/v1, DeviceAttributeMaxValueLength)."""

IDENTITIES = ("uuid", "parentUUID")
"""The names of the attributes that tell a device from others of its kind."""

_KEYS = tuple(f'"{name}":{{"string":"'.encode() for name in IDENTITIES)
_MARK = "\x7f"
_MARKS = (b"\x7f0", b"\x7f1")


class Attributes(NamedTuple):
    """Attributes in JSON, in which each of the ``identities`` is replaced by a mark."""

    template: bytes = b""
    identities: tuple[str, ...] = ()

    def of(self, text: str) -> str:
        """Return the identity whose mark a text is; any other text as it is."""
        return self.identities[int(text[1:])] if self.identities and is_mark(text) else text


def is_mark(text: str) -> bool:
    """Tell whether a text of a template stands for an identity."""
    return text.startswith(_MARK)


def without_identities(raw: bytes) -> Attributes:
    """Return attributes without the identities; one that is unclear stays where it is.

    In JSON without a backslash a quote begins or ends a text, so what follows a key is its value, up to the
    next quote.
    """
    if b"\\" in raw or b"\x7f" in raw:
        return Attributes(raw)
    identities: list[str] = []
    for key in _KEYS:
        found = raw.find(key)
        if found < 0:
            continue
        start = found + len(key)
        end = raw.find(b'"', start)
        value = raw[start:end]
        if end < 0 or len(value) > LONGEST_IDENTITY or not value.isascii():
            continue
        raw = raw[:start] + _MARKS[len(identities)] + raw[end:]
        identities.append(value.decode())
    return Attributes(raw, tuple(identities))
