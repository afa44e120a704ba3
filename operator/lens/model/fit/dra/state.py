"""The objects of dynamic resource allocation, updated change by change, and immutable views of them."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from operator import is_
from typing import Any

import msgspec

from lens.model.fit.dra.holding import Holding
from lens.model.fit.dra.objects import FitClaim, FitClass, FitTaintRule
from lens.model.fit.dra.pools import Pool, gather_pools, overlap
from lens.model.fit.dra.signatures import Signature, node_signature
from lens.model.fit.dra.slices import Slice
from lens.model.fit.spec.claims import ClaimSpec
from lens.model.groups import Groups
from lens.model.inventory.objects.claim import AllocatedDevice, PoolKey
from lens.model.k8s.gpu_resources import CLASS_PREFIX

ClaimKey = tuple[str, str]
"""A namespace and a name."""


class Devices(msgspec.Struct, frozen=True):
    """The devices of one moment, and the claims on them.

    ``serving`` is the class that serves each extended resource. ``local`` has the slices of each node,
    ``shared`` all others. ``overlapping`` are the pools that ``overlap``. ``unreadable`` is the number of
    objects that can't be read. ``pools_of`` and ``signatures`` are those of nodes with slices, as far
    as they were needed.
    """

    claims: Mapping[ClaimKey, FitClaim] = {}
    classes: Mapping[str, FitClass] = {}
    templates: Mapping[ClaimKey, ClaimSpec] = {}
    rules: tuple[FitTaintRule, ...] = ()
    serving: Mapping[str, str] = {}
    holding: Holding = Holding()
    local: Mapping[str, Sequence[Slice]] = {}
    shared: Sequence[Slice] = ()
    of_pools: Mapping[PoolKey, Sequence[Slice]] = {}
    overlapping: frozenset[PoolKey] = frozenset()
    unreadable: int = 0
    pools_of: dict[str, tuple[tuple[Sequence[Slice], ...], tuple[Pool, ...]]] = {}
    signatures: dict[str, Signature | None] = {}

    @property
    def are_shared(self) -> bool:
        """Return whether what one node gives may be missing on another one."""
        return bool(self.shared or self.overlapping)

    def signature(self, node: str) -> Signature | None:
        """Return a node's signature; None if it can't be compared with others."""
        if self.shared:
            return None
        if node not in self.local:
            # A caller may name any node, and nodes come and go. Only slices show that one is gone.
            return node_signature((), self.holding)
        try:
            return self.signatures[node]
        except KeyError:
            found = self.signatures[node] = node_signature(self.pools(node, {}), self.holding)
            return found

    def pools(self, node: str, labels: Mapping[str, str]) -> tuple[Pool, ...]:
        """Return a node's pools in the order in which they are tried."""
        local = self.local.get(node, ())
        if self.shared:
            return gather_pools(node, labels, (*local, *self.shared), self.of_pools)
        if not local:
            return ()
        made_of = (local, *(self.of_pools.get(each.key, ()) for each in local))
        known = self.pools_of.get(node)
        if known is not None and len(known[0]) == len(made_of) and all(map(is_, known[0], made_of)):
            return known[1]
        found = gather_pools(node, labels, local, self.of_pools)
        # Later views share this, and have most of these slices too.
        self.pools_of[node] = made_of, found
        return found


NO_DEVICES = Devices()


