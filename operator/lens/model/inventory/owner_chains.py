"""The owners above each pod: each owner's controller as it was last read, followed up to the top.

An owner is kept as long as a pod is below it. Only reading it again shows a change, so each has a time at
which it is due.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from types import MappingProxyType
from typing import Literal

import msgspec

from lens.model.inventory.pod import Controller, Pod, Workload

DEEPEST = 16
"""Owners above a pod that are followed. A worker of a LeaderWorkerSet has four, one of them a pod."""

MOST = 50_000
"""Owners that are kept. Beyond it others wait until some are gone."""

KEPT_SECONDS = 300.0
"""How long a reading is good for: an owner may be adopted, or left behind by its controller."""

TOUCHED_SECONDS = 30.0
"""The same when pods have come or gone meanwhile."""

Reason = Literal[
    "UNREAD", "FORBIDDEN", "GONE", "UNKNOWN_KIND", "UNREACHABLE", "UNREADABLE", "CYCLE", "TOO_DEEP"
]
"""Why a workload may not be the top of its chain."""


class OwnerChain(msgspec.Struct, frozen=True, gc=False):
    """How far a chain of controllers is known. ``workload`` is its last known step.

    It is None where nothing is known beyond the pod itself. ``reason`` is None for a chain that is known to
    its top, and as it was last read.
    """

    workload: Workload | None
    reason: Reason | None


OwnerChains = Mapping[Controller, OwnerChain]
"""By the direct controller of pods."""

NO_OWNER_CHAINS: OwnerChains = MappingProxyType({})


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
    """An owner: what its last readings told, and what was followed through it."""

    read_at: float
    parent: Controller | None = None
    reason: Reason | None = "UNREAD"
    due: float = math.inf
    pods: int = 0
    below: set[Controller] = field(default_factory=set)


class OwnerTracker:
    """Takes pods and what was read of owners; gives owners to read, and chains. One writer; times in s."""

    def __init__(self, most: int = MOST) -> None:
        """Start without pods. At ``most`` so many owners are kept."""
        self._most = most
        self._owners: dict[Controller, _Owner] = {}
        self._waiting: dict[Controller, int] = {}
        self._dues: list[tuple[float, int, Controller]] = []
        self._order = itertools.count()
        self._owner_chains: dict[Controller, OwnerChain] = {}
        self._published = NO_OWNER_CHAINS
        self._changed = False

    def update_pods(self, before: Iterable[Pod], after: Iterable[Pod], now: float) -> None:
        """Replace some pods by others."""
        come: dict[Controller, int] = {}
        for pods, sign in ((after, 1), (before, -1)):
            for pod in pods:
                if pod.controller is not None:
                    come[pod.controller] = come.get(pod.controller, 0) + sign
        for controller, count in come.items():
            if count:
                self._count(controller, count, now)

    def due(self, now: float) -> Iterator[Controller]:
        """Take out the owners that are to be read by now; each is due again once it was read or failed."""
        while self._dues and self._dues[0][0] <= now:
            due, _, controller = heappop(self._dues)
            owner = self._owners.get(controller)
            if owner is not None and owner.due == due:
                owner.due = math.inf
                yield controller

    def set_parent(self, controller: Controller, parent: Controller | None, now: float) -> None:
        """Set who controls an owner, as it was read now; None for the top of a chain."""
        owner = self._owners.get(controller)
        if owner is None:
            return
        before, was_sure = owner.parent, owner.reason is None
        owner.parent, owner.reason, owner.read_at = parent, None, now
        self._plan(controller, owner, now + KEPT_SECONDS)
        # There may have been no room for the parent until now.
        if not was_sure or before != parent or (parent is not None and parent not in self._owners):
            self._renew(controller, now)
        if before is not None and before != parent:
            self._let_go(before, controller, now)

    def set_error(self, controller: Controller, reason: Reason, now: float, again: float) -> None:
        """Set why an owner can't be read; what was known of it stays. It is due ``again`` then."""
        owner = self._owners.get(controller)
        if owner is None:
            return
        owner.read_at = now
        self._plan(controller, owner, again)
        if owner.reason != reason:
            owner.reason = reason
            self._renew(controller, now)

    def owner_chains(self) -> OwnerChains:
        """Return what is known now: the same object as before when nothing has changed."""
        if self._changed:
            self._changed = False
            self._published = MappingProxyType(dict(self._owner_chains))
        return self._published

    def _count(self, controller: Controller, count: int, now: float) -> None:
        """Add so many pods to a controller's, or take them away."""
        owner = self._owners.get(controller)
        if owner is None:
            pods = self._waiting.pop(controller, 0) + count
            if len(self._owners) >= self._most:
                if pods:
                    self._waiting[controller] = pods
                return
            owner = self._owners[controller] = _Owner(now)
            self._plan(controller, owner, now)
            count = pods
        elif owner.due > owner.read_at + TOUCHED_SECONDS and owner.due != math.inf:
            self._plan(controller, owner, owner.read_at + TOUCHED_SECONDS)
        owner.pods += count
        if owner.pods:
            self._follow(controller, now)
        else:
            if self._owner_chains.pop(controller, None) is not None:
                self._changed = True
            self._release(controller, now)

    def _plan(self, controller: Controller, owner: _Owner, due: float) -> None:
        owner.due = due
        heappush(self._dues, (due, next(self._order), controller))

    def _renew(self, controller: Controller, now: float) -> None:
        """Follow the chains anew that lead through an owner."""
        for below in list(self._from(controller)):
            if self._owners[below].pods:
                self._follow(below, now)

    def _follow(self, controller: Controller, now: float) -> None:
        """Go up from a pod's controller as far as it is known, and have the next step read."""
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
            if len(path) == DEEPEST:
                step, reason = parent, reason or "TOO_DEEP"
                break
            above = self._owners.get(parent)
            if above is None and len(self._owners) < self._most:
                above = self._owners[parent] = _Owner(now)
                self._plan(parent, above, now)
            if above is not None:
                above.below.add(step)
            step = parent
            path.add(step)
        known = reason is None or step is not controller
        chain = OwnerChain(Workload(step.kind, step.name) if known else None, reason)
        if self._owner_chains.get(controller) != chain:
            self._owner_chains[controller] = chain
            self._changed = True

    def _from(self, controller: Controller) -> Iterator[Controller]:
        """Go through an owner and all that was followed up to it, as far as is asked for."""
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

    def _let_go(self, parent: Controller, controller: Controller, now: float) -> None:
        """Take note that an owner is no longer controlled by another."""
        above = self._owners.get(parent)
        if above is not None:
            above.below.discard(controller)
            self._release(parent, now)

    def _release(self, controller: Controller, now: float) -> None:
        """Forget an owner that no pod stands below any more, and so on upwards; let others take the room."""
        step: Controller | None = controller
        while step is not None and step in self._owners:
            if any(self._owners[below].pods for below in self._from(step)):
                break
            parent = self._owners.pop(step).parent
            if parent in self._owners:
                self._owners[parent].below.discard(step)
            step = parent
        while self._waiting and len(self._owners) < self._most:
            waiting, pods = next(iter(self._waiting.items()))
            del self._waiting[waiting]
            self._count(waiting, pods, now)
