"""The fields of a manifest that workloads share."""

from lens.model.fit.admission.json_values import Object, as_list, as_object
from lens.model.k8s.bounds import LONGEST_NAME

MAX_PODS = 10_000
"""The most pods of a question: of a group, and of all together."""


def pod_template(parent: Object, name: str, where: str) -> Object:
    """Return the pod template in a field. Raise ValueError if it has no containers."""
    where = f"{where}.{name}"
    template = as_object(parent.get(name), where)
    spec = as_object(template.get("spec"), f"{where}.spec")
    if not as_list(spec.get("containers"), f"{where}.spec.containers"):
        raise ValueError(f"{where}.spec.containers: it is required")
    return template


def name_field(parent: Object, name: str, where: str) -> str:
    """Return the name in a field, empty if it is missing. Raise ValueError for another value."""
    value = parent.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_NAME:
        raise ValueError(f"{where}.{name}: it isn't a name".lstrip("."))
    return value


def count_field(parent: Object, name: str, where: str, default: int) -> int:
    """Return the number in a field, from 0 to MAX_PODS. Raise ValueError for another value."""
    value = parent.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_PODS:
        raise ValueError(f"{where}.{name}: it isn't a number from 0 to {MAX_PODS}")
    return value
