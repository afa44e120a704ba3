"""A node as the fit engine reads it."""

from functools import lru_cache
from sys import intern

import msgspec

from lens.model.fit.spec.resources import PODS, read_allocatable
from lens.model.k8s.bounds import MAX_FEATURES, MAX_NODE_LABELS
from lens.model.k8s.objects import NodeManifest
from lens.model.k8s.taints import REPELLING_EFFECTS, Taint


class Gate(msgspec.Struct, frozen=True, gc=False):
    """A node's cordon and taints. Nodes with equal ones share one object.

    ``taints`` are those that the scheduler filters by, in the node's order.
    """

    unschedulable: bool
    taints: tuple[Taint, ...]


class FitNode(msgspec.Struct, frozen=True, gc=False):
    """A node's labels and what it has to give: CPU in thousandths, all else in ones.

    ``pods`` is how many pods it takes. ``features`` are those that its kubelet declares (KEP-5328).
    """

    name: str
    labels: dict[str, str]
    gate: Gate
    allocatable: dict[str, int]
    pods: int
    features: frozenset[str] = frozenset()


def read_fit_node(manifest: NodeManifest) -> FitNode:
    """Return a node as the fit engine reads it. Raise ValueError, naming a field that can't be read."""
    labels = manifest.metadata.labels or {}
    if len(labels) > MAX_NODE_LABELS:
        raise ValueError(f"metadata.labels: {len(labels)} are more than {MAX_NODE_LABELS}")
    try:
        allocatable = read_allocatable(manifest.status.allocatable)
    except ValueError as error:
        raise ValueError(f"status.allocatable: {error}") from None
    features = manifest.status.declared_features or ()
    if len(features) > MAX_FEATURES:
        raise ValueError(f"status.declaredFeatures: {len(features)} are more than {MAX_FEATURES}")
    taints = tuple(taint for taint in manifest.spec.taints or () if taint.effect in REPELLING_EFFECTS)
    return FitNode(
        name=intern(manifest.metadata.name),
        labels={intern(key): intern(value) for key, value in labels.items()},
        gate=_share_gate(Gate(bool(manifest.spec.unschedulable), taints)),
        allocatable={name: amount for name, amount in allocatable.items() if name != PODS},
        pods=allocatable.get(PODS, 0),
        features=_share_features(frozenset(features)),
    )


@lru_cache(maxsize=4096)
def _share_gate(gate: Gate) -> Gate:
    return gate


@lru_cache(maxsize=1024)
def _share_features(features: frozenset[str]) -> frozenset[str]:
    return features
