"""DynamicResources: whether a node has the devices that a pod's claims and extended resources ask for."""

from collections.abc import Hashable, Iterable, Sequence
from functools import cached_property

import msgspec

from lens.model.fit.deadline import Check, no_deadline
from lens.model.fit.dra.allocation.results import Named, Result
from lens.model.fit.dra.devices import NodeChoice
from lens.model.fit.dra.extended import extended_spec
from lens.model.fit.dra.holding import Held, Holding
from lens.model.fit.dra.objects import FitClaim
from lens.model.fit.dra.shapes import Viewer
from lens.model.fit.dra.signatures import Signature, node_signature
from lens.model.fit.dra.state import Devices
from lens.model.fit.filters.device_search import CANNOT_ALLOCATE, DeviceSearch, FatalError, Outcome, result_at
from lens.model.fit.filters.pod_claims import Allocation, PodClaim, find_claims
from lens.model.fit.filters.rejection import Filter, Rejection, Tally, rejection
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.state import Fleet, FleetNode

NOT_HERE = rejection("claim_elsewhere", "resourceclaim not available on the node")

EXTENDED = "<extended-resources>"
"""The claim that kube-scheduler makes for extended resources, before it is created."""

UNBOUND, LEFTOVER = "device_bindings", "leftover_claim"
"""What keeps it unknown whether the pod fits: an allocated device that waits for its binding conditions
(after 600 s it is released), and the claim that an earlier attempt made for the pod's extended resources: the
next attempt fails, kube-scheduler deletes the claim, and tries again (``filterExtendedResources``)."""


class _Found(msgspec.Struct, frozen=True):
    """What a node has for the next replica; ``waiting`` is None where it isn't known yet which devices."""

    outcome: Outcome
    waiting: Sequence[PodClaim] | None = ()
    rejection: Rejection | None = None


_NOTHING_NEEDED = _Found(Outcome())


