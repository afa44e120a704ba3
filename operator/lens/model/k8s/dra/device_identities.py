"""A device in JSON, without what tells it from others of its kind.

In a large cluster 40,000 devices differ in their names and identities, and in little else: the first GPU of a
node is like the first GPU of any other. So a device is decoded once for all that are the same, with marks in
place of these.
"""

from typing import NamedTuple

LONGEST_IDENTITY = 64
"""Characters of an identity that is taken out (resource/v1, DeviceAttributeMaxValueLength)."""

IDENTITIES = ("uuid", "parentUUID")
"""The names of the attributes that tell a device from others of its kind."""

_NAME = b'{"name":"'
_UUID, _PARENT_UUID = (f'"{name}":{{"string":"'.encode() for name in IDENTITIES)
_MARK = "\x7f"
_NAME_MARK, _UUID_MARK, _PARENT_MARK = (f"{_MARK}{number}" for number in range(3))


class Identities(NamedTuple):
    """What marks in a device stand for."""

    name: str = ""
    uuid: str = ""
    parent_uuid: str = ""


def is_mark(text: str) -> bool:
    """Tell whether a text stands for another one."""
    return text.startswith(_MARK)


def told(text: str, name: str, uuid: str, parent_uuid: str) -> str:
    """Return what a text stands for if it is a mark; any other text as it is."""
    if not is_mark(text):
        return text
    return uuid if text == _UUID_MARK else parent_uuid if text == _PARENT_MARK else name


def without_identities(raw: bytes) -> tuple[bytes, Identities]:
    """Return a device with marks, and what they stand for; what is unclear stays where it is.

    In JSON without a backslash a quote begins or ends a text, so what follows a key is its value, up to the
    next quote.
    """
    if b"\\" in raw or b"\x7f" in raw:
        return raw, Identities()
    name = uuid = parent_uuid = ""
    if raw.startswith(_NAME):
        raw, name = _without(raw, _NAME, _NAME_MARK)
    raw, uuid = _without(raw, _UUID, _UUID_MARK)
    raw, parent_uuid = _without(raw, _PARENT_UUID, _PARENT_MARK)
    return raw, Identities(name, uuid, parent_uuid)


def _without(raw: bytes, key: bytes, mark: str) -> tuple[bytes, str]:
    found = raw.find(key)
    if found < 0:
        return raw, ""
    start = found + len(key)
    end = raw.find(b'"', start)
    value = raw[start:end]
    if end < 0 or len(value) > LONGEST_IDENTITY or not value.isascii():
        return raw, ""
    return b"%b%b%b" % (raw[:start], mark.encode(), raw[end:]), value.decode()
