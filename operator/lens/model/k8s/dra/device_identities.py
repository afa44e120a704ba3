"""Devices in JSON, with placeholders for their names and identities.

In a large cluster 40,000 devices differ in their names and identities, and in little else: the first GPU of a
node is like the first GPU of any other, and so the lists of all nodes are alike. A list is decoded once for
all that are the same, with placeholders for these. Most lists are as long as the last one that was alike, and
then what tells their devices apart is at the same places.
"""

from operator import itemgetter
from sys import intern
from typing import Final

from lens.model.k8s.bounds import MAX_SLICE_DEVICES

LONGEST_IDENTITY = 64
"""Characters of an identity that is replaced (resource/v1, DeviceAttributeMaxValueLength)."""

IDENTITIES = ("uuid", "parentUUID")
"""The names of the attributes that identify a device."""

_NAME = b'{"name":"'
_PARENT_UUID, _UUID = (f'"{name}":{{"string":"'.encode() for name in reversed(IDENTITIES))
_PLACEHOLDER = "\x7f"
NAME_PLACEHOLDER, UUID_PLACEHOLDER, _PARENT_PLACEHOLDER = (f"{_PLACEHOLDER}{number}" for number in range(3))
_PLACES = {NAME_PLACEHOLDER: 0, UUID_PLACEHOLDER: 1, _PARENT_PLACEHOLDER: 2}

DEVICE_START: Final = b'%b%b"' % (_NAME, NAME_PLACEHOLDER.encode())
"""The beginning of each device whose name is replaced."""

Identities = tuple[str, str, str]
"""What the placeholders in a device stand for: its name, its uuid and its parent's."""

NO_IDENTITIES: Identities = ("", "", "")

MAX_LENGTHS = 64
MAX_KEPT_BYTES = 16 * 1024
"""The last list, or device, of this many lengths is kept for comparison, if it isn't longer than this."""

_NOWHERE = slice(0, 0)


def is_placeholder(text: str) -> bool:
    """Return whether a text is a placeholder."""
    return text.startswith(_PLACEHOLDER)


def fill(text: str, own: Identities) -> str:
    """Return what a placeholder stands for; any other text as it is."""
    place = _PLACES.get(text)
    return text if place is None else own[place]


class _Cut:
    """A list of devices with placeholders, and the positions of their values in equal lists."""

    __slots__ = ("_rest", "_rest_of", "_texts_of", "fillable")

    def __init__(self, raw: bytes, devices: list[tuple[slice, slice, slice]]) -> None:
        """Take the positions of each device's name, its uuid and its parent's."""
        placed = sorted(
            (place.start, place.stop, placeholder)
            for device in devices
            for place, placeholder in zip(device, _PLACES, strict=True)
            if place is not _NOWHERE
        )
        starts = [0, *(stop for _, stop, _ in placed)]
        stops = [*(start for start, _, _ in placed), len(raw)]
        self._texts_of = itemgetter(*(place for device in devices for place in device))
        self._rest_of = itemgetter(*map(slice, starts, stops))
        self._rest = self._rest_of(raw)
        fillers = [placeholder.encode() for _, _, placeholder in placed]
        self.fillable = b"".join(
            [part for pair in zip(self._rest, (*fillers, b""), strict=True) for part in pair]
        )

    def identities(self, raw: bytes) -> tuple[Identities, ...]:
        """Return the values of the placeholders in a list of this length; nothing if it differs otherwise."""
        texts = self._texts_of(raw)
        joined = b"\x7f".join(texts)
        if (
            self._rest_of(raw) != self._rest
            or not joined.isascii()
            or b'"' in joined
            or b"\\" in joined
            or joined.count(b"\x7f") >= len(texts)
        ):
            return ()
        each = iter(joined.decode().split(_PLACEHOLDER))
        return tuple(
            [
                (intern(name), uuid, parent_uuid)
                for name, uuid, parent_uuid in zip(each, each, each, strict=True)
            ]
        )


_cuts: dict[int, _Cut] = {}


def without_identities(raw: bytes) -> tuple[bytes, tuple[Identities, ...]]:
    """Return a device, or a list of them, with placeholders, and their values in each device.

    In JSON without a backslash a quote begins or ends a text, so what follows a key is its value, up to the
    next quote. The apiserver writes the name first, and attributes sorted by their names. Where that is
    unclear, all stays where it is, and there are no identities. Other objects may begin as devices do: unless
    each device begins with DEVICE_START then, and there are as many as identities, these aren't the devices'.
    """
    cut = _cuts.get(len(raw))
    if cut is not None and (own := cut.identities(raw)):
        return cut.fillable, own
    devices = [] if b"\\" in raw or b"\x7f" in raw else _devices(raw)
    longest = max((place.stop - place.start for device in devices for place in device), default=0)
    if not devices or longest > LONGEST_IDENTITY:
        return raw, ()
    cut = _Cut(raw, devices)
    if not (own := cut.identities(raw)):
        return raw, ()
    if len(raw) <= MAX_KEPT_BYTES and len(own) <= MAX_SLICE_DEVICES:
        if len(_cuts) >= MAX_LENGTHS:
            _cuts.clear()
        _cuts[len(raw)] = cut
    return cut.fillable, own


def _devices(raw: bytes) -> list[tuple[slice, slice, slice]]:
    """Return the positions of each device's name, its uuid and its parent's."""
    found: list[tuple[slice, slice, slice]] = []
    end = raw.find(_NAME)
    while end >= 0:
        name = _text(raw, _NAME, end, len(raw))
        end = raw.find(_NAME, name.stop)
        last = len(raw) if end < 0 else end
        parent_uuid = _text(raw, _PARENT_UUID, name.stop, last)
        uuid = _text(raw, _UUID, max(name.stop, parent_uuid.stop), last)
        found.append((name, uuid, parent_uuid))
    return found


def _text(raw: bytes, key: bytes, start: int, end: int) -> slice:
    """Return the position of the text that follows a key; an empty one without the key."""
    found = raw.find(key, start, end)
    if found < 0:
        return _NOWHERE
    start = found + len(key)
    return slice(start, raw.find(b'"', start))
