"""Kinds that aren't known: every pod template counts, with the ``replicas`` or the ``count`` next to it."""

from collections.abc import Iterator

from lens.model.fit.admission.workloads.fields import count_field
from lens.model.fit.admission.workloads.pod_group import PodGroup

MOST_DEPTH = 12
"""Levels below which no pod template is searched for."""


def pods_of_any_kind(value: object, where: str, depth: int = 0, name: str = "") -> Iterator[PodGroup]:
    """Yield every pod template below a value, such as those of PyTorchJob's replica types."""
    if depth > MOST_DEPTH:
        return
    if isinstance(value, list):
        for number, each in enumerate(value):
            label = each.get("name") if isinstance(each, dict) else None
            yield from pods_of_any_kind(
                each, f"{where}[{number}]", depth + 1, label if isinstance(label, str) else name
            )
    elif isinstance(value, dict):
        for key, each in value.items():
            if _is_template(key, each):
                # A pod set of Kueue's Workload has a count.
                replicas = count_field(value, "replicas", where, count_field(value, "count", where, 1))
                yield PodGroup(name, f"{where}.{key}", each, replicas)
            else:
                is_type = isinstance(each, dict) and "template" in each
                yield from pods_of_any_kind(each, f"{where}.{key}", depth + 1, key if is_type else name)


def _is_template(key: str, value: object) -> bool:
    if not key.lower().endswith("template") or not isinstance(value, dict):
        return False
    spec = value.get("spec")
    return isinstance(spec, dict) and isinstance(spec.get("containers"), list)