class DeviceState:
    """All objects of resource.k8s.io. It has one writer."""

    def __init__(self) -> None:
        """Start empty."""
        self.claims: dict[ClaimKey, FitClaim] = {}
        self.classes: dict[str, FitClass] = {}
        self.templates: dict[ClaimKey, ClaimSpec] = {}
        self.rules: dict[str, FitTaintRule] = {}
        self.slices: dict[str, Slice] = {}
        self._local = Groups[str, str]()
        self._pools = Groups[PoolKey, str]()
        self._unreadable: set[Hashable] = set()
        self._stale: set[str] = set()
        self._touched_nodes: set[str] = set()
        self._touched_pools: set[PoolKey] = set()
        self._view = NO_DEVICES
        self._held = Groups[PoolKey, ClaimKey]()
        self._touched_holding: set[PoolKey] = set()

    def put_slice(self, name: str, each: Slice | None) -> None:
        """Store a slice; None removes it."""
        self._note_read("slices", name)
        if self.slices.get(name) == each:
            return
        before = self.slices.pop(name, None)
        for changed in (before, each):
            if changed is None:
                continue
            node, key = changed.nodes.node, changed.key
            self._touched_nodes.add(node)
            self._touched_pools.add(key)
            if changed is before:
                self._local.discard(node, name)
                self._pools.discard(key, name)
            else:
                self.slices[name] = changed
                self._local.add(node, name)
                self._pools.add(key, name)
        self._stale.add("slices")

    def put_claim(self, key: ClaimKey, claim: FitClaim | None) -> None:
        """Store a claim; None removes it."""
        self._note_read("claims", key)
        before = self.claims.get(key)
        if before == claim:
            return
        self._stale.add("claims")
        if before is not None and before.allocated:
            for each in before.held:
                pool = PoolKey(each.driver, each.pool)
                self._touched_holding.add(pool)
                self._held.discard(pool, key)
        if claim is None:
            del self.claims[key]
            return
        self.claims[key] = claim
        if claim.allocated:
            for each in claim.held:
                pool = PoolKey(each.driver, each.pool)
                self._touched_holding.add(pool)
                self._held.add(pool, key)

    def put_class(self, name: str, each: FitClass | None) -> None:
        """Store a class; None removes it."""
        self._put("classes", self.classes, name, each)

    def put_template(self, key: ClaimKey, spec: ClaimSpec | None) -> None:
        """Store a claim template; None removes it."""
        self._put("templates", self.templates, key, spec)

    def put_rule(self, name: str, rule: FitTaintRule | None) -> None:
        """Store a taint rule; None removes it."""
        self._put("rules", self.rules, name, rule)

    def put_unreadable(self, kind: str, key: Hashable) -> None:
        """Store that an object can't be read. Its last readable version stays."""
        self._unreadable.add((kind, key))
        self._stale.add("unreadable")

    def view(self) -> Devices:
        """Return the current view; the same object as before if nothing has changed."""
        if not self._stale:
            return self._view
        changes: dict[str, Any] = {"unreadable": len(self._unreadable)}
        touched_holding = self._touched_holding
        if "claims" in self._stale:
            changes["claims"] = dict(self.claims)
            changes["holding"] = self._holding()
        if "classes" in self._stale:
            changes["classes"] = dict(self.classes)
            changes["serving"] = serving(self.classes)
        if "templates" in self._stale:
            changes["templates"] = dict(self.templates)
        if "rules" in self._stale:
            changes["rules"] = tuple(self.rules.values())
        if self._view is NO_DEVICES:
            # All views of a state share one: an entry counts only for the slices that it was made of.
            changes["pools_of"] = {}
        signatures = dict(self._view.signatures)
        if signatures:  # At the start there are none.
            for node in self._changed_signatures(self._touched_pools | touched_holding):
                signatures.pop(node, None)
        changes["signatures"] = signatures
        if "slices" in self._stale:
            changes |= self._slices()
        self._view = msgspec.structs.replace(self._view, **changes)
        self._stale.clear()
        return self._view

    def _changed_signatures(self, pools: Iterable[PoolKey]) -> Iterator[str]:
        """Yield the nodes whose signatures may differ, since these pools or their holders have changed."""
        yield from self._touched_nodes
        for pool in pools:
            for name in self._pools.of(pool):
                yield self.slices[name].nodes.node

    def _holding(self) -> Holding:
        holding = Holding(self._view.holding)
        for pool in self._touched_holding:
            holding.set_pool(pool, self._held_of(pool))
        self._touched_holding = set()
        return holding

    def _held_of(self, pool: PoolKey) -> Iterator[AllocatedDevice]:
        """Yield what claims hold of a pool. A claim holds few devices."""
        for key in self._held.of(pool):
            for each in self.claims[key].held:
                if each.pool == pool.pool and each.driver == pool.driver:
                    yield each

    def _slices(self) -> dict[str, Any]:
        before = self._view
        local, of_pools = dict(before.local), dict(before.of_pools)
        for node in self._touched_nodes - {""}:
            _set(local, node, self._named(self._local.of(node)))
            if node not in local:
                before.pools_of.pop(node, None)
        if len(before.pools_of) > len(local):
            # A reader of an older view may have added again what is gone since.
            for node in list(before.pools_of):
                if node not in local:
                    before.pools_of.pop(node, None)
        overlapping = set(before.overlapping)
        for key in self._touched_pools:
            of_pool = self._named(self._pools.of(key))
            _set(of_pools, key, of_pool)
            (overlapping.add if overlap(of_pool) else overlapping.discard)(key)
        changes: dict[str, Any] = {
            "local": local,
            "of_pools": of_pools,
            "overlapping": frozenset(overlapping),
        }
        if "" in self._touched_nodes:
            changes["shared"] = self._named(self._local.of(""))
        self._touched_nodes, self._touched_pools = set(), set()
        return changes

    def _named(self, names: Iterable[str]) -> tuple[Slice, ...]:
        return tuple([self.slices[name] for name in names])

    def _put(self, kind: str, stored: dict[Any, Any], key: Hashable, value: object) -> None:
        self._note_read(kind, key)
        if stored.get(key) == value:
            return
        self._stale.add(kind)
        if value is None:
            del stored[key]
        else:
            stored[key] = value

    def _note_read(self, kind: str, key: Hashable) -> None:
        if self._unreadable and (kind, key) in self._unreadable:
            self._unreadable.remove((kind, key))
            self._stale.add("unreadable")


def serving(classes: Mapping[str, FitClass]) -> dict[str, str]:
    """Return the class that serves each extended resource: of several the newest, then the first by name."""
    found = {f"{CLASS_PREFIX}{name}": name for name in classes}
    for each in sorted(classes.values(), key=lambda each: (-each.created_at, each.name)):
        if each.extended_resource:
            found.setdefault(each.extended_resource, each.name)
    return found


def _set(index: dict[Any, Any], key: Hashable, entries: tuple[Slice, ...]) -> None:
    if entries:
        index[key] = entries
    else:
        index.pop(key, None)
