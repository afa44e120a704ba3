"""Devices in JSON, without what tells them from others of their kind.

In a large cluster 40,000 devices differ in their names and identities, and in little else: the first GPU of a
node is like the first GPU of any other, and so the lists of all nodes are alike. A list is decoded once for
all that are the same, with placeholders for these.
"""

from sys import intern
from typing import Final

LONGEST_IDENTITY = 64
"""Characters of an identity that is taken out (resource/v1, DeviceAttributeMaxValueLength)."""

IDENTITIES = ("uuid", "parentUUID")
"""The names of the attributes that tell a device from others of its kind."""

_NAME = b'{"name":"'
_PARENT_UUID, _UUID = (f'"{name}":{{"string":"'.encode() for name in reversed(IDENTITIES))
_PLACEHOLDER = "\x7f"
NAME_PLACEHOLDER, _UUID_PLACEHOLDER, _PARENT_PLACEHOLDER = (f"{_PLACEHOLDER}{number}" for number in range(3))
_PLACES = {NAME_PLACEHOLDER: 0, _UUID_PLACEHOLDER: 1, _PARENT_PLACEHOLDER: 2}

DEVICE_START: Final = b'%b%b"' % (_NAME, NAME_PLACEHOLDER.encode())
"""How each device begins whose name is taken out."""

_FILLABLE_UUID, _FILLABLE_PARENT = (
    b'%b%b"' % (key, placeholder.encode())
    for key, placeholder in ((_UUID, _UUID_PLACEHOLDER), (_PARENT_UUID, _PARENT_PLACEHOLDER))
)

Identities = tuple[str, str, str]
"""What the placeholders in a device stand for: its name, its uuid and its parent's."""

NO_IDENTITIES: Identities = ("", "", "")


def is_placeholder(text: str) -> bool:
    """Return whether a text is a placeholder."""
    return text.startswith(_PLACEHOLDER)


def fill(text: str, own: Identities) -> str:
    """Return what a placeholder stands for; any other text as it is."""
    place = _PLACES.get(text)
    return text if place is None else own[place]


def without_identities(raw: bytes) -> tuple[bytes, tuple[Identities, ...]]:
    """Return a device, or a list of them, with placeholders, and what they stand for in each device.

    In JSON without a backslash a quote begins or ends a text, so what follows a key is its value, up to the
    next quote. The apiserver writes the name first, and attributes sorted by their names. Where that is
    unclear, all stays where it is, and there are no identities. Other objects may begin as devices do: unless
    each device begins with DEVICE_START then, and there are as many as identities, these aren't the devices'.
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
        parts.append(DEVICE_START)
        if have_parents:
            before, found, after = rest.partition(_PARENT_UUID)
            if found:
                parent_uuid, _, rest = after.partition(b'"')
                parts += before, _FILLABLE_PARENT
        before, found, after = rest.partition(_UUID)
        if found:
            uuid, _, rest = after.partition(b'"')
            parts += before, _FILLABLE_UUID
        parts.append(rest)
        texts += name, uuid, parent_uuid
    joined = b"\x7f".join(texts)
    if not texts or max(map(len, texts)) > LONGEST_IDENTITY or not joined.isascii():
        return raw, ()
    each = iter(joined.decode().split(_PLACEHOLDER))
    own = [
        (intern(name), uuid, parent_uuid) for name, uuid, parent_uuid in zip(each, each, each, strict=True)
    ]
    return b"".join(parts), tuple(own)
