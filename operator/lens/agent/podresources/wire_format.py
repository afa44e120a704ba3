"""Decode the kubelet's PodResources messages.

Source: k8s.io/kubelet/pkg/apis/podresources/v1/api.proto (1.37) and
https://protobuf.dev/programming-guides/encoding/. Lens needs few fields of few messages, so it decodes them
itself: the protobuf runtime would take a tenth of the agent's memory. Unknown fields are skipped, as protobuf
requires.
"""

from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

from lens.model.gpu.node_report import MAX_TEXT

MAX_FIELDS = 2**17
"""The most fields of a response, over all its messages. 500 pods with 50 devices each have less than half."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Field = tuple[int, int | memoryview]

M = TypeVar("M", bound=msgspec.Struct)


class Budget:
    """The number of fields that a response may still have."""

    def __init__(self) -> None:
        """Start with MAX_FIELDS."""
        self._left = MAX_FIELDS

    def spend(self) -> None:
        """Count one more field. Raise ValueError past the last."""
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"more than {MAX_FIELDS} fields")


class ContainerDevices(msgspec.Struct):
    """A container's devices of one resource."""

    resource_name: str = ""
    device_ids: list[str] = []


class ClaimResource(msgspec.Struct):
    """A device of a ResourceClaim."""

    driver_name: str = ""
    pool_name: str = ""
    device_name: str = ""
    share_id: str | None = None


class DynamicResource(msgspec.Struct):
    """A ResourceClaim and those of its devices that a container may use."""

    claim_name: str = ""
    claim_namespace: str = ""
    claim_resources: list[ClaimResource] = []


class ContainerResources(msgspec.Struct):
    """The devices of a container."""

    name: str = ""
    devices: list[ContainerDevices] = []
    dynamic_resources: list[DynamicResource] = []


class PodResources(msgspec.Struct):
    """The devices of a pod's containers. The message has no pod UID."""

    name: str = ""
    namespace: str = ""
    containers: list[ContainerResources] = []


_WANTED: Mapping[type[msgspec.Struct], Mapping[int, tuple[str, type[msgspec.Struct] | None]]] = {
    ContainerDevices: {1: ("resource_name", None), 2: ("device_ids", None)},
    ClaimResource: {
        2: ("driver_name", None),
        3: ("pool_name", None),
        4: ("device_name", None),
        5: ("share_id", None),
    },
    DynamicResource: {
        2: ("claim_name", None),
        3: ("claim_namespace", None),
        4: ("claim_resources", ClaimResource),
    },
    ContainerResources: {
        1: ("name", None),
        2: ("devices", ContainerDevices),
        5: ("dynamic_resources", DynamicResource),
    },
    PodResources: {1: ("name", None), 2: ("namespace", None), 3: ("containers", ContainerResources)},
}
"""The wanted fields of each message by number: their names, and the messages in them; None is for a text."""


def decode_list(message: bytes) -> list[PodResources]:
    """Decode a ListPodResourcesResponse. Raise ValueError for an invalid one, or over MAX_FIELDS."""
    return _decode_response(PodResources, message)


def decode_allocatable(message: bytes) -> list[ContainerDevices]:
    """Decode an AllocatableResourcesResponse. Raise ValueError for an invalid one, or over MAX_FIELDS."""
    return _decode_response(ContainerDevices, message)


def _decode_response(kind: type[M], message: bytes) -> list[M]:
    budget = Budget()
    fields = _fields(memoryview(message), budget)
    return [_decode(kind, _message(value), budget) for number, value in fields if number == 1]


def _decode(kind: type[M], message: memoryview, budget: Budget) -> M:
    decoded, wanted = kind(), _WANTED[kind]
    for number, value in _fields(message, budget):
        if number not in wanted:
            continue
        name, nested = wanted[number]
        content = _text(value) if nested is None else _decode(nested, _message(value), budget)
        before = getattr(decoded, name)
        if isinstance(before, list):
            before.append(content)
        else:
            setattr(decoded, name, content)
    return decoded


def _fields(message: memoryview, budget: Budget) -> Iterator[Field]:
    """Iterate over a message's fields with their numbers. Raise ValueError for an invalid message."""
    position, end = 0, len(message)
    while position < end:
        budget.spend()
        tag, position = _varint(message, position)
        kind = tag & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            length, position = _varint(message, position)
        elif kind == _FIXED64:
            length = 8
        elif kind == _FIXED32:
            length = 4
        else:
            raise ValueError(f"unknown wire type {kind}")
        if length > end - position:
            raise ValueError("a field is longer than its message")
        yield tag >> 3, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    for byte in message[position : position + 10]:
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("a varint is longer than 10 bytes")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number is where a message belongs")  # noqa: TRY004 (the bytes are invalid, not the call)
    return value


def _text(value: int | memoryview) -> str:
    return str(_message(value), "utf-8")[:MAX_TEXT]  # UnicodeDecodeError is a ValueError
