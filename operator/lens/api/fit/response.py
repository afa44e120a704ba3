"""The response of fit: an answer of the model in the API's types."""

from collections.abc import Sequence

from lens.api.parameters.fit import FitParameters
from lens.api.schemas.fit import Fit, FitEvictable, FitPods, FitQuotaUse, FitReason
from lens.model.cluster_state import StateView
from lens.model.fit.admission.quota import QuotaResult, quota_message
from lens.model.fit.answer.answer import Answer
from lens.model.fit.answer.placing import GroupResult
from lens.model.fit.result import Reason
from lens.model.k8s import timestamps

MAX_PLACEMENTS = 256
"""Nodes of one template's pods that are listed, those with the most pods first."""

MAX_DEVICES = 64
"""Devices of a node that are listed."""


def fit_response(
    params: FitParameters,
    view: StateView,
    now: float,
    found: Answer,
    resource: str | None = None,
    device_class: str | None = None,
) -> Fit:
    """Return the response; that of a GET has the resource or the DeviceClass that its pods ask for."""
    evictable: FitEvictable | None = None
    if found.evictable is not None:
        evictable = {
            "gpus": found.evictable.gpus,
            "pods": found.evictable.pods,
            "fits": found.evictable.fits,
            "protected_pods": found.evictable.protected,
            "fits_within_budgets": found.evictable.fits_within_budgets,
            "namespaces": dict(found.evictable.namespaces),
        }
    return {
        "cluster": params.cluster,
        "timestamp": timestamps.render(int(view.current_at)),
        "age_seconds": round(view.age(now), 1),
        "fits": found.fits,
        "complete": found.complete,
        "not_checked": list(found.not_checked),
        "replicas": found.replicas,
        "placed": found.placed,
        "max_replicas": found.max_replicas,
        "resource": resource,
        "device_class": device_class,
        "pods": [_pods(each, found.quota) for each in found.groups],
        "quota": None if found.quota is None else _quota(found.quota),
        "nearest": [
            {"change": each.change, "value": each.value, "gpus": each.gpus, "replicas": each.replicas}
            for each in found.nearest
        ],
        "evictable": evictable,
    }


def _pods(each: GroupResult, quota: QuotaResult | None) -> FitPods:
    result = each.result
    samples = each.samples
    reasons = [
        reason_row(reason, samples.get(reason.message, ()) if samples else None) for reason in result.reasons
    ]
    if quota is not None:
        messages = [quota_message(use) for use in quota.exceeded]
        messages += [quota.refusal] if quota.refusal is not None else []
        reasons = [*map(_quota_reason, messages), *reasons]
    placements = sorted(result.placements, key=lambda place: (-place.replicas, place.node))
    return {
        "name": each.name,
        "fits": result.fits,
        "replicas": result.replicas,
        "placed": result.placed,
        "reasons": reasons,
        "message": result.message,
        "placements": [
            {
                "node_name": place.node,
                "replicas": place.replicas,
                "devices": list(place.devices[:MAX_DEVICES]),
            }
            for place in placements[:MAX_PLACEMENTS]
        ],
    }


def reason_row(reason: Reason, node_names: Sequence[str] | None) -> FitReason:
    """Return one reason, with the names of some of its nodes where they may be seen."""
    lacks = None
    if reason.asked is not None and reason.most_free is not None:
        lacks = max(0, reason.asked - reason.most_free)
    found: FitReason = {
        "code": reason.code,
        "message": reason.message,
        "nodes": reason.nodes,
        "resource": reason.resource,
        "asked": reason.asked,
        "most_free": reason.most_free,
        "short_by": lacks,
    }
    if node_names is not None:
        found["node_names"] = list(node_names)
    return found


def _quota_reason(message: str) -> FitReason:
    return {
        "code": "quota",
        "message": message,
        "nodes": 0,
        "resource": None,
        "asked": None,
        "most_free": None,
        "short_by": None,
    }


def _quota(quota: QuotaResult) -> list[FitQuotaUse]:
    return [
        {
            "quota": use.quota,
            "resource": use.resource,
            "hard": use.hard,
            "used": use.used,
            "asked": use.asked,
            "exceeded": use in quota.exceeded,
        }
        for use in quota.uses
    ]
