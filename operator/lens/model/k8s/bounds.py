"""How much is kept of what objects say of themselves.

Who may create a pod writes what they like into it, and an apiserver bounds few of its texts and none of its
lists. What counts (a name, a resource) is kept as it is or leaves its object out; what only describes is cut.
"""

from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

LONGEST_NAME = 253
"""Characters; apimachinery's DNS subdomain, which is the longest that any object may be called."""

LONGEST_RESOURCE = 317
"""Characters; apimachinery's qualified name: a prefix of 253, a slash, a name of 63."""

LONGEST_WORD = 128
"""Characters of a reason, a kind, a uid, a gate, a toleration, a label's value."""

LONGEST_MESSAGE = 512
"""Characters of a message."""

MOST_ENTRIES = 8
"""Entries of a list that only describes: tolerations, node selector, scheduling gates."""

MOST_TAINTS = 32
"""Taints of a node. They decide where pods may go, so those that repel are kept first."""

MOST_RESOURCES = 64
"""GPU resources of a node; MIG has some 20 profiles. An object with more is left out."""

MOST_POD_RESOURCES = 16
"""GPU resources of a pod, likewise."""

MOST_STRANGE = 8
"""Resources that pods hold on a node and that it doesn't have; of the others the units are counted."""

MOST_UNITS = 64
"""Resources of which the cluster's units are summed, those that some node has first."""

MOST_MISSING = 100
"""Nodes that don't exist, to which pods are bound, and that are listed; all are counted."""

MOST_DEVICES = 1024
"""Devices that a pod says it was given."""


def short(text: str, longest: int = LONGEST_WORD) -> str:
    """Return a text that is no longer than that, with an ellipsis for what was cut."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def few(entries: Iterable[T], most: int = MOST_ENTRIES) -> tuple[T, ...]:
    """Return the first entries."""
    return tuple(islice(entries, most))
