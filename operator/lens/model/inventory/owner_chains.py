"""The owner chains of pods: each owner's controller as it was last read, followed up to the top.

An owner is kept as long as it has a pod below it. Only another read shows a change, so each owner has a time
at which it is read again.
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Literal

import msgspec

from lens.model.inventory.objects.pod import Controller, Pod, Workload
from lens.model.shards import Shards

MAX_DEPTH = 16
"""The most owners above a pod. A worker of a LeaderWorkerSet has four, one of them a pod."""

MAX_OWNERS = 50_000
"""The most stored owners. Further owners wait until some are removed."""

KEPT_SECONDS = 300.0
"""How long a read is valid: an owner may be adopted or orphaned."""

TOUCHED_SECONDS = 30.0
"""The same for an owner whose pods were added or removed meanwhile."""

Reason = Literal[
    "UNREAD", "FORBIDDEN", "GONE", "UNKNOWN_KIND", "UNREACHABLE", "UNREADABLE", "CYCLE", "TOO_DEEP"
]
"""Why a workload may not be the top of its chain."""


class OwnerChain(msgspec.Struct, frozen=True, gc=False):
    """A chain of controllers, as far as it is known. ``workload`` is its last known owner.

    It is None if nothing is known beyond the pod itself. ``reason`` is None for a chain that is known up to
    its top.
    """

    workload: Workload | None
    reason: Reason | None


OwnerChains = Shards[Controller, OwnerChain]
"""The chains by the pods' direct controllers."""

NO_OWNER_CHAINS: OwnerChains = Shards()


def workload(pod: Pod, owner_chains: OwnerChains) -> tuple[Workload, Reason | None]:
    """Return a pod's workload, and why it may not be the top of the chain."""
    if pod.controller is None:
        return pod.workload, None
    chain = owner_chains.get(pod.controller)
    if chain is None:
        return pod.workload, "UNREAD"
    return chain.workload or pod.workload, chain.reason


@dataclass(slots=True)
class _Owner:
    """An owner: its controller as it was last read, and the owners and pods below it."""

    read_at: float
    parent: Controller | None = None
    reason: Reason | None = "UNREAD"
    due: float = math.inf
    pods: int = 0
    below: set[Controller] = field(default_factory=set)


