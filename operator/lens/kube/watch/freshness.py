"""What is known of the watches besides their objects: up to when they are complete, and what can't be read.

Every publication has it. To read it of all watches would be a quarter of what a publication costs.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from lens.kube.watch.liveness import Liveness
from lens.kube.watch.reflector import Reflector
from lens.kube.watch.resources.dynamic_allocation import DynamicAllocation
from lens.kube.watch.resources.fit_resources import FitResources
from lens.model.cluster_state import StateView
from lens.model.inventory.snapshot import EMPTY
from lens.model.inventory.store import Store

REQUIRED = ("pods", "nodes")
"""The resources without which there are no figures."""

READ_SECONDS = 0.25
"""The time between two readings of the watches' signs of life while objects change."""


class Freshness:
    """What is known, over all runs of kopf. For use in kopf's thread."""

    def __init__(
        self,
        pods: Store[Any, Any],
        nodes: Store[Any, Any],
        dynamic: DynamicAllocation,
        fit_resources: FitResources,
        grace: float,
        clock: Callable[[], float],
    ) -> None:
        """``grace`` is the time in seconds for a resource without which the others are still counted."""
        self._pods = pods
        self._nodes = nodes
        self._dynamic = dynamic
        self._fit_resources = fit_resources
        self._grace = grace
        self._clock = clock
        self.counted = dynamic.names | set(REQUIRED)
        """The resources that figures have."""
        self.view = StateView(snapshot=EMPTY, synced=False, contacts={})
        """What is known, without any figures."""
        self.fit_unseen: Mapping[str, str] = {}
        """The reason, by resource, why a fit doesn't know its objects."""
        self.devices_unseen: Mapping[str, str] = {}
        """The same for those of resource.k8s.io."""
        self._read_at: float | None = None
        self._read_of: Sequence[tuple[float, int]] = ()
        self._contacts: dict[str, float] = {}
        self._confirmed: dict[str, float] = {}
        self._confirmed_beside: dict[str, float] = {}
        self._known_at = 0.0
        self._known_again_at = 0.0

    def update(self, reflectors: Collection[Reflector[Any, Any]], liveness: Liveness) -> None:
        """Read what is known: of pages and of objects that can't be decoded at once, else after a while."""
        now = self._clock()
        of = [(each.page_at, each.skipped) for each in reflectors]
        if of == self._read_of and self._read_at is not None and 0 <= now - self._read_at < READ_SECONDS:
            return
        self._read_at, self._read_of = now, of
        confirmed = liveness.confirmed_at()
        for reflector in reflectors:
            confirmed_at = confirmed[reflector.resource]
            if confirmed_at is None:
                continue
            known = self._confirmed_beside
            if reflector.resource in self.counted and reflector.contact is not None:
                self._contacts[reflector.resource] = reflector.contact
                known = self._confirmed
            # A watch that has just ended stays as current as it was, unless the clock was set back.
            before = known.get(reflector.resource, 0.0)
            known[reflector.resource] = max(confirmed_at, before if before <= now else 0.0)
        synced = self._assess(reflectors)
        skipped = {reflector.resource: reflector.skipped for reflector in reflectors}
        self.fit_unseen = self._fit_resources.unseen(skipped)
        self.devices_unseen = self._dynamic.unseen_by_fit(skipped)
        self.view = StateView(
            snapshot=EMPTY,
            synced=synced,
            contacts=dict(self._contacts),
            confirmed_at=min(self._confirmed.values(), default=None),
            skipped={
                name: number
                for name, number in skipped.items()
                if name not in self._fit_resources and name != self._dynamic.templates.name
            },
            unseen=self._dynamic.unseen,
        )

    def _assess(self, reflectors: Collection[Reflector[Any, Any]]) -> bool:
        """Decide which resources besides pods and nodes are in the figures; return whether there are any."""
        if not (self._pods.synced and self._nodes.synced):
            return self.view.synced
        known_at = min(self._confirmed.get(resource, 0.0) for resource in REQUIRED)
        confirmed = {**self._confirmed_beside, **self._confirmed}
        # After an outage pods and nodes may be back before the others, whose time starts then.
        if not 0 <= known_at - self._known_at < self._grace:
            self._known_again_at = known_at
        self._known_at = known_at
        lags = {
            each.resource: known_at
            - max(each.page_at, confirmed.get(each.resource, 0.0), self._known_again_at)
            for each in reflectors
        }
        self._dynamic.assess(lags)
        self._fit_resources.assess(lags)
        for resource in self._dynamic.uncounted:
            self._contacts.pop(resource, None)
            self._confirmed.pop(resource, None)
        # A resource that is served later isn't in the figures yet, so these stay complete.
        return self.view.synced or self._dynamic.is_resolved
