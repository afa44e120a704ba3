"""Taints that keep pods off a node, and the taints that GPU pods are assumed to tolerate."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Self

import msgspec

from lens.model.k8s.vendors import TOLERATED_TAINTS

REPELLING_EFFECTS = frozenset({"NoSchedule", "NoExecute"})
"""The effects that the scheduler filters by; PreferNoSchedule only weighs."""

DEFAULT_TOLERATIONS = ("node.kubernetes.io/not-ready:NoExecute", "node.kubernetes.io/unreachable:NoExecute")
"""The tolerations that admission adds to every pod, for a limited time (DefaultTolerationSeconds)."""


class Taint(msgspec.Struct, frozen=True, gc=False):
    """A node's taint (core/v1)."""

    key: str = ""
    value: str | None = None
    effect: str = ""

    def __str__(self) -> str:
        """Write it as kubectl does: ``key=value:effect``."""
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


UNSCHEDULABLE = Taint("node.kubernetes.io/unschedulable", effect="NoSchedule")
"""The taint of ``spec.unschedulable``: pods that tolerate it are scheduled to cordoned nodes too."""


class Tolerated(msgspec.Struct, frozen=True):
    """The taints that summary figures ignore: ``key[=value][:effect]``, with ``*`` in the key."""

    key: str
    value: str | None = None
    effect: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``key[=value][:effect]``. Raise ValueError for an empty key or an unknown effect."""
        head, colon, effect = text.strip().partition(":")
        key, equals, value = head.partition("=")
        if not key:
            raise ValueError(f"{text!r} names no taint key")
        if colon and effect not in REPELLING_EFFECTS:
            raise ValueError(f"{text!r}: the effect is one of {', '.join(sorted(REPELLING_EFFECTS))}")
        return cls(key, value if equals else None, effect if colon else None)

    def covers(self, taint: Taint) -> bool:
        """Return whether a pod with this toleration may go to a node with that taint."""
        return (
            fnmatchcase(taint.key, self.key)
            and (self.value is None or self.value == (taint.value or ""))
            and (self.effect is None or self.effect == taint.effect)
        )


class TaintPolicy:
    """Decide whether a node's taints keep GPU pods away."""

    def __init__(self, tolerated: Iterable[str] = TOLERATED_TAINTS) -> None:
        """Take taints as ``Tolerated.parse`` reads them."""
        self._tolerated = tuple(Tolerated.parse(text) for text in (*tolerated, *DEFAULT_TOLERATIONS))

    def repels(self, taints: Iterable[Taint]) -> bool:
        """Return whether one of ``taints`` has a repelling effect and is outside the tolerated set."""
        return any(
            taint.effect in REPELLING_EFFECTS and not any(each.covers(taint) for each in self._tolerated)
            for taint in taints
        )
