"""The pools of devices that a node may use: the newest generation, whole and valid, or what is wrong with it.

Source: k8s.io/dynamic-resource-allocation v0.37, structured/internal/incubating, pools_incubating.go. There a
pool is what one node sees of it: if the node's own slices are as many as one of them says, no other is looked
at, and names have to differ only among these. Which slice says it is chance: a lister has no order.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Literal
from weakref import WeakValueDictionary

from lens.model.fit.dra.devices import Device
from lens.model.fit.dra.slices import Slice
from lens.model.inventory.objects.claim import PoolKey
from lens.model.k8s.quantity import Exact

CounterSets = Mapping[str, Mapping[str, Exact]]

Flaw = Literal["incomplete", "invalid", "contradictory"]
"""Why a pool's devices aren't allocated, or, of a contradictory one, may or may not be: by chance."""


class PoolKind:
    """What pools share whose devices are of the same kinds, in the same order.

    There is one object for all these pools, as long as there is one of them.
    """

    __slots__ = ("__weakref__",)


_kinds: WeakValueDictionary[Hashable, PoolKind] = WeakValueDictionary()


class Pool:
    """A pool as one node sees it.

    ``devices`` are those that the node may use, in the order in which they are tried; some of them may be for
    other nodes, if ``is_divided``. ``elsewhere`` are those of other nodes, which draw on the same counters.
    """

    def __init__(
        self,
        key: PoolKey,
        slices: Sequence[Slice] = (),
        elsewhere: Sequence[Slice] = (),
        counter_sets: CounterSets | None = None,
        *,
        flaw: Flaw | None = None,
    ) -> None:
        """Take the slices with devices of the node, and those of others."""
        self.key = key
        self.slices, self.other_slices = slices, elsewhere
        self.counter_sets: CounterSets = counter_sets or {}
        self.flaw = flaw
        self.is_divided = any(each.per_device for each in slices)
        """Whether some of its devices may be for other nodes."""

        self.last = any(kind.conditions for each in slices for kind, _ in each.kinds)
        """Whether its devices are tried after all others: some have binding conditions."""

        self.shapes: dict[object, object] = {}
        """Its shape for each kind of claims."""

    @cached_property
    def devices(self) -> Sequence[tuple[Device, Slice]]:
        """The devices, each with its slice."""
        return [(device, each) for each in self.slices for device in each.devices]

    @cached_property
    def elsewhere(self) -> Sequence[Device]:
        """The devices of other nodes."""
        return [device for each in self.other_slices for device in each.devices]

    @cached_property
    def kind(self) -> PoolKind | None:
        """Its kind; None for a pool that other nodes have a part of."""
        if self.other_slices or self.is_divided:
            return None
        counters = tuple(
            (name, tuple(sorted(counters.items()))) for name, counters in sorted(self.counter_sets.items())
        )
        of_devices = tuple([kind for each in self.slices for kind, _ in each.kinds])
        key = self.key.driver, self.flaw, counters, of_devices
        kind = _kinds.get(key)
        if kind is None:
            kind = _kinds[key] = PoolKind()
        return kind

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The place of each device by its name."""
        names = (name for each in self.slices for name, _, _ in each.own)
        return {name: place for place, name in enumerate(names)}

    @property
    def offers(self) -> bool:
        """Return whether its devices can be allocated."""
        return self.flaw is None


def gather_pools(
    name: str,
    labels: Mapping[str, str],
    slices: Iterable[Slice],
    of_pools: Mapping[PoolKey, Sequence[Slice]],
) -> tuple[Pool, ...]:
    """Return a node's pools in the order in which they are tried.

    ``slices`` are those that may be for the node, ``of_pools`` all slices of each pool.
    """
    relevant: dict[PoolKey, list[Slice]] = {}
    for each in slices:
        if each.groups or not _is_relevant(each, name, labels):
            continue
        known = relevant.get(each.key)
        if known is None or each.generation > known[0].generation:
            relevant[each.key] = [each]
        elif each.generation == known[0].generation:
            known.append(each)
    found = []
    for key, own in relevant.items():
        pool = _pool(key, own, of_pools.get(key, own))
        if pool is not None:
            found.append(pool)
    return tuple(sorted(found, key=lambda pool: (pool.last, pool.key)))


def _is_relevant(each: Slice, name: str, labels: Mapping[str, str]) -> bool:
    if each.nodes.is_any:
        return each.nodes.matches(name, labels)
    return each.per_device and any(nodes.matches(name, labels) for _, nodes in each.kinds)


def _pool(key: PoolKey, own: list[Slice], of_pool: Sequence[Slice]) -> Pool | None:
    """Return a pool of the slices that a node may use; None if a newer generation has none for it."""
    own.sort(key=lambda each: each.name)
    counts = {each.count for each in own}
    found = [_pool_of(key, own, of_pool, count) for count in sorted(counts)]
    flaws = {each and each.flaw for each in found if each is None or not each.offers}
    if len(found) == 1 or (len(flaws) == 1 and not any(each is not None and each.offers for each in found)):
        return found[0]
    whole = next((each for each in found if each is not None and each.offers), Pool(key))
    return Pool(key, whole.slices, whole.other_slices, whole.counter_sets, flaw="contradictory")


def _pool_of(key: PoolKey, own: Sequence[Slice], of_pool: Sequence[Slice], count: int) -> Pool | None:
    """Return a pool that has so many slices."""
    others: list[Slice] = []
    if len(own) != count:
        generation = own[0].generation
        if any(each.generation > generation for each in of_pool):
            return None
        current = [each for each in of_pool if each.generation == generation and not each.groups]
        if len(current) != count:
            return Pool(key, flaw="incomplete")
        own_names = {each.name for each in own}
        others = [each for each in current if each.name not in own_names]
    listing = [each for each in own if not each.counter_sets]
    elsewhere = [each for each in others if not each.counter_sets]
    names = [name for each in listing for name, _, _ in each.own]
    if len(set(names)) < len(names):
        return Pool(key, flaw="invalid")
    counter_sets: dict[str, Mapping[str, Exact]] = {}
    for each in (*own, *others):
        for counter_set, counters in each.counter_sets:
            if counter_set in counter_sets:
                return Pool(key, flaw="invalid")
            counter_sets[counter_set] = dict(counters)
    for each in (*listing, *elsewhere):
        for kind, _ in each.kinds:
            for counter_set, counters in kind.consumes:
                there = counter_sets.get(counter_set)
                if there is None or any(counter not in there for counter, _ in counters):
                    return Pool(key, flaw="invalid")
    return Pool(key, listing, elsewhere, counter_sets)


def overlap(of_pool: Sequence[Slice]) -> bool:
    """Return whether slices of several nodes list the same device of a pool, or draw on the same counters.

    To kube-scheduler devices of one name in one pool are one device, whichever nodes list it.
    """
    if len({each.nodes.node for each in of_pool}) < 2:
        return False
    node_of: dict[tuple[str, str], str] = {}
    return any(
        node_of.setdefault(mark, each.nodes.node) != each.nodes.node
        for each in of_pool
        for mark in chain(
            (("device", name) for name, _, _ in each.own),
            (("counters", counter_set) for kind, _ in each.kinds for counter_set, _ in kind.consumes),
        )
    )
