"""The devices that a search gives to claims and takes back again (kube-scheduler: allocatingDevices)."""

from collections.abc import Iterator, Mapping, Sequence

from lens.model.fit.dra.allocation.counters import Counters
from lens.model.fit.dra.allocation.requests import RequestData
from lens.model.fit.dra.allocation.results import AllocationError, Named, Offer, Result, Results
from lens.model.fit.dra.capacity import consumed, has_room
from lens.model.fit.dra.constraints import Tracker
from lens.model.fit.dra.devices import Device, DeviceTaint
from lens.model.fit.dra.pools import Pool
from lens.model.fit.spec.claims import SubRequest
from lens.model.inventory.objects.claim import DeviceKey, PoolKey
from lens.model.k8s.quantity import Exact


class AllocatingDevices:
    """The devices that claims have in one state of the search. A claim is its index among the claims."""

    def __init__(self, claims: Sequence[Named], offer: Offer) -> None:
        """Start without devices. ``offer`` has what was held before, and the taint rules."""
        self.results: Results = [[] for _ in claims]
        """The devices of each claim, in the order in which they were added."""
        self._trackers = [[Tracker(each) for each in claim.spec.constraints] for claim in claims]
        self._offer = offer
        self._counters = Counters(offer.holding)
        self._claims: dict[DeviceKey, list[int]] = {}
        self._shares: dict[DeviceKey, list[Mapping[str, Exact]]] = {}
        self._drew: list[bool] = []

    def may_have(self, claim: int, key: DeviceKey, *, admin: bool) -> bool:
        """Return whether a device isn't held as a whole; for ``admin`` access, by the claim itself."""
        if admin:
            return claim not in self._claims.get(key, ())
        return not (self._claims.get(key) or self._offer.holding.of(key).whole)

    def has_room(self, asked: SubRequest, key: DeviceKey, device: Device) -> bool:
        """Return whether a device has the capacities that a request asks for, beside its present shares."""
        if not device.capacities and not asked.capacities:
            return True
        shares: dict[str, Exact] = {}
        for share in self._shares.get(key, ()):
            for name, amount in share.items():
                shares[name] = shares.get(name, 0) + amount
        return has_room(dict(asked.capacities), device, self._offer.holding.of(key).amounts, shares)

    def is_repelled(self, pool: PoolKey, device: Device, asked: SubRequest) -> bool:
        """Return whether a request doesn't tolerate a taint of a device."""
        return any(
            not any(each.tolerates(*taint) for each in asked.tolerations)
            for taint in self._taints(pool, device)
        )

    def _taints(self, pool: PoolKey, device: Device) -> Iterator[DeviceTaint]:
        yield from device.taints
        for rule in self._offer.rules:
            if rule.taint is not None and rule.device in (None, device.name) and rule.matches(*pool):
                yield rule.taint

    def add(self, claim: int, data: RequestData, pool: Pool, index: int, *, must: bool) -> bool:
        """Give a device to a claim if that is possible; return whether it is.

        Raise AllocationError if the claim ``must`` have the device, and a constraint doesn't allow it.
        """
        device, of_slice = pool.devices[index]
        key = DeviceKey(pool.key.driver, pool.key.pool, device.name)
        admin = data.asked.admin_access
        if not (admin and device.shareable) and not self.may_have(claim, key, admin=admin):
            return False
        draws = self._draws(device, key)
        if draws and not self._counters.draw(pool, device):
            return False
        if self.is_repelled(pool.key, device, data.asked):
            self._give_back(pool, device, drew=draws)
            return False
        trackers = self._trackers[claim]
        for number, tracker in enumerate(trackers):
            if not tracker.add(*data.names, device, pool.key.driver):
                for added in trackers[:number]:
                    added.remove(*data.names)
                self._give_back(pool, device, drew=draws)
                if must:
                    raise AllocationError(
                        f"claim {data.claim}, request {data.asked.name}: cannot add "
                        f"device {'/'.join(key)} because a claim constraint would not be satisfied"
                    )
                return False
        if not self.has_room(data.asked, key, device):
            for added in trackers:
                added.remove(*data.names)
            self._give_back(pool, device, drew=draws)
            return False
        share = consumed(dict(data.asked.capacities), device) if device.shareable else None
        if share is not None:
            self._shares.setdefault(key, []).append(share)
        else:
            self._claims.setdefault(key, []).append(claim)
        self.results[claim].append(Result(data.label, key, device, of_slice, share, admin))
        self._drew.append(draws)
        return True

    def remove_last(self, claim: int, data: RequestData, pool: Pool) -> None:
        """Take back the device that was added last, which a claim has."""
        last = self.results[claim].pop()
        if last.consumed is not None:
            shares = self._shares[last.key]
            shares.pop()
            if not shares:
                del self._shares[last.key]
        else:
            self._claims[last.key].remove(claim)
        for tracker in self._trackers[claim]:
            tracker.remove(*data.names)
        self._give_back(pool, last.device, drew=self._drew.pop())

    def _draws(self, device: Device, key: DeviceKey) -> bool:
        """Return whether a device draws on counters now: a further share of it doesn't."""
        if not device.consumes:
            return False
        return not (device.shareable and (self._offer.holding.of(key).shared or key in self._shares))

    def _give_back(self, pool: Pool, device: Device, *, drew: bool) -> None:
        if drew:
            self._counters.give_back(pool, device)
