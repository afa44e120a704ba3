"""Quantities of a manifest as an apiserver decodes them: null is 0, and blanks around one don't count.

Source: k8s.io/apimachinery, ``Quantity.UnmarshalJSON``.
"""

from collections.abc import Mapping
from typing import Any

_LISTS = ("containers", "initContainers")
_SIDES = ("limits", "requests")


def with_stored_quantities(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a pod's template with quantities as they are stored; other values stay as they are."""
    spec = template.get("spec")
    if not isinstance(spec, dict):
        return template
    changed = dict(spec)
    if "overhead" in spec:
        changed["overhead"] = _stored(spec["overhead"])
    if "resources" in spec:
        changed["resources"] = _resources(spec["resources"])
    for name in _LISTS:
        if isinstance(containers := spec.get(name), list):
            changed[name] = [
                {**each, "resources": _resources(each["resources"])}
                if isinstance(each, dict) and "resources" in each
                else each
                for each in containers
            ]
    return {**template, "spec": changed}


def _resources(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {**value, **{side: _stored(value[side]) for side in _SIDES if side in value}}


def _stored(quantities: object) -> object:
    if not isinstance(quantities, dict):
        return quantities
    return {
        name: 0 if each is None else each.strip(" ") if isinstance(each, str) else each
        for name, each in quantities.items()
    }
