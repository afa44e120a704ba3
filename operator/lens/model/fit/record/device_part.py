"""The objects of resource.k8s.io that matter to a pod on a node, and whether they have changed meanwhile."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

import msgspec

from lens.model.fit.dra.holding import HeldDevice
from lens.model.fit.dra.objects import FitClaim, FitClass, FitTaintRule
from lens.model.fit.dra.slices import Slice
from lens.model.fit.dra.state import ClaimKey, Devices
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.claims import ClaimSpec
from lens.model.fit.state import FleetNode
from lens.model.inventory.objects.claim import PoolKey

T = TypeVar("T")


class DevicePart(msgspec.Struct, frozen=True, gc=False):
    """The objects of resource.k8s.io that matter to a pod on some nodes."""

    claims: tuple[FitClaim, ...] = ()
    slices: tuple[Slice, ...] = ()
    classes: tuple[FitClass, ...] = ()
    rules: tuple[FitTaintRule, ...] = ()

    def beyond(self, other: "DevicePart") -> "DevicePart":
        """Return what another one doesn't have."""
        return DevicePart(
            _beyond(self.claims, other.claims),
            _beyond(self.slices, other.slices),
            _beyond(self.classes, other.classes),
            _beyond(self.rules, other.rules),
        )

    def __add__(self, more: "DevicePart") -> "DevicePart":
        """Return both together."""
        return DevicePart(
            self.claims + more.claims,
            self.slices + more.slices,
            self.classes + more.classes,
            self.rules + more.rules,
        )


def asks_for_devices(asked: AskedPod, devices: Devices) -> bool:
    """Return whether a pod has claims, or asks for an extended resource that claims may serve."""
    return bool(asked.claims) or any(name in devices.serving for name, _ in asked.request)


def own_part(asked: AskedPod, devices: Devices) -> DevicePart:
    """Return the claims that a pod names, and the classes that they and its extended resources name."""
    claims = tuple(devices.claims[key] for key in own_claims(asked) if key in devices.claims)
    named = {
        alternative.device_class
        for spec in specs_of(asked, claims)
        for request in spec.requests
        for alternative in request.alternatives
    }
    resources = {name for name, _ in asked.request if name in devices.serving}
    named |= {devices.serving[name] for name in resources}
    classes = (
        each for each in devices.classes.values() if each.name in named or each.extended_resource in resources
    )
    return DevicePart(claims, classes=tuple(sorted(classes, key=lambda each: each.name)))


def specs_of(asked: AskedPod, claims: Iterable[FitClaim]) -> list[ClaimSpec]:
    """Return what a pod's claims ask for, those that don't exist yet and those that are among ``claims``."""
    own = set(own_claims(asked))
    found = [each.spec for each in asked.claims if each.spec is not None]
    return found + [each.spec for each in claims if (each.namespace, each.name) in own]


Holders = Mapping[PoolKey, Sequence[FitClaim]]


def holders_of(devices: Devices) -> Holders:
    """Return the claims that hold devices of each pool."""
    found: dict[PoolKey, list[FitClaim]] = {}
    for claim in devices.claims.values():
        for key in {PoolKey(each.key.driver, each.key.pool) for each in claim.held if claim.allocated}:
            found.setdefault(key, []).append(claim)
    return found


def part_on(node: FleetNode, devices: Devices, holders: Holders) -> DevicePart:
    """Return the pools that a node may use, as a whole, with the claims on their devices and the rules."""
    keys = [pool.key for pool in devices.pools(node.name, node.labels)]
    claims = {id(each): each for key in keys for each in holders.get(key, ())}
    return DevicePart(
        tuple(claims.values()),
        tuple(each for key in keys for each in devices.of_pools.get(key, ())),
        rules=tuple(each for each in devices.rules if any(each.matches(*key) for key in keys)),
    )


def own_claims(asked: AskedPod) -> list[ClaimKey]:
    """Return the keys of the claims that a pod names."""
    return [(asked.namespace, each.claim) for each in asked.claims if each.claim]


def changed_nodes(states: Sequence[Devices], asked: AskedPod, *, bound: bool) -> frozenset[str] | None:
    """Return the nodes on which other devices are there, or others hold them; None if they may be any.

    ``states`` is one moment after another. A pod that has been ``bound`` has got its own claims allocated.
    """
    own = own_claims(asked)
    ignored = own if bound else []
    found: set[str] = set()
    for before, after in pairwise(states):
        if before is after:
            continue
        if (
            before.classes != after.classes
            or before.rules != after.rules
            or before.shared != after.shared
            or before.unreadable != after.unreadable
            or any(not _is_same(before.claims.get(key), after.claims.get(key), bound) for key in own)
        ):
            return None
        pools = set() if before.of_pools is after.of_pools else _different(before.of_pools, after.of_pools)
        held = before.holding.different(after.holding)
        pools |= {key for key in held if _held(before, key, ignored) != _held(after, key, ignored)}
        for key in pools:
            for each in (*before.of_pools.get(key, ()), *after.of_pools.get(key, ())):
                if not each.nodes.node:
                    return None
                found.add(each.nodes.node)
    return frozenset(found)


def _is_same(before: FitClaim | None, after: FitClaim | None, bound: bool) -> bool:
    if before is None or after is None or not bound:
        return before == after
    return before.spec == after.spec and before.owner == after.owner and before.deleted is after.deleted


def _different(
    before: Mapping[PoolKey, Sequence[Slice]], after: Mapping[PoolKey, Sequence[Slice]]
) -> set[PoolKey]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def _held(devices: Devices, key: PoolKey, ignored: Iterable[ClaimKey]) -> Mapping[str, HeldDevice]:
    """Return the devices of a pool that claims hold, without those that some claims hold."""
    left_out = {
        held.key.device
        for each in ignored
        if (claim := devices.claims.get(each)) is not None and claim.allocated
        for held in claim.held
        if PoolKey(held.key.driver, held.key.pool) == key
    }
    return {name: each for name, each in devices.holding.in_pool(key).items() if name not in left_out}


def _beyond(objects: tuple[T, ...], others: Iterable[T]) -> tuple[T, ...]:
    known = set(map(id, others))
    return tuple(each for each in objects if id(each) not in known)