class OwnerTracker:
    """Tracks pods and their owners, and which owners to read. One writer; times are in seconds."""

    def __init__(self, max_owners: int = MAX_OWNERS) -> None:
        """Start without pods."""
        self._max_owners = max_owners
        self._owners: dict[Controller, _Owner] = {}
        self._waiting: dict[Controller, int] = {}
        self._dues: list[tuple[float, int, Controller]] = []
        self._order = itertools.count()
        self._owner_chains: dict[Controller, OwnerChain] = {}
        self._changes: dict[Controller, OwnerChain | None] = {}
        self._published = NO_OWNER_CHAINS

    def update_pods(self, before: Iterable[Pod], after: Iterable[Pod], now: float) -> Iterator[None]:
        """Replace the pods ``before`` by the pods ``after``, in steps: those of a large cluster take long."""
        added: dict[Controller, int] = {}
        for pods, sign in ((after, 1), (before, -1)):
            for pod in pods:
                if pod.controller is not None:
                    added[pod.controller] = added.get(pod.controller, 0) + sign
                yield
        for controller, count in added.items():
            if count:
                self._add_pods(controller, count, now)
            yield

    def due(self, now: float) -> Iterator[Controller]:
        """Yield the owners to read now. Each is due again only after ``set_parent`` or ``set_error``."""
        while self._dues and self._dues[0][0] <= now:
            due, _, controller = heappop(self._dues)
            owner = self._owners.get(controller)
            if owner is not None and owner.due == due:
                owner.due = math.inf
                yield controller

    def set_parent(self, controller: Controller, parent: Controller | None, now: float) -> None:
        """Set an owner's controller, as it was read now; None for the top of a chain."""
        owner = self._owners.get(controller)
        if owner is None:
            return
        before, was_known = owner.parent, owner.reason is None
        owner.parent, owner.reason, owner.read_at = parent, None, now
        self._schedule(controller, owner, now + KEPT_SECONDS)
        # Until now there may have been no room for the parent.
        if not was_known or before != parent or (parent is not None and parent not in self._owners):
            self._follow_all(controller, now)
        if before is not None and before != parent:
            self._unlink(before, controller, now)

    def set_error(self, controller: Controller, reason: Reason, now: float, due: float) -> None:
        """Set why an owner can't be read; its last known controller stays. It is due again at ``due``."""
        owner = self._owners.get(controller)
        if owner is None:
            return
        owner.read_at = now
        self._schedule(controller, owner, due)
        if owner.reason != reason:
            owner.reason = reason
            self._follow_all(controller, now)

    def owner_chains(self) -> OwnerChains:
        """Return the current chains; the same object as before if nothing has changed."""
        if self._changes:
            self._published = self._published.updated(self._changes)
            self._changes = {}
        return self._published

    def _add_pods(self, controller: Controller, count: int, now: float) -> None:
        """Add ``count`` pods to a controller's, or remove them if it is negative."""
        owner = self._owners.get(controller)
        if owner is None:
            pods = self._waiting.pop(controller, 0) + count
            if len(self._owners) >= self._max_owners:
                if pods:
                    self._waiting[controller] = pods
                return
            owner = self._owners[controller] = _Owner(now)
            self._schedule(controller, owner, now)
            count = pods
        elif owner.due > owner.read_at + TOUCHED_SECONDS and owner.due != math.inf:
            self._schedule(controller, owner, owner.read_at + TOUCHED_SECONDS)
        owner.pods += count
        if owner.pods:
            self._follow(controller, now)
        else:
            if self._owner_chains.pop(controller, None) is not None:
                self._changes[controller] = None
            self._release(controller, now)

    def _schedule(self, controller: Controller, owner: _Owner, due: float) -> None:
        owner.due = due
        heappush(self._dues, (due, next(self._order), controller))

    def _follow_all(self, controller: Controller, now: float) -> None:
        """Follow all chains through an owner again."""
        for below in list(self._all_below(controller)):
            if self._owners[below].pods:
                self._follow(below, now)

    def _follow(self, controller: Controller, now: float) -> None:
        """Follow a chain up from a pod's controller, and schedule a read of its next unknown owner."""
        step = controller
        path = {step}
        reason: Reason | None = None
        while True:
            owner = self._owners.get(step)
            reason = reason or ("UNREAD" if owner is None else owner.reason)
            if owner is None or owner.parent is None:
                break
            parent = owner.parent
            if parent in path:
                reason = reason or "CYCLE"
                break
            if len(path) == MAX_DEPTH:
                step, reason = parent, reason or "TOO_DEEP"
                break
            above = self._owners.get(parent)
            if above is None and len(self._owners) < self._max_owners:
                above = self._owners[parent] = _Owner(now)
                self._schedule(parent, above, now)
            if above is not None:
                above.below.add(step)
            step = parent
            path.add(step)
        known = reason is None or step is not controller
        chain = OwnerChain(Workload(step.kind, step.name) if known else None, reason)
        if self._owner_chains.get(controller) != chain:
            self._owner_chains[controller] = self._changes[controller] = chain

    def _all_below(self, controller: Controller) -> Iterator[Controller]:
        """Yield an owner and all owners below it, lazily."""
        found: set[Controller] = set()
        left: list[Iterator[Controller]] = [iter((controller,))]
        while left:
            for step in left[-1]:
                if step not in found:
                    found.add(step)
                    yield step
                    left.append(iter(self._owners[step].below))
                    break
            else:
                left.pop()

    def _unlink(self, parent: Controller, controller: Controller, now: float) -> None:
        """Remove an owner from those below its former controller."""
        above = self._owners.get(parent)
        if above is not None:
            above.below.discard(controller)
            self._release(parent, now)

    def _release(self, controller: Controller, now: float) -> None:
        """Remove an owner without pods below it, and those above it likewise; then add waiting owners."""
        step: Controller | None = controller
        while step is not None and step in self._owners:
            if any(self._owners[below].pods for below in self._all_below(step)):
                break
            parent = self._owners.pop(step).parent
            if parent in self._owners:
                self._owners[parent].below.discard(step)
            step = parent
        while self._waiting and len(self._owners) < self._max_owners:
            waiting, pods = next(iter(self._waiting.items()))
            del self._waiting[waiting]
            self._add_pods(waiting, pods, now)
