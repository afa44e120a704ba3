"""Whether pods would be scheduled now, and what would fit instead."""

from collections.abc import Iterator, Mapping
from typing import Any

from lens_client.api import schema
from lens_client.output.view import View
from lens_client.views.paragraphs import Paragraph
from lens_client.views.reasons import in_words

VIEW = View(field=None, columns=(), csv=tuple(schema.Fit.__annotations__))

_NOT_CHECKED = {
    "resource_claims": "what ResourceClaims would get",
    "dynamic_resources": "what claims of a DeviceClass would get",
    "device_selectors": "selectors in CEL that Lens can't evaluate",
    "device_search": "devices that take too long to find",
    "device_pools": "pools of devices whose slices contradict each other",
    "device_bindings": "claims that wait for their devices",
    "leftover_claim": "the claim of an attempt that failed",
    "volumes": "volumes that bind a pod to a place",
    "scheduler": "another scheduler",
    "pod_groups": "pod groups, which start together or not at all",
    "queues": "the queue, such as Kueue's",
    "exclusive_topology": "nodes of its own for each Job or group (exclusive-topology)",
    "pod_labels": "labels that only the pods' controller knows",
    "preemption": "preemption of pods of a lower priority",
    "pod_disruption_budgets": "PodDisruptionBudgets",
    "node_choice": "another choice of nodes, which may place more",
    "replicas": "more than 128 pods that choose nodes by other pods",
    "time": "pods for which there was no time",
    "ray_submitter": "the pod that submits the RayJob",
    "unreadable_objects": "pods or nodes that Lens can't read",
}

_FLAGS = {
    "gpus": ": --gpus {}",
    "replicas": ": --replicas {}",
    "product": " with --product {}",
    "device_class": " with --device-class {}",
    "toleration": " with --toleration {}",
}
"""How an alternative is asked for."""

_EDITS = {
    "gpus": "",
    "replicas": "",
    "product": " with the product {}",
    "device_class": " with the DeviceClass {}",
    "toleration": " with a toleration of {}",
}
"""How a manifest would have to be. With other GPUs or replicas the sentence says so itself."""

_EITHER = {
    "selector": " without a node selector",
    "devices": " with so many devices: {}",
}


def paragraphs(fit: Mapping[str, Any], *, manifest: bool) -> Iterator[Paragraph]:
    """Yield the verdict, the reasons, and the alternatives. A ``manifest`` takes the place of options."""
    verdict = {"yes": "YES", "no": "NO", "unknown": "UNKNOWN"}[fit["fits"]]
    color = {"yes": "green", "no": "red", "unknown": "yellow"}[fit["fits"]]
    yield Paragraph(verdict, (_sentence(fit),), color)  # type: ignore[arg-type]
    several = len(fit["pods"] or ()) > 1
    for pods in fit["pods"] or ():
        prefix = f"{pods['name']}: " if several else ""
        if pods["fits"] != "yes":
            yield Paragraph("REASON", tuple(prefix + in_words(reason) for reason in pods["reasons"] or ()))
        elif several:
            yield Paragraph("FITS", (f"{prefix}{pods['placed']} of {pods['replicas']} pods",))
        places = [f"{place['replicas']} on {place['node_name']}" for place in pods.get("placements") or ()]
        if places:
            yield Paragraph("NODES", (f"{prefix}{', '.join(places[:8])}{', …' if len(places) > 8 else ''}",))
    yield Paragraph("QUOTA", tuple(_quota(use) for use in fit["quota"] or () if use["exceeded"]))
    yield Paragraph("INSTEAD", tuple(_alternative(each, manifest=manifest) for each in fit["nearest"] or ()))
    if fit["evictable"] is not None:
        yield Paragraph("EVICTABLE", (_evictable(fit["evictable"]),))
    yield Paragraph("NOT CHECKED", tuple(not_checked(each) for each in fit["not_checked"] or ()))
    yield Paragraph(
        "SCHEDULER", tuple(pods["message"] for pods in fit["pods"] or () if pods["message"] is not None)
    )


def not_checked(name: str) -> str:
    """Return what isn't checked, in words; the API's own name if this version has none."""
    return _NOT_CHECKED.get(name, name)


def _sentence(fit: Mapping[str, Any]) -> str:
    number, most = fit["replicas"], fit["max_replicas"]
    parts = [f"{fit['placed']} of {number} pod{'' if number == 1 else 's'} would be scheduled now"]
    if most is not None and most != fit["placed"]:
        parts.append(f"{most} at most")
    if fit["fits"] == "unknown":
        parts.append("and what isn't checked decides about the others")
    return ", ".join(parts) + (f" ({fit['resource']})" if fit["resource"] else "")


def _quota(use: Mapping[str, Any]) -> str:
    hard, used, asked = (str(use[name]).removesuffix(".0") for name in ("hard", "used", "asked"))
    return f"{use['quota']}: {use['resource']} {hard}, {used} used, {asked} asked"


def _alternative(each: Mapping[str, Any], *, manifest: bool) -> str:
    number, gpus = each["replicas"], each["gpus"]
    of_each = (
        "" if gpus is None else f" with {gpus} GPU{'' if gpus == 1 else 's'}{'' if number == 1 else ' each'}"
    )
    pods = f"{number} pod{'' if number == 1 else 's'}{of_each} would fit"
    how = {**_EITHER, **(_EDITS if manifest else _FLAGS)}.get(each["change"])
    return pods + (f": {each['change']} {each['value']}" if how is None else how.format(each["value"]))


def _evictable(evictable: Mapping[str, Any]) -> str:
    number, gpus = evictable["pods"], evictable["gpus"]
    held = f"{number} pod{'' if number == 1 else 's'} of a lower priority hold{'s' if number == 1 else ''}"
    without = {
        "yes": "all would fit",
        "no": "not all would fit",
        "unknown": "it isn't known whether all would fit",
    }
    kept = (
        f"; PodDisruptionBudgets protect {evictable['protected_pods']}" if evictable["protected_pods"] else ""
    )
    return f"{held} {gpus} GPU{'' if gpus == 1 else 's'}; without them {without[evictable['fits']]}{kept}"