class DeviceFilter(Filter):
    """DynamicResources, for one pod and one fleet.

    ``not_enqueued`` is why the scheduler doesn't even try the pod, ``rejected`` why no node can take it.
    ``unknown`` has what kept it from deciding about a node, and whether that may reject the pod on all nodes.
    """

    def __init__(self, asked: AskedPod, devices: Devices, check_time: Check = no_deadline) -> None:
        """Find the pod's claims, and what serves its extended resources."""
        self._devices = devices
        self._check_time = check_time
        self._asked = asked
        self._search = DeviceSearch(devices, check_time)
        self._found: dict[str, _Found] = {}
        self._found_by_signature: dict[Signature, _Found] = {}
        self._placed_on: set[str] = set()
        self._outcomes: dict[tuple[tuple[str, ...], Hashable], Outcome] = {}
        self._asked_for: dict[tuple[str, ...], tuple[Sequence[PodClaim], Sequence[Named], Viewer]] = {}
        self.unknown = self._search.unknown
        self.given: list[tuple[str, ...]] = []
        """The devices of each replica that is placed."""
        self.extended = tuple(name for name, _ in asked.request if name in devices.serving)
        """The extended resources that claims may serve."""
        found = find_claims(asked, devices)
        self.not_enqueued, self.rejected = found.not_enqueued, found.rejected
        self._claims: Sequence[PodClaim] = found.claims
        if found.unbound:
            self.unknown[UNBOUND] = True
        if asked.leftover is not None and self.extended:
            name, uid = asked.leftover
            stored = devices.claims.get((asked.namespace, name))
            if stored is not None and stored.owner == uid:
                self.unknown[LEFTOVER] = True
        self.uses_shared = devices.are_shared
        """Whether what one node gives may be missing on another one."""

    @property
    def applies(self) -> bool:
        """Return whether there is anything to check."""
        return bool(self._claims or self.extended or self.not_enqueued or self.rejected)

    @cached_property
    def compares_signatures(self) -> bool:
        """Return whether nodes of one signature have the same for the pod, also as replicas are placed."""
        return (
            not self.extended
            and not self.uses_shared
            and all(claim.key is None and claim.allocated is None for claim in self._claims)
            and self._asked_with(())[2].compares_signatures
        )

    def room(self, node: FleetNode, most: int) -> int:
        """Return how many more replicas get devices on a node, up to ``most``, where ``compares_signatures``.

        Raise FatalError, or UnknownError where that can't be decided.
        """
        pools = self._devices.pools(node.name, node.labels)
        return self._search.room(node, pools, self._asked_with(())[1], most)

    def filter_nodes(self, positions: Sequence[int], fleet: Fleet, tally: Tally) -> Sequence[int]:
        """Return the positions of the nodes that the pod can go to, and tally what rejects the others."""
        if not self.compares_signatures or self._placed_on:
            return super().filter_nodes(positions, fleet, tally)
        nodes, signatures = fleet.nodes, fleet.signatures
        verdicts: dict[Signature, Rejection | None] = {}
        left = []
        for position in positions:
            signature = signatures[position]
            if signature is None:
                rejected = self.check(nodes[position])
            elif signature in verdicts:
                rejected = verdicts[signature]
            else:
                rejected = verdicts[signature] = self.check(nodes[position])
            if rejected is None:
                left.append(position)
            else:
                tally.add(rejected)
        return left

    def is_served(self, resource: str, node: FleetNode) -> bool:
        """Return whether a claim serves a resource on a node, rather than a device plugin."""
        return resource in self.extended and node.allocatable.get(resource, 0) <= 0

    def check(self, node: FleetNode, nominated: Sequence[FitPod] = ()) -> Rejection | None:
        """Return why the pod can't go to a node, or None if it can.

        Raise FatalError if kube-scheduler rejects the pod.
        """
        found = self._found.get(node.name)
        if found is None:
            found = self._found[node.name] = self._find_by_signature(node) or self._find(node)
        if found.outcome.fatal is not None:
            raise FatalError(found.outcome.fatal)
        return found.outcome.rejection or found.rejection

    def place(self, node: FleetNode) -> bool:
        """Give the devices that were found on a node to a replica.

        Return whether a node that was rejected may fit since: replicas share the claims that they name.
        """
        found = self._found[node.name]
        if found.waiting is None:
            found = self._find(node)
        pools = self._devices.pools(node.name, node.labels)
        lifts = False
        given: list[str] = []
        held: list[Held] = []
        for claim, results in zip(found.waiting or (), found.outcome.results, strict=True):
            here = [result_at(pools, place, result) for place, result in results]
            held += (each for result in here if (each := result.held()) is not None)
            given += ("/".join(result.key) for result in here)
            if claim.key is not None:
                lifts = True
                self._allocate_shared(claim, here, node)
        self._search.holding.add(held)
        self._placed_on.add(node.name)
        self.given.append(tuple(given))
        if lifts or self.uses_shared:
            self._found.clear()
        else:
            del self._found[node.name]
        return lifts

    def left(self) -> Devices:
        """Return the devices as the placed replicas leave them."""
        if not self.given:
            return self._devices
        claims = dict(self._devices.claims)
        for claim in self._claims:
            if claim.key is not None and claim.allocated is not None:
                namespace, name = claim.key
                stored = claims.get(claim.key) or FitClaim(namespace, name, claim.spec)
                if not stored.allocated:
                    claims[claim.key] = msgspec.structs.replace(
                        stored, allocated=True, node_choices=claim.allocated.nodes
                    )
        return msgspec.structs.replace(
            self._devices, claims=claims, holding=Holding(self._search.holding), signatures={}
        )

    def _allocate_shared(self, claim: PodClaim, results: Iterable[Result], node: FleetNode) -> None:
        nodes: list[NodeChoice] = []
        for each in results:
            choice = each.device.nodes if each.slice.per_device else each.slice.nodes
            if choice.node or each.device.kind.binds:
                nodes = [NodeChoice(node.name)]
                break
            if choice.selector is not None and not choice.all_nodes:
                nodes.append(choice)
        allocated = Allocation(tuple(nodes))
        self._claims = [
            msgspec.structs.replace(each, allocated=allocated) if each.key == claim.key else each
            for each in self._claims
        ]
        self._asked_for.clear()
        self._outcomes.clear()

    # Nodes

    def _find_by_signature(self, node: FleetNode) -> _Found | None:
        """Return what the first searched node of the same signature has; None without a signature."""
        if not self.compares_signatures or node.name in self._placed_on:
            return None
        signature = self._devices.signature(node.name)
        if signature is None:
            return None
        found = self._found_by_signature.get(signature)
        if found is None:
            pools = self._devices.pools(node.name, node.labels)
            times = self._search.times(node, pools, self._asked_with(())[1])
            if times is None:
                found = self._find(node)
            else:
                found = _Found(Outcome(None if times else CANNOT_ALLOCATE), None)
            self._found_by_signature[signature] = found
        return found

    def _find(self, node: FleetNode) -> _Found:
        served = tuple([name for name in self.extended if self.is_served(name, node)])
        if not self._claims and not served:
            return _NOTHING_NEEDED
        unavailable = any(
            claim.allocated is not None and not claim.allocated.is_for(node) for claim in self._claims
        )
        waiting, named, viewer = self._asked_with(served)
        if not waiting:
            return _Found(Outcome(), rejection=NOT_HERE if unavailable else None)
        pools = self._devices.pools(node.name, node.labels)
        seen: Hashable | None
        if not viewer.compares_signatures:
            seen = viewer.of_node(pools, self._search.holding)
        elif self.uses_shared or node.name in self._placed_on:
            seen = node_signature(pools, self._search.holding)
        else:
            seen = self._devices.signature(node.name)
        outcome = self._outcomes.get((served, seen)) if seen is not None else None
        if outcome is None:
            self._check_time()
            outcome = self._search.allocate(node, pools, named)
            self._outcomes[served, seen] = outcome
        return _Found(outcome, waiting, NOT_HERE if unavailable else None)

    def _asked_with(self, served: tuple[str, ...]) -> tuple[Sequence[PodClaim], Sequence[Named], Viewer]:
        """Return the claims to allocate on nodes where claims serve some extended resources."""
        known = self._asked_for.get(served)
        if known is None:
            waiting = [claim for claim in self._claims if claim.allocated is None]
            if served:
                spec = extended_spec(self._asked.containers, served, self._devices.serving)
                waiting.append(PodClaim(f"{self._asked.namespace}/{EXTENDED}", None, spec))
            named = [Named(claim.title, claim.spec) for claim in waiting]
            known = self._asked_for[served] = waiting, named, Viewer(named, self._search.offer)
        return known
