"""Kinds that aren't known: every pod template counts, as often as the numbers beside it and above it say.

Objects in them, such as those that an AppWrapper wraps, have the pods that they have by themselves.
"""

from collections.abc import Callable, Iterator

import msgspec

from lens.model.fit.admission.json_values import Object
from lens.model.fit.admission.workloads.fields import count_field
from lens.model.fit.admission.workloads.pod_group import PodGroup

MAX_DEPTH = 12
"""The levels in which pod templates are searched for."""

OfObject = Callable[[Object, str, int], Iterator[PodGroup]]
"""Yields the pods of an object, given the path to its fields and the number of levels above it."""


def pods_of_any_kind(
    value: object, where: str, of_object: OfObject, depth: int = 0, name: str = ""
) -> Iterator[PodGroup]:
    """Yield the pods of all pod templates and objects below a value, such as PyTorchJob's replica types.

    Raise ValueError, naming the field, for a number of pods that is none.
    """
    if depth > MAX_DEPTH:
        return
    if isinstance(value, list):
        for number, each in enumerate(value):
            label = each.get("name") if isinstance(each, dict) else None
            below = name if not isinstance(label, str) else label
            yield from _below(each, f"{where}[{number}]", of_object, depth, below)
    elif isinstance(value, dict):
        for key, each in value.items():
            if _is_pod_template(key, each):
                yield PodGroup(name, f"{where}.{key}", each, _number(value, where))
                continue
            is_type = isinstance(each, dict) and "template" in each
            for group in _below(each, f"{where}.{key}", of_object, depth, key if is_type else name):
                # A template of something else than a pod makes so many of it, each with its pods.
                if group.replicas is not None and _is_template(key):
                    yield msgspec.structs.replace(group, replicas=group.replicas * _number(value, where))
                else:
                    yield group


def _below(value: object, where: str, of_object: OfObject, depth: int, name: str) -> Iterator[PodGroup]:
    if isinstance(value, dict) and _is_object(value):
        yield from of_object(value, f"{where}.", depth + 1)
    else:
        yield from pods_of_any_kind(value, where, of_object, depth + 1, name)


def _is_object(value: Object) -> bool:
    """Return whether it is an object, and not a reference to one, which has its kind and name alone."""
    named = (value.get(part) for part in ("apiVersion", "kind"))
    return isinstance(value.get("spec"), dict) and all(isinstance(each, str) for each in named)


def _number(beside: Object, where: str) -> int:
    """Return how many pods of a template there are, or other things, by the fields beside it.

    A pod set of Kueue's Workload has a ``count``, and what has a Job's fields, as KEDA's ScaledJob, a Job's
    ``parallelism``. KRuise's BroadcastJob has a percentage there, which is no number of pods.
    """
    if beside.get("replicas") is not None:
        return count_field(beside, "replicas", where, 1)
    if beside.get("count") is not None:
        return count_field(beside, "count", where, 1)
    if isinstance(beside.get("parallelism"), str):
        return 1
    parallelism = count_field(beside, "parallelism", where, 1)
    return min(parallelism, count_field(beside, "completions", where, parallelism))


def _is_template(key: str) -> bool:
    return key.lower().endswith("template")


def _is_pod_template(key: str, value: object) -> bool:
    if not _is_template(key) or not isinstance(value, dict):
        return False
    spec = value.get("spec")
    return isinstance(spec, dict) and isinstance(spec.get("containers"), list)
