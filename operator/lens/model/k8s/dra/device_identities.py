"""Devices in JSON, without what tells them from others of their kind.

In a large cluster 40,000 devices differ in their names and identities, and in little else: the first GPU of a
node is like the first GPU of any other, and so the lists of all nodes are alike. A list is decoded once for
all that are the same, with marks in place of these.
"""

from sys import intern
from typing import Final

LONGEST_IDENTITY = 64
"""Characters of an identity that is taken out (resource/v1, DeviceAttributeMaxValueLength)."""

IDENTITIES = ("uuid", "parentUUID")
"""The names of the attributes that tell a device from others of its kind."""

_NAME = b'{"name":"'
_PARENT_UUID, _UUID = (f'"{name}":{{"string":"'.encode() for name in reversed(IDENTITIES))
_MARK = "\x7f"
NAME_MARK, _UUID_MARK, _PARENT_MARK = (f"{_MARK}{number}" for number in range(3))
_PLACES = {NAME_MARK: 0, _UUID_MARK: 1, _PARENT_MARK: 2}

MARKED: Final = b'%b%b"' % (_NAME, NAME_MARK.encode())
"""How each device begins whose name is taken out."""

_MARKED_UUID, _MARKED_PARENT = (
    b'%b%b"' % (key, mark.encode()) for key, mark in ((_UUID, _UUID_MARK), (_PARENT_UUID, _PARENT_MARK))
)

Identities = tuple[str, str, str]
"""What the marks in a device stand for: its name, its uuid and its parent's."""

NO_IDENTITIES: Identities = ("", "", "")


def is_mark(text: str) -> bool:
    """Tell whether a text stands for another one."""
    return text.startswith(_MARK)


def told(text: str, own: Identities) -> str:
    """Return what a text stands for if it is a mark; any other text as it is."""
    place = _PLACES.get(text)
    return text if place is None else own[place]


def without_identities(raw: bytes) -> tuple[bytes, tuple[Identities, ...]]:
    """Return a device, or a list of them, with marks, and what they stand for in each device.

    In JSON without a backslash a quote begins or ends a text, so what follows a key is its value, up to the
    next quote. The apiserver writes the name first, and attributes sorted by their names. Where that is
    unclear, all stays where it is, and there are no identities. Other objects may begin as devices do: unless
    each device begins with MARKED then, and there are as many as identities, these aren't the devices'.
    """
    if b"\\" in raw or b"\x7f" in raw:
        return raw, ()
    start, *devices = raw.split(_NAME)
    parts = [start]
    texts: list[bytes] = []
    have_parents = _PARENT_UUID in raw
    for device in devices:
        name, _, rest = device.partition(b'"')
        parent_uuid = uuid = b""
        parts.append(MARKED)
        if have_parents:
            before, found, after = rest.partition(_PARENT_UUID)
            if found:
                parent_uuid, _, rest = after.partition(b'"')
                parts += before, _MARKED_PARENT
        before, found, after = rest.partition(_UUID)
        if found:
            uuid, _, rest = after.partition(b'"')
            parts += before, _MARKED_UUID
        parts.append(rest)
        texts += name, uuid, parent_uuid
    joined = b"\x7f".join(texts)
    if not texts or max(map(len, texts)) > LONGEST_IDENTITY or not joined.isascii():
        return raw, ()
    each = iter(joined.decode().split(_MARK))
    own = [
        (intern(name), uuid, parent_uuid) for name, uuid, parent_uuid in zip(each, each, each, strict=True)
    ]
    return b"".join(parts), tuple(own)
