"""Tolerations: which taints don't keep a pod off a node.

Source: ``Toleration.ToleratesTaint`` in k8s.io/api. ``Lt`` and ``Gt`` match nothing: their feature gate
(TaintTolerationComparisonOperators) is off by default.
"""

import msgspec

from lens.model.fit.spec.node import Gate
from lens.model.k8s.bounds import MAX_TERMS
from lens.model.k8s.objects import Manifest
from lens.model.k8s.taints import UNSCHEDULABLE, Taint


class TolerationManifest(Manifest):
    """A Toleration (core/v1)."""

    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None


class Toleration(msgspec.Struct, frozen=True, gc=False):
    """A toleration; an empty key or effect matches all of them."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""

    def tolerates(self, taint: Taint) -> bool:
        """Return whether the taint is tolerated."""
        if self.effect not in ("", taint.effect) or self.key not in ("", taint.key):
            return False
        if self.operator in ("", "Equal"):
            return self.value == (taint.value or "")
        return self.operator == "Exists"


Tolerations = tuple[Toleration, ...]


def read_tolerations(manifests: list[TolerationManifest] | None) -> Tolerations:
    """Return a pod's tolerations. Raise ValueError for too many."""
    if len(manifests or ()) > MAX_TERMS:
        raise ValueError(f"spec.tolerations: {len(manifests or ())} are more than {MAX_TERMS}")
    return tuple(
        Toleration(each.key or "", each.operator or "", each.value or "", each.effect or "")
        for each in manifests or ()
    )


def tolerate_cordon(tolerations: Tolerations, gate: Gate) -> bool:
    """Return whether ``spec.unschedulable`` doesn't keep the pod off."""
    return not gate.unschedulable or any(each.tolerates(UNSCHEDULABLE) for each in tolerations)


def tolerate_taints(tolerations: Tolerations, gate: Gate) -> bool:
    """Return whether no taint keeps the pod off."""
    return all(any(each.tolerates(taint) for each in tolerations) for taint in gate.taints)
