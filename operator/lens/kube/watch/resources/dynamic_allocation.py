"""The resources of dynamic resource allocation (resource.k8s.io), each in the newest version that is served.

https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lens.kube.watch.kopf_settings import Timeouts, WatchedResource
from lens.kube.watch.resources.discovery import Discovery
from lens.kube.watch.resources.optional_resource import OptionalResource
from lens.metrics import Metrics
from lens.model.fit.dra.state import DeviceState
from lens.model.fit.fit_store import (
    DeviceStores,
    claim_for_fit,
    class_for_fit,
    rule_for_fit,
    slice_for_fit,
    template_for_fit,
)
from lens.model.inventory.decoding.kinds import (
    bare_decoder,
    claim_decoder,
    device_class_decoder,
    slice_decoder,
    taint_rule_decoder,
)
from lens.model.inventory.gate import Gate
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.objects.pod import PodKey
from lens.model.inventory.store import Store
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.gpu_resources import GpuResources

GROUP = "resource.k8s.io"

VERSIONS = ("v1", "v1beta2", "v1beta1", "v1alpha3")
"""The versions that Lens decodes, the newest first."""


class DynamicAllocation:
    """What is known of these resources, over all runs of kopf. For use in kopf's thread."""

    def __init__(
        self,
        claims: OptionalResource[Any, Any],
        slices: OptionalResource[Any, Any],
        gate: Gate[Any, Any],
        others: Iterable[OptionalResource[Any, Any]],
        templates: OptionalResource[Any, Any],
        timeouts: Timeouts,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the resources, whatever versions they are served in.

        ``gate`` is that of the slices: without the claims, devices that are held would count as available.
        No figure has the ``templates`` of claims, so they delay nothing, and only a fit misses them.
        """
        self._claims, self._slices, self._gate = claims, slices, gate
        self._resources = {resource.name: resource for resource in (claims, slices, *others)}
        self.templates = templates
        self._grace = timeouts.grace
        self._clock = clock
        self._waiting_since: float | None = None
        self._all = {**self._resources, templates.name: templates}
        self.discovery = Discovery(GROUP, VERSIONS, self._all, timeouts.discovery, metrics)

    @property
    def names(self) -> frozenset[str]:
        """Return the names of all of them."""
        return frozenset(self._resources)

    @property
    def watched(self) -> Mapping[WatchedResource, OptionalResource[Any, Any]]:
        """Return those to watch, as they are served."""
        return {
            WatchedResource(GROUP, version, name): self._all[name]
            for name, version in sorted(self.discovery.served.versions.items())
        }

    @property
    def unseen(self) -> Mapping[str, str]:
        """Return why resources are unseen; for the whole group if it is unknown what is served."""
        reasons = {
            name: resource.unseen
            for name, resource in sorted(self._resources.items())
            if resource.unseen is not None
        }
        if self._slices.store.synced and self._claims.unseen is not None:
            reasons[self._slices.name] = f"{self._claims.name} can't be read"
        if not self.discovery.has_succeeded and self._is_overdue():
            reasons[GROUP] = self.discovery.failure or "discovery has had no response"
        return reasons

    def unseen_by_fit(self, skipped: Mapping[str, int]) -> Mapping[str, str]:
        """Return why a fit doesn't know resources, those of templates too.

        ``skipped`` has the numbers of templates that can't be decoded; of others the fit's own state knows.
        """
        reasons = dict(self.unseen)
        templates = self.templates
        if templates.unseen is not None:
            reasons[templates.name] = templates.unseen
        elif templates.name in self.discovery.served.versions and not templates.store.synced:
            reasons[templates.name] = "it has not been listed yet"
        elif skipped.get(templates.name):
            reasons[templates.name] = f"{skipped[templates.name]} objects can't be decoded"
        return reasons

    @property
    def uncounted(self) -> frozenset[str]:
        """Return the names of those that no figure has."""
        return frozenset(name for name, resource in self._resources.items() if not resource.store.synced)

    @property
    def is_resolved(self) -> bool:
        """Return whether each resource is known: its objects, or that they are unseen or not served."""
        if not self.discovery.has_succeeded:
            return self._is_overdue()
        return all(
            resource.is_resolved for resource in self.watched.values() if resource is not self.templates
        )

    def update_served(self) -> None:
        """Apply what has been discovered: what isn't served has no objects."""
        served = self.discovery.served
        for name, resource in self._all.items():
            if name not in served.versions:
                version = served.unknown_versions.get(name)
                resource.not_served(
                    None if version is None else f"served in {version}, which Lens can't read"
                )

    def assess(self, lags: Mapping[str, float]) -> None:
        """Decide which of the watched resources are unseen, by their lags behind pods and nodes."""
        if self._waiting_since is None:
            self._waiting_since = self._clock()
        for resource in self.watched.values():
            resource.assess(lags.get(resource.name, 0.0))
        self._gate.set_open(self._claims.store.synced)

    def _is_overdue(self) -> bool:
        return self._waiting_since is not None and self._clock() - self._waiting_since >= self._grace


def dynamic_allocation(
    ledger: Ledger,
    devices: DeviceState,
    gpus: GpuResources,
    drivers: GpuDrivers,
    metrics: Metrics,
    timeouts: Timeouts,
) -> DynamicAllocation:
    """Return the resources, stored in the ledger and in the fit engine's state."""
    gate, stores = Gate(ledger.put_slice), DeviceStores(devices)
    nothing: dict[PodKey, None] = {}
    common = (metrics, timeouts.grace, timeouts.forbidden)
    return DynamicAllocation(
        OptionalResource(
            "resourceclaims",
            "ResourceClaim",
            claim_decoder(drivers, claim_for_fit),
            Store(ledger.claims, ledger.put_claim),
            *common,
            fit_store=stores.claims,
        ),
        OptionalResource(
            "resourceslices",
            "ResourceSlice",
            slice_decoder(drivers, gate.objects, slice_for_fit),
            Store(gate.objects, gate.put),
            *common,
            fit_store=stores.slices,
        ),
        gate,
        (
            OptionalResource(
                "deviceclasses",
                "DeviceClass",
                device_class_decoder(drivers, gpus, class_for_fit),
                Store(ledger.device_classes, ledger.put_device_class),
                *common,
                fit_store=stores.classes,
            ),
            OptionalResource(
                "devicetaintrules",
                "DeviceTaintRule",
                taint_rule_decoder(rule_for_fit),
                Store(ledger.taint_rules, ledger.put_taint_rule),
                *common,
                fit_store=stores.rules,
            ),
        ),
        OptionalResource(
            "resourceclaimtemplates",
            "ResourceClaimTemplate",
            bare_decoder(template_for_fit),
            Store(nothing, lambda _key, _value: None),
            *common,
            what="in no answer of fit",
            fit_store=stores.templates,
        ),
        timeouts,
        metrics,
    )
