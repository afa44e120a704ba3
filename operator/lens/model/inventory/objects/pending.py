"""Why a pod isn't bound to a node, by its own object."""

from sys import intern
from typing import TypeVar

import msgspec

from lens.model.k8s import timestamps
from lens.model.k8s.bounds import LONGEST_MESSAGE, MAX_ENTRIES, few, short
from lens.model.k8s.objects import Manifest, PodManifest

T = TypeVar("T")


UNSCHEDULABLE = "Unschedulable"
"""The scheduler's reason when no node fits (core/v1 PodReasonUnschedulable)."""


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """Since when a pod is pending, and why.

    ``created_at`` is in epoch seconds. ``gates`` are the names of its scheduling gates (KEP-3521): the
    scheduler ignores the pod while there is one. ``reason`` and ``message`` are the scheduler's, from the
    PodScheduled condition; None until the scheduler has tried. ``node_selector``, ``tolerations`` (as kubectl
    describes them) and ``affinity`` (whether there is one) limit its nodes. Long lists have their first
    entries here; ``omitted`` has the number of further entries by the field's name.
    """

    created_at: int | None
    priority: int
    gates: tuple[str, ...]
    reason: str | None
    message: str | None
    node_selector: tuple[tuple[str, str], ...] = ()
    affinity: bool = False
    tolerations: tuple[str, ...] = ()
    omitted: tuple[tuple[str, int], ...] = ()

    @property
    def refusal(self) -> str | None:
        """Return the scheduler's message if it has found no node; None otherwise."""
        return (self.message or "") if self.reason == UNSCHEDULABLE else None


class Toleration(Manifest):
    """An entry of ``spec.tolerations``."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None

    def __str__(self) -> str:
        """Return it as kubectl writes it: ``key=value:effect op=Exists for 300s``."""
        text = f"{self.key}={self.value}" if self.value else self.key
        if self.effect:
            text = f"{text}:{self.effect}"
        if self.operator not in ("", "Equal"):
            text = f"{text} op={self.operator}".lstrip()
        return text if self.toleration_seconds is None else f"{text} for {self.toleration_seconds}s"


_SELECTOR = msgspec.json.Decoder(dict[str, str] | None)
_AFFINITY = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)
_TOLERATIONS = msgspec.json.Decoder(list[Toleration] | None)


def read_waiting(manifest: PodManifest) -> Waiting | None:
    """Return why an unbound pod is pending; None for a bound pod."""
    spec = manifest.spec
    if spec.node_name:
        return None
    scheduled = next((c for c in manifest.status.conditions or () if c.type == "PodScheduled"), None)
    gates = spec.scheduling_gates or ()
    selector = _read(_SELECTOR, spec.node_selector) or {}
    tolerations = _read(_TOLERATIONS, spec.tolerations) or ()
    lengths = (
        ("scheduling_gates", len(gates)),
        ("node_selector", len(selector)),
        ("tolerations", len(tolerations)),
    )
    return Waiting(
        created_at=timestamps.parse(manifest.metadata.creation_timestamp),
        priority=max(-(2**31), min(2**31 - 1, spec.priority or 0)),
        gates=few(intern(short(gate.name)) for gate in gates),
        reason=short(scheduled.reason) if scheduled and scheduled.reason is not None else None,
        message=short(scheduled.message, LONGEST_MESSAGE)
        if scheduled and scheduled.message is not None
        else None,
        node_selector=few((short(name), short(value)) for name, value in sorted(selector.items())),
        affinity=bool(_read(_AFFINITY, spec.affinity)),
        tolerations=few(intern(short(str(each))) for each in tolerations),
        omitted=tuple((name, length - MAX_ENTRIES) for name, length in lengths if length > MAX_ENTRIES),
    )


def _read(decoder: msgspec.json.Decoder[T], raw: msgspec.Raw) -> T | None:
    """Return a descriptive field; None if it is missing or can't be decoded."""
    try:
        return decoder.decode(raw) if raw else None
    except (ValueError, RecursionError):
        return None
