"""Pods whose answer may depend on objects of resource.k8s.io that Lens can't read."""

import msgspec

from lens.model.fit.result import FitResult
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.resources import is_extended
from lens.model.fit.view import FitView


def may_need_unseen(asked: AskedPod, view: FitView) -> bool:
    """Return whether a pod's answer may depend on an object of resource.k8s.io that Lens can't read."""
    if not view.devices_unseen:
        return False
    if asked.claims:
        return True
    # Classes that aren't known may serve any extended resource.
    return set(view.devices_unseen) != {"resourceclaimtemplates"} and any(
        is_extended(resource) for resource, _ in asked.request
    )


def as_unknown(result: FitResult, asked: AskedPod) -> FitResult:
    """Return a result as unknown, unless the nodes themselves have what the pod asks for."""
    if not asked.claims and result.fits != "no":
        # A resource that a node has itself is no claim's.
        return result
    named = tuple(dict.fromkeys((*result.not_checked, "dynamic_resources")))
    return msgspec.structs.replace(result, fits="unknown", complete=False, not_checked=named)
