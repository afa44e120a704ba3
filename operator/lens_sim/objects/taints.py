"""Taints, and the tolerations that overlook them."""

from datetime import datetime
from typing import NamedTuple

from lens_sim.objects.resourcelist import GPU
from lens_sim.objects.resources import Object
from lens_sim.objects.timestamps import rfc3339

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"


class Taint(NamedTuple):
    """What keeps pods off a node; `added` as the node lifecycle controller writes it."""

    key: str
    effect: str
    added: datetime | None = None

    def manifest(self) -> Object:
        """Return the taint as in a node's spec."""
        added = {} if self.added is None else {"timeAdded": rfc3339(self.added)}
        return {"key": self.key, "effect": self.effect, **added}


class Toleration(NamedTuple):
    """A toleration with operator Exists; an empty key or effect is any, no `seconds` is for ever."""

    key: str = ""
    effect: str = ""
    seconds: int | None = None

    def tolerates(self, taint: Taint) -> bool:
        """Return whether a pod with it may be placed on a node with the taint."""
        return self.key in ("", taint.key) and self.effect in ("", taint.effect)

    def manifest(self) -> Object:
        """Return the toleration as in a pod's spec."""
        named: Object = {"key": self.key, "effect": self.effect, "tolerationSeconds": self.seconds}
        return {"operator": "Exists"} | {name: value for name, value in named.items() if value}


GPU_TAINT = Taint(GPU, "NoSchedule")

# What admission gives every pod (DefaultTolerationSeconds), and the GPU pools' own.
DEFAULT_TOLERATIONS = (
    Toleration(NOT_READY, "NoExecute", 300),
    Toleration(UNREACHABLE, "NoExecute", 300),
    Toleration(GPU),
)
