"""Pods and nodes as a test needs them: as little of an object as says what it is about."""

from datetime import UTC, datetime
from typing import Any

GPU = "nvidia.com/gpu"
NOW = datetime(2026, 1, 1, tzinfo=UTC)

Object = dict[str, Any]


def node(name: str, gpus: object = 8, **more: Any) -> Object:
    """Return a Ready node with so many GPUs."""
    quantity = str(gpus) if isinstance(gpus, int) else gpus
    return {
        "metadata": {"name": name},
        "spec": {},
        "status": {
            "capacity": {"cpu": "64", GPU: quantity},
            "allocatable": {"cpu": "64", GPU: quantity},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    } | more


def pod(name: str, on: str = "", gpus: object = 1, phase: str = "Running", **more: Any) -> Object:
    """Return a pod that wants so many GPUs, bound to a node if one is named."""
    quantity = str(gpus) if isinstance(gpus, int) else gpus
    return {
        "metadata": {"name": name, "namespace": "team"},
        "spec": {
            **({"nodeName": on} if on else {}),
            "containers": [{"name": "main", "resources": {"limits": {GPU: quantity}}}],
        },
        "status": {"phase": phase},
    } | more
