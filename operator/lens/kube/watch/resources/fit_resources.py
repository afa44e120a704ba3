"""The resources that only the fit engine reads: Namespaces, and those with rules of admission and quotas.

No figure has them. So they delay nothing, and what of them can't be read is named in the answers of fit.
"""

from collections.abc import Mapping
from operator import is_
from typing import Any

from lens.kube.watch.kopf_settings import Timeouts, WatchedResource
from lens.kube.watch.resources.optional_resource import OptionalResource
from lens.metrics import Metrics
from lens.model.fit.admission.policies import (
    Namespace,
    Policies,
    SharedObjects,
    budget_decoder,
    limit_range_decoder,
    namespace_decoder,
    priority_class_decoder,
    quota_decoder,
    runtime_class_decoder,
)
from lens.model.inventory.decoding.decoder import Decoder
from lens.model.inventory.store import Store

NAMESPACES = WatchedResource("", "v1", "namespaces")
LIMIT_RANGES = WatchedResource("", "v1", "limitranges")
QUOTAS = WatchedResource("", "v1", "resourcequotas")
RUNTIME_CLASSES = WatchedResource("node.k8s.io", "v1", "runtimeclasses")
PRIORITY_CLASSES = WatchedResource("scheduling.k8s.io", "v1", "priorityclasses")
BUDGETS = WatchedResource("policy", "v1", "poddisruptionbudgets")

ALL = (NAMESPACES, LIMIT_RANGES, QUOTAS, RUNTIME_CLASSES, PRIORITY_CLASSES, BUDGETS)

_NAMES = frozenset(each.name for each in ALL)


class FitResources:
    """What is known of these resources, over all runs of kopf. For use in kopf's thread."""

    def __init__(self, timeouts: Timeouts, metrics: Metrics) -> None:
        """Start without any objects."""
        self._timeouts = timeouts
        self._metrics = metrics
        self._stored: list[tuple[SharedObjects[Any, Any], OptionalResource[Any, Any]]] = []
        self.watched: dict[WatchedResource, OptionalResource[Any, Any]] = {}
        """The resources to watch. Every apiserver serves them."""
        self._add(NAMESPACES, "Namespace", namespace_decoder())
        self._add(LIMIT_RANGES, "LimitRange", limit_range_decoder())
        self._add(QUOTAS, "ResourceQuota", quota_decoder())
        self._add(RUNTIME_CLASSES, "RuntimeClass", runtime_class_decoder())
        self._add(PRIORITY_CLASSES, "PriorityClass", priority_class_decoder())
        self._add(BUDGETS, "PodDisruptionBudget", budget_decoder())
        self._namespaces: Mapping[str, Namespace] | None = None
        self._labels: Mapping[str, Mapping[str, str]] | None = None
        self._terminating: frozenset[str] = frozenset()
        self._node_selectors: Mapping[str, Mapping[str, str]] = {}
        self._found: list[Mapping[Any, Any] | None] = [None] * len(ALL)
        self._policies = Policies()

    def _add(self, resource: WatchedResource, kind: str, decoder: Decoder[Any, Any]) -> None:
        shared = SharedObjects[Any, Any]()
        watched = self.watched[resource] = OptionalResource(
            resource.name,
            kind,
            decoder,
            Store(shared.objects, shared.put),
            self._metrics,
            self._timeouts.grace,
            self._timeouts.forbidden,
            what="in no answer of fit",
        )
        self._stored.append((shared, watched))

    def __contains__(self, name: str) -> bool:
        """Return whether a resource is one of these."""
        return name in _NAMES

    def unseen(self, skipped: Mapping[str, int]) -> Mapping[str, str]:
        """Return why resources are unseen; ``skipped`` has the numbers of objects that can't be decoded."""
        reasons = {name: f"{number} objects can't be decoded" for name, number in skipped.items() if number}
        for each in self.watched.values():
            if not each.store.synced:
                reasons[each.name] = each.unseen or "it has not been listed yet"
        return {name: reason for name, reason in reasons.items() if name in self}

    def assess(self, lags: Mapping[str, float]) -> None:
        """Decide which are unseen, by their lags behind pods and nodes."""
        for each in self.watched.values():
            each.assess(lags.get(each.name, 0.0))

    def policies(self) -> Policies:
        """Return all objects; the same value as before if none has changed."""
        found = [shared.copy() if resource.store.synced else None for shared, resource in self._stored]
        if all(map(is_, found, self._found)):
            return self._policies
        self._found = found
        namespaces, limit_ranges, quotas, runtime_classes, priority_classes, budgets = found
        if namespaces is not self._namespaces:
            self._namespaces = namespaces
            self._labels = namespaces and {name: each.labels for name, each in namespaces.items()}
            self._terminating = frozenset(
                name for name, each in (namespaces or {}).items() if each.terminating
            )
            self._node_selectors = {
                name: each.node_selector for name, each in (namespaces or {}).items() if each.node_selector
            }
        self._policies = Policies(
            namespaces=self._labels,
            terminating=self._terminating,
            node_selectors=self._node_selectors,
            limit_ranges=limit_ranges,
            quotas=quotas,
            runtime_classes=runtime_classes,
            priority_classes=priority_classes,
            budgets=budgets,
        )
        return self._policies
