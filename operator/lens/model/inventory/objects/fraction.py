"""What a pod asks of KAI-Scheduler: parts of GPUs, by annotations and not by resources.

Source: kai-scheduler/KAI-Scheduler, docs/gpu-sharing, pkg/common/constants and
pkg/common/resources/gpu_sharing.go.
"""

import re
from collections.abc import Mapping

import msgspec

from lens.model.inventory.objects.pod_key import PodKey
from lens.model.k8s.bounds import MAX_GPU_GROUPS, few, short
from lens.model.k8s.objects import ObjectMeta

RESERVATIONS = "kai-resource-reservation"
"""The namespace of the reservation pods by default."""

_GROUP = "runai-gpu-group"
_PORTION, _MEMORY, _DEVICES = "gpu-fraction", "gpu-memory", "gpu-fraction-num-devices"
_PORTION_MARK, _MEMORY_MARK = _PORTION.encode(), _MEMORY.encode()

_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)
_DECIMAL = re.compile(r"\+?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})([eE][+-]?[0-9]{1,3})?", re.ASCII)
_MAX_DEVICES = 1024


class Fraction(msgspec.Struct, frozen=True, gc=False):
    """The part that a pod asks for of each of so many ``devices``: a portion, or MiB of memory.

    A ``malformed`` value is None, of devices 1. ``groups`` are the GPU groups that the pod has been put into.
    In a snapshot ``reservations`` are the pods that hold its GPUs, and ``shared`` says whether another pod
    is on one of these.
    """

    portion: float | None
    memory_mib: int | None
    devices: int = 1
    malformed: bool = False
    groups: tuple[str, ...] = ()
    reservations: tuple[PodKey, ...] = ()
    shared: bool = False


_annotations = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)
_text = msgspec.json.Decoder(str)


def may_ask(annotations: msgspec.Raw) -> bool:
    """Return whether annotations, as JSON, may ask for a part of a GPU."""
    raw = bytes(annotations)
    return _PORTION_MARK in raw or _MEMORY_MARK in raw


def read_fraction(meta: ObjectMeta) -> Fraction | None:
    """Return what a pod's annotations ask for; None if they ask for no part of a GPU."""
    if not may_ask(meta.annotations):
        return None
    values = _values(bytes(meta.annotations))
    portion, memory, devices = (values.get(name, "") for name in (_PORTION, _MEMORY, _DEVICES))
    if not portion and not memory:
        return None
    number = _whole(devices) if _DEVICES in values else 1
    if number is not None and number > _MAX_DEVICES:
        number = None
    fraction = Fraction(_portion(portion), _whole(memory), number or 1, groups=gpu_groups(meta))
    malformed = (
        number is None
        or (portion != "" and fraction.portion is None)
        or (memory != "" and fraction.memory_mib is None)
    )
    return msgspec.structs.replace(fraction, malformed=True) if malformed else fraction


def _values(raw: bytes) -> Mapping[str, str]:
    """Return the annotations about GPUs. A value that isn't a string counts as malformed."""
    try:
        annotations = _annotations.decode(raw) or {}
    except (ValueError, RecursionError):
        return {}
    return {
        name: _read_text(annotations[name]) for name in (_PORTION, _MEMORY, _DEVICES) if name in annotations
    }


def _read_text(raw: msgspec.Raw) -> str:
    try:
        return _text.decode(raw)
    except (ValueError, RecursionError):
        return "?"


def _portion(text: str) -> float | None:
    value = float(text) if _DECIMAL.fullmatch(text) else 0.0
    return value if 0 < value < 1 else None


def _whole(text: str) -> int | None:
    return (int(text) or None) if _NUMBER.fullmatch(text) else None


def gpu_groups(meta: ObjectMeta) -> tuple[str, ...]:
    """Return the GPU groups of a pod's labels: one, or of a pod on several GPUs a label for each."""
    named = {
        short(value)
        for name, value in (meta.labels or {}).items()
        if value and (name == _GROUP or name.startswith(f"{_GROUP}/"))
    }
    return few(sorted(named), MAX_GPU_GROUPS)
