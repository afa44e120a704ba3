"""KAI-Scheduler's fractions counted afresh from raw pods; see tests.recount.

Written from docs/counting.md, "Fractions of KAI-Scheduler".
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

Object = Mapping[str, Any]
Key = tuple[str, str]


def groups(pod: Object) -> set[str]:
    """Return the GPU groups that a pod is labelled with."""
    labels = pod["metadata"].get("labels") or {}
    return {text for name, text in labels.items() if text and name.split("/")[0] == "runai-gpu-group"}


def reserves(pod: Object) -> bool:
    """Tell whether a pod that holds units is a reservation pod."""
    return pod["metadata"].get("namespace") == "kai-resource-reservation" and bool(groups(pod))


def asks(pod: Object) -> bool:
    """Tell whether a pod asks for parts of GPUs."""
    annotations = pod["metadata"].get("annotations") or {}
    return any(annotations.get(name, "") != "" for name in ("gpu-fraction", "gpu-memory"))


def portion(pod: Object) -> float | None:
    """Return the part of each GPU that a pod asks for, if it can be one."""
    try:
        asked = Decimal((pod["metadata"].get("annotations") or {})["gpu-fraction"])
    except (KeyError, TypeError, InvalidOperation):
        return None
    return float(asked) if asked.is_finite() and 0 < asked < 1 else None


def placed(
    pods: Iterable[Object], holding: Mapping[Key, Mapping[str, int]]
) -> tuple[dict[Key, dict[str, Any]], set[Key], int]:
    """Return where each pod with a fraction is, the reservation pods, and the units held for nobody.

    ``holding`` has what each bound pod holds.
    """
    reserving: dict[Key, Object] = {}
    asking: dict[Key, Object] = {}
    for pod in pods:
        key = (pod["metadata"].get("namespace") or "", pod["metadata"]["name"])
        if key in holding:
            if reserves(pod):
                reserving[key] = pod
        elif asks(pod) and pod.get("spec", {}).get("nodeName"):
            asking[key] = pod
    used: set[Key] = set()
    tasks = {}
    for key, pod in asking.items():
        node = pod["spec"]["nodeName"]
        own = {
            other
            for other, reservation in reserving.items()
            if reservation["spec"]["nodeName"] == node and groups(reservation) & groups(pod)
        }
        used |= own
        tasks[key] = {"node": node, "gpus": sum(sum(holding[other].values()) for other in own)}
    unused = sum(sum(holding[key].values()) for key in reserving.keys() - used)
    return tasks, set(reserving), unused
