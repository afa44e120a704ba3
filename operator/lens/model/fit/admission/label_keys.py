"""``matchLabelKeys`` and ``mismatchLabelKeys`` of pod affinity, merged as the apiserver does.

Source: pkg/registry/core/pod/strategy.go in Kubernetes 1.37 (``mutatePodAffinity``). Those of topology spread
constraints are read with the constraints.
"""

from typing import Any

from lens.model.fit.admission.json_values import Object, as_list, as_object, as_objects

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
"""The terms that keep a pod off nodes; preferred ones only rank these."""

_OPERATORS = {"matchLabelKeys": "In", "mismatchLabelKeys": "NotIn"}


def merge_label_keys(spec: dict[str, Any], labels: Object) -> None:
    """Add the pod's own ``labels`` to the selectors of its required terms that name their keys.

    Raise ValueError, naming the field, for what can't be read.
    """
    at = "spec.affinity"
    affinity = dict(as_object(spec.get("affinity"), at))
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = as_object(affinity.get(kind), f"{at}.{kind}")
        field = f"{at}.{kind}.{REQUIRED}"
        terms = as_objects(rules.get(REQUIRED), field)
        if any(key in term for term in terms for key in _OPERATORS):
            merged = [_merged(term, labels, f"{field}[{number}]") for number, term in enumerate(terms)]
            affinity[kind] = {**rules, REQUIRED: merged}
            spec["affinity"] = affinity


def _merged(term: Object, labels: Object, field: str) -> Object:
    selector = term.get("labelSelector")
    if selector is None:
        # A term without a selector selects nothing, whatever its keys are.
        return term
    at = f"{field}.labelSelector"
    selector = as_object(selector, at)
    requirements = as_list(selector.get("matchExpressions"), f"{at}.matchExpressions")
    added = [
        {"key": key, "operator": operator, "values": [labels[key]]}
        for name, operator in _OPERATORS.items()
        for key in _keys(term.get(name), f"{field}.{name}")
        if key in labels
    ]
    return {**term, "labelSelector": {**selector, "matchExpressions": [*requirements, *added]}}


def _keys(value: object, field: str) -> list[str]:
    keys = as_list(value, field)
    odd = next((number for number, key in enumerate(keys) if not isinstance(key, str)), None)
    if odd is not None:
        raise ValueError(f"{field}[{odd}]: it isn't a label's key")
    return keys
