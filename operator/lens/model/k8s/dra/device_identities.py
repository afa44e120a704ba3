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
_PARENT_UUID, _UUID = (f'"{name}":{{"string":"'.encode() for name in reversed(IDENTITIES))
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
    next quote. The apiserver writes the name first, and attributes sorted by their names.
    """
    if b"\\" in raw or b"\x7f" in raw:
        return raw, Identities()
    name = parent_uuid = uuid = ""
    parts: list[bytes] = []
    done = 0
    if raw.startswith(_NAME) and (found := _value(raw, len(_NAME))) is not None:
        name, start, done = found
        parts += raw[:start], _NAME_MARK.encode()
    if (at := raw.find(_PARENT_UUID, done)) >= 0 and (
        found := _value(raw, at + len(_PARENT_UUID))
    ) is not None:
        parent_uuid, start, end = found
        parts += raw[done:start], _PARENT_MARK.encode()
        done = end
    if (at := raw.find(_UUID, done)) >= 0 and (found := _value(raw, at + len(_UUID))) is not None:
        uuid, start, end = found
        parts += raw[done:start], _UUID_MARK.encode()
        done = end
    parts.append(raw[done:])
    return b"".join(parts), Identities(name, uuid, parent_uuid)


def _value(raw: bytes, start: int) -> tuple[str, int, int] | None:
    """Return the text that begins somewhere, and where it begins and ends; None for one that stays there."""
    end = raw.find(b'"', start)
    value = raw[start:end]
    if end < 0 or len(value) > LONGEST_IDENTITY or not value.isascii():
        return None
    return value.decode(), start, end
