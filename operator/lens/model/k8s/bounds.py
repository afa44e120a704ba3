"""Bounds on what is kept of objects.

Who may create a pod writes what they like into it, and an apiserver bounds few of its texts and none of its
lists. What counts (a name, a resource) is kept as it is or leaves its object out; what only describes is cut.
"""

import json
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

LONGEST_SHOWN = 80
"""Characters of an invalid value in a message."""

MAX_ENTRIES = 8
"""Entries of a list that only describes: tolerations, node selector, scheduling gates."""

MAX_TAINTS = 32
"""Taints of a node. They decide where pods may go, so those that repel are kept first."""

MAX_FIT_RESOURCES = 64
"""Resources of any kind, of a node or of a pod, that fit reads. An object beyond this or the following
bounds is left out."""

MAX_LABELS = 128
"""Labels of a pod that fit reads. core/v1 has no bound."""

MAX_NODE_LABELS = 1024
"""Labels of a node. Node Feature Discovery and a GPU operator write some 200 of them."""

MAX_PORTS = 256
"""Host ports of a pod."""

LONGEST_PENDING = 2**16
"""Bytes of a pending pod in JSON that fit reads. A pod of 64 KiB has some 300 terms or variables."""

MAX_TERMS = 32
"""Terms of an affinity, topology spread constraints, tolerations or gates of a pod."""

MAX_REQUIREMENTS = 64
"""Requirements of a selector."""

MAX_VALUES = 1024
"""Values of a requirement."""

MAX_FEATURES = 64
"""Features that a node declares. Kubernetes 1.37 has nine."""

MAX_RESOURCES = 64
"""GPU resources of a node; MIG has some 20 profiles. An object with more is left out."""

MAX_POD_RESOURCES = 16
"""GPU resources of a pod; an object with more is left out, too."""

MAX_STRANGE = 8
"""Resources that pods hold on a node and that it doesn't have; of the others the units are counted."""

MAX_UNITS = 64
"""Resources of which the cluster's units are summed, those that some node has first."""

MAX_GPU_GROUPS = 16
"""GPU groups of a pod that KAI-Scheduler has put on parts of GPUs."""

MAX_RESERVED = 100
"""Pods of a reservation that are named; all are counted."""

MAX_PRODUCTS = 32
"""Products of which the cluster's GPUs are shown, those with the most GPUs first; the others are summed."""

MAX_MISSING = 100
"""Nodes that don't exist, to which pods are bound, and that are listed; all are counted."""

MAX_DEVICES = 1024
"""Devices in a pod's status."""

MAX_SLICE_DEVICES = 128
"""Devices of a ResourceSlice (resource/v1, ResourceSliceMaxDevices)."""

MAX_COUNTER_SETS = 8
"""Counter sets of a ResourceSlice (resource/v1, ResourceSliceMaxCounterSets)."""

MAX_COUNTERS = 32
"""Counters of a counter set (resource/v1, ResourceSliceMaxCountersPerCounterSet)."""

MAX_CONSUMPTIONS = 32
"""Counter sets that one device draws on. resource/v1 allows 2; slices of 1.33 may still have more."""

MAX_DEVICE_TAINTS = 16
"""Taints of a device (resource/v1, DeviceTaintsMaxLength)."""

MAX_CLAIM_DEVICES = 32
"""Requests and allocated devices of a ResourceClaim (resource/v1, AllocationResultsMaxSize)."""

MAX_ALTERNATIVES = 8
"""Alternatives of a request (resource/v1, FirstAvailableDeviceRequestMaxSize)."""

MAX_CONSUMERS = 256
"""Pods that a ResourceClaim is reserved for (resource/v1, ResourceClaimReservedForMaxSize)."""

MAX_CAPACITIES = 32
"""Capacities of a device (resource/v1, ResourceSliceMaxAttributesAndCapacitiesPerDevice)."""

MAX_CONDITIONS = 8
"""Conditions of an allocated device (resource/v1, AllocatedDeviceStatusMaxConditions)."""

MAX_POD_CLAIMS = 64
"""ResourceClaims of a pod. core/v1 has no bound."""

MAX_SHOWN_GPUS = 1024
"""GPUs of a node that are shown if only DRA lists them; all are counted."""

MAX_SHOWN_DEVICES = 64
"""Devices of a GPU that are shown, those that are held first; all count."""

MAX_PROBLEM_POOLS = 100
"""Pools of devices that can't be counted, and that are listed; all are counted."""


def short(text: str, longest: int = LONGEST_WORD) -> str:
    """Return a text, cut to a length with an ellipsis."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def few(entries: Iterable[T], most: int = MAX_ENTRIES) -> tuple[T, ...]:
    """Return the first entries."""
    return tuple(islice(entries, most))


def shown(value: object) -> str:
    """Return a value for a message: in JSON (null, true), and cut."""
    is_plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return (repr(value) if is_plain else json.dumps(value, default=repr))[:LONGEST_SHOWN]
