"""Answers for callers that don't see the whole cluster: without names and other namespaces' pods."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from lens.api.schemas.fit import Fit, FitAlternative, FitEvictable, FitPods, FitReason
from lens.model.fit.answer.asked_group import AskedGroup
from lens.model.fit.spec.affinity_terms import AffinityTerm
from lens.model.fit.spec.asked import AskedPod

_NAMELESS = frozenset({"gpus", "replicas", "product", "devices", "selector"})
"""The kinds of changes whose values name no namespace or pod."""

NAMESPACE = "namespace"
"""In ``not_checked``: the quotas and LimitRanges of the pods' namespace, and their affinity to its pods."""

NAMESPACES = "namespaces"
"""Likewise: the pods' affinity to those of other namespaces."""


def selects_other_namespaces(asked: AskedPod, namespace: str | None) -> bool:
    """Return whether a pod has rules about pods of other namespaces."""
    return any(
        term.namespace_selector is not None or term.namespaces != (namespace,)
        for term in (*asked.affinity, *asked.anti_affinity)
    )


def within_namespace(group: AskedGroup) -> AskedGroup:
    """Return the group without terms about other namespaces' pods: its own pods keep theirs."""

    def own(terms: Iterable[AffinityTerm]) -> tuple[AffinityTerm, ...]:
        return tuple(
            msgspec.structs.replace(term, namespaces=(asked.namespace,), namespace_selector=None)
            for term in terms
            if asked.namespace in term.namespaces
        )

    asked = group.asked
    changed = msgspec.structs.replace(
        asked, affinity=own(asked.affinity), anti_affinity=own(asked.anti_affinity)
    )
    return msgspec.structs.replace(group, asked=changed)


def without_namespace(data: Fit) -> Fit:
    """Return an answer that says that nothing in the pods' namespace was checked."""
    return with_unchecked(data, NAMESPACE)


def with_unchecked(data: Fit, what: str) -> Fit:
    """Return an answer that says that ``what`` wasn't checked, so that it isn't complete."""
    return {**data, "complete": False, "not_checked": [*dict.fromkeys((*data["not_checked"], what))]}


def without_names(
    data: Mapping[str, Any], *, nodes: bool = False, device_class: str | None = None
) -> Mapping[str, Any]:
    """Return an answer without the names of others' namespaces, and with those of nodes only if ``nodes``.

    Of a peer's answer, only fields that are known here are kept. A taint's value or a class may be a team's
    name, so the only class that is named is the ``device_class`` that was asked for.
    """
    of_nodes = () if nodes else ("placements",), () if nodes else ("node_names",)
    evictable = data.get("evictable")
    return {
        **_known(data, Fit),
        "device_class": device_class,
        "pods": [
            {
                **_known(pods, FitPods, *of_nodes[0]),
                "reasons": [_known(each, FitReason, *of_nodes[1]) for each in pods["reasons"]],
            }
            for pods in data["pods"]
        ],
        "nearest": [_known(each, FitAlternative) for each in data["nearest"] if each["change"] in _NAMELESS],
        "evictable": evictable and _known(evictable, FitEvictable, "namespaces"),
    }


def _known(value: Mapping[str, Any], kind: type, *names: str) -> dict[str, Any]:
    return {field: value[field] for field in kind.__annotations__ if field in value and field not in names}
