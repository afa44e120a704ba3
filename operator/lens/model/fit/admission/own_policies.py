"""The policies that a manifest brings with its pods: ``kubectl apply`` creates them too."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from lens.model.fit.admission.json_values import Object, as_object
from lens.model.fit.admission.policies import (
    Limits,
    Namespace,
    Policies,
    PriorityClass,
    Quota,
    RuntimeClass,
    limit_range_decoder,
    namespace_decoder,
    priority_class_decoder,
    quota_decoder,
    runtime_class_decoder,
)
from lens.model.inventory.decoding.decoder import Decoder
from lens.model.inventory.objects.pod_key import PodKey

K = TypeVar("K")
V = TypeVar("V")

_KINDS: Mapping[tuple[str, str], tuple[str, Decoder[Any, Any]]] = {
    ("", "Namespace"): ("namespaces", namespace_decoder()),
    ("", "LimitRange"): ("limit_ranges", limit_range_decoder()),
    ("", "ResourceQuota"): ("quotas", quota_decoder()),
    ("node.k8s.io", "RuntimeClass"): ("runtime_classes", runtime_class_decoder()),
    ("scheduling.k8s.io", "PriorityClass"): ("priority_classes", priority_class_decoder()),
}


class OwnPolicies(msgspec.Struct, frozen=True):
    """The policies of a manifest. Those of a namespace that name none are for its pods'."""

    namespaces: dict[str, Namespace] = {}
    limit_ranges: dict[PodKey, tuple[Limits, ...]] = {}
    quotas: dict[PodKey, Quota] = {}
    runtime_classes: dict[str, RuntimeClass] = {}
    priority_classes: dict[str, PriorityClass] = {}

    def read(self, document: Object, api_group: str, where: str) -> None:
        """Add a document if it is a policy. Raise ValueError, naming it, if it can't be read."""
        if (api_group, document["kind"]) not in _KINDS:
            return
        field, decoder = _KINDS[api_group, document["kind"]]
        meta = {**as_object(document.get("metadata"), f"{where}metadata"), "resourceVersion": "0"}
        try:
            # The status that it may have is that of another object.
            reading = decoder.read(msgspec.json.encode({**document, "metadata": meta, "status": {}}))
        except ValueError as error:
            raise ValueError(f"{where}metadata: {error}") from None
        if reading.problem is not None:
            raise ValueError(f"{where}{document['kind']}: {reading.problem}")
        getattr(self, field)[reading.key] = reading.value

    def added_to(self, policies: Policies, namespace: str) -> Policies:
        """Return a cluster's policies with these, for pods of a ``namespace``.

        What isn't known of the cluster stays unknown. Of a quota that the cluster has, as much is used.
        """
        namespaces, quotas = policies.namespaces or {}, policies.quotas or {}
        return msgspec.structs.replace(
            policies,
            namespaces=_with(
                policies.namespaces,
                {name: {**namespaces.get(name, {}), **own.labels} for name, own in self.namespaces.items()},
            ),
            node_selectors={
                **policies.node_selectors,
                **{name: own.node_selector for name, own in self.namespaces.items() if own.node_selector},
            },
            limit_ranges=_with(policies.limit_ranges, _within(namespace, self.limit_ranges)),
            quotas=_with(
                policies.quotas,
                {
                    key: msgspec.structs.replace(own, used=quotas[key].used) if key in quotas else own
                    for key, own in _within(namespace, self.quotas).items()
                },
            ),
            runtime_classes=_with(policies.runtime_classes, self.runtime_classes),
            priority_classes=_with(policies.priority_classes, self.priority_classes),
        )

    def has_new_quota(self, policies: Policies, namespace: str) -> bool:
        """Return whether there is a new quota for a namespace that the cluster has."""
        new = _within(namespace, self.quotas).keys() - (policies.quotas or {}).keys()
        return bool(new) and namespace in (policies.namespaces or {})


NO_OWN_POLICIES = OwnPolicies()


def _with(known: Mapping[K, V] | None, own: Mapping[K, V]) -> Mapping[K, V] | None:
    return {**known, **own} if known is not None and own else known


def _within(namespace: str, own: Mapping[PodKey, V]) -> dict[PodKey, V]:
    return {
        PodKey(namespace, key.name): each for key, each in own.items() if key.namespace in ("", namespace)
    }
