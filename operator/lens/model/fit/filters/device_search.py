"""The search for the devices of a pod's claims on one node: which it gets, and how often they can be had."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from lens.model.fit.deadline import Check
from lens.model.fit.dra.allocation.allocator import Allocator
from lens.model.fit.dra.allocation.results import (
    AllocationError,
    ContradictionError,
    Named,
    NodeError,
    Offer,
    Result,
    SearchError,
)
from lens.model.fit.dra.capacity import CapacityError
from lens.model.fit.dra.cel.tokens import UnsupportedError
from lens.model.fit.dra.holding import Holding
from lens.model.fit.dra.pools import Pool, PoolKind
from lens.model.fit.dra.state import Devices
from lens.model.fit.filters.rejection import Rejection, rejection
from lens.model.fit.state import FleetNode
from lens.model.inventory.objects.claim import DeviceKey, PoolKey

CANNOT_ALLOCATE = rejection("claims", "cannot allocate all claims")
INVALID_POOLS = rejection("invalid_pools", "invalid resource pools were encountered")

UNEVALUATED, UNSEARCHED, CONTRADICTED = "device_selectors", "device_search", "device_pools"
"""What keeps it unknown whether a node fits: a selector that can't be evaluated, a search that is too long,
and slices that contradict each other."""

_UNKNOWN = rejection("unknown", "what the claims ask for can't be decided")


class FatalError(Exception):
    """Why kube-scheduler rejects the pod, whatever other nodes have."""


class UnknownError(Exception):
    """What the claims ask for can't be decided."""


class Place(NamedTuple):
    """A device of a node, by its pool's place and its own."""

    pool: int
    device: int


class Outcome(msgspec.Struct, frozen=True):
    """What nodes of one signature have for the next replica: for each claim devices with what they give."""

    rejection: Rejection | None = None
    results: tuple[tuple[tuple[Place, Result], ...], ...] = ()
    fatal: str | None = None


class DeviceSearch:
    """Searches on one node after another, beside what is held.

    ``unknown`` has what kept it from deciding about a node, and whether that may reject the pod on all nodes.
    """

    def __init__(self, devices: Devices, check_time: Check) -> None:
        """Start with what claims hold."""
        self._check_time = check_time
        self.holding = Holding(base=devices.holding)
        """What is held, also by the replicas that the caller adds."""
        self.offer = Offer(devices.classes, devices.rules, self.holding, {})
        self.unknown: dict[str, bool] = {}
        self._alike: dict[tuple[PoolKind | None, ...], Sequence[frozenset[int]] | None] = {}

    def allocate(self, node: FleetNode, pools: Sequence[Pool], claims: Sequence[Named]) -> Outcome:
        """Return the devices that the claims of one replica get on a node with these pools."""
        return self._allocate(node, pools, claims, self.offer)

    def room(self, node: FleetNode, pools: Sequence[Pool], claims: Sequence[Named], most: int) -> int:
        """Return for how many more replicas there are devices, up to ``most``.

        Raise FatalError, or UnknownError where that can't be decided.
        """
        times = self.times(node, pools, claims)
        if times is not None:
            return min(most, times)
        holding = self.holding.of_pools(pool.key for pool in pools)
        offer = self.offer._replace(holding=holding)
        for number in range(most):
            found = self._allocate(node, pools, claims, offer)
            if found.fatal is not None:
                raise FatalError(found.fatal)
            if found.rejection is _UNKNOWN:
                raise UnknownError
            if found.rejection is not None or not claims:
                return most if found.rejection is None else number
            holding.add(
                held
                for results in found.results
                for _, result in results
                if (held := result.held()) is not None
            )
        return most

    def times(self, node: FleetNode, pools: Sequence[Pool], claims: Sequence[Named]) -> int | None:
        """Return how often a replica's only claim can be allocated, where any of its devices will do.

        Return None where that can't be counted.
        """
        kinds = tuple([pool.kind for pool in pools])
        if len(claims) != 1 or None in kinds:
            return None
        if kinds not in self._alike:
            nothing_held = self.offer._replace(holding=Holding())
            allocator = Allocator(node.name, node.labels, pools, nothing_held, self._check_time)
            try:
                self._alike[kinds] = allocator.alike(claims[0])
            except (AllocationError, CapacityError, UnsupportedError, SearchError):
                # Whether the search comes to it depends on what is free.
                self._alike[kinds] = None
        of_pools = self._alike[kinds]
        if of_pools is None:
            return None
        free = 0
        for pool, places in zip(pools, of_pools, strict=True):
            free += len(places)
            positions = pool.positions
            for name, held in self.holding.in_pool(pool.key).items():
                if not held.whole:
                    return None
                free -= positions.get(name) in places
        return free // claims[0].spec.requests[0].alternatives[0].count

    def _allocate(
        self, node: FleetNode, pools: Sequence[Pool], claims: Sequence[Named], offer: Offer
    ) -> Outcome:
        allocator = Allocator(node.name, node.labels, pools, offer, self._check_time)
        try:
            results = allocator.allocate(claims)
        except AllocationError as error:
            return Outcome(fatal=f'running "DynamicResources" filter plugin: {error}')
        except NodeError:
            return Outcome(INVALID_POOLS)
        except (UnsupportedError, SearchError) as error:
            self.unknown[UNEVALUATED if isinstance(error, UnsupportedError) else UNSEARCHED] = True
            return Outcome(_UNKNOWN)
        except ContradictionError as error:
            self.unknown[CONTRADICTED] = error.fatal or self.unknown.get(CONTRADICTED, False)
            return Outcome(_UNKNOWN)
        if results is None:
            return Outcome(CANNOT_ALLOCATE)
        places = {pool.key: place for place, pool in enumerate(pools)}
        return Outcome(
            results=tuple(
                tuple((_place_of(pools, places, each), each) for each in of_claim) for of_claim in results
            )
        )


def _place_of(pools: Sequence[Pool], places: Mapping[PoolKey, int], result: Result) -> Place:
    pool = places[PoolKey(result.key.driver, result.key.pool)]
    return Place(pool, pools[pool].positions[result.key.device])


def result_at(pools: Sequence[Pool], place: Place, result: Result) -> Result:
    """Return a result with the device at its place on another node, which has these pools."""
    pool = pools[place.pool]
    device, of_slice = pool.devices[place.device]
    key = DeviceKey(pool.key.driver, pool.key.pool, device.name)
    return result._replace(key=key, device=device, slice=of_slice)
