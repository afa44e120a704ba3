"""Labels as the fit engine keeps them of each pod: a flat tuple, which pods with the same labels share."""

from collections.abc import Mapping
from functools import lru_cache
from sys import intern

from lens.model.k8s.bounds import MAX_LABELS

FlatLabels = tuple[str, ...]
"""Keys and values in turn, sorted by key."""

MAX_SHARED = 1024
"""The latest labels that are searched for equal ones: pods of one workload come one after another.

They stay when their pods have ended.
"""

UNKNOWN_LABELS: FlatLabels = ("", "")
"""Stands for the labels of a pod with too many of them. No pod's own labels equal these."""


def flatten(labels: Mapping[str, str] | None) -> FlatLabels:
    """Return labels as a tuple. Raise ValueError for too many."""
    if not labels:
        return ()
    if len(labels) > MAX_LABELS:
        raise ValueError(f"metadata.labels: {len(labels)} are more than {MAX_LABELS}")
    return tuple(text for key in sorted(labels) for text in (intern(key), labels[key]))


def flatten_known(labels: Mapping[str, str] | None) -> FlatLabels:
    """Return a stored pod's labels as a tuple, which others share; UNKNOWN_LABELS for too many."""
    if not labels:
        return ()
    return UNKNOWN_LABELS if len(labels) > MAX_LABELS else share(flatten(labels))


def unflatten(labels: FlatLabels) -> dict[str, str]:
    """Return labels as a mapping; none of UNKNOWN_LABELS."""
    return {} if labels is UNKNOWN_LABELS else dict(zip(labels[::2], labels[1::2], strict=True))


@lru_cache(maxsize=MAX_SHARED)
def share(labels: FlatLabels) -> FlatLabels:
    """Return the one object for equal labels. Those that a caller asks about are gone soon, and need none."""
    return labels
