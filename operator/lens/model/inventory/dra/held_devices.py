"""The stored claims: the devices that they hold, the nodes of these devices, and the pods that name them."""

from collections import defaultdict
from collections.abc import Mapping

from lens.model.groups import Groups
from lens.model.inventory.objects.claim import AllocatedDevice, Claim, PoolKey
from lens.model.inventory.objects.device import NO_NODE
from lens.model.inventory.objects.pod_key import PodKey

DeviceClaims = Mapping[str, tuple[PodKey, ...]]
"""The claims that hold each device of a pool, by the device's name."""

_NOTHING_HELD: DeviceClaims = {}


class HeldDevices:
    """The stored claims and their indexes. It has one writer."""

    def __init__(self) -> None:
        """Start without claims."""
        self.claims: dict[PodKey, Claim] = {}
        self.unallocated: set[PodKey] = set()
        self.claims_on = Groups[str, PodKey]()
        """The claims that hold devices of a node, or of NO_NODE."""
        self.users = Groups[PodKey, PodKey]()
        """The pods that name a claim."""
        self.touched: defaultdict[PoolKey, set[str]] = defaultdict(set)
        """The devices by pool whose claims, or the pods of these, have changed. The reader empties it."""
        self.put_anew: set[PodKey] = set()
        """The claims with devices that were stored since the reader last emptied it."""
        self._by_pool: dict[PoolKey, dict[str, tuple[PodKey, ...]]] = {}

    def put(self, key: PodKey, claim: Claim | None) -> Claim | None:
        """Store a claim; None removes it. Return the claim that was stored before."""
        before = self.claims.pop(key, None)
        if before is not None and before.devices:
            for each in before.devices:
                self._release(each, key)
            self.claims_on.discard(before.node or NO_NODE, key)
        if claim is None:
            self.unallocated.discard(key)
            return before
        self.claims[key] = claim
        for each in claim.devices:
            pool = PoolKey(each.driver, each.pool)
            held = self._by_pool.get(pool)
            if held is None:
                held = self._by_pool[pool] = {}
            claims = held.get(each.device)
            if claims is None:
                held[each.device] = (key,)
            elif key not in claims:
                held[each.device] = (*claims, key)
            self.touched[pool].add(each.device)
        if claim.devices:
            self.claims_on.add(claim.node or NO_NODE, key)
            self.put_anew.add(key)
        if not claim.allocated:
            self.unallocated.add(key)
        elif self.unallocated:
            self.unallocated.discard(key)
        return before

    def _release(self, device: AllocatedDevice, key: PodKey) -> None:
        pool = PoolKey(device.driver, device.pool)
        held = self._by_pool.get(pool, {})
        left = tuple(each for each in held.pop(device.device, ()) if each != key)
        if left:
            held[device.device] = left
        elif not held:
            self._by_pool.pop(pool, None)
        self.touched[pool].add(device.device)

    def touch(self, claim: Claim) -> None:
        """Note that the pods of a claim have changed."""
        for each in claim.devices:
            self.touched[PoolKey(each.driver, each.pool)].add(each.device)

    def of_pool(self, key: PoolKey) -> DeviceClaims:
        """Return the claims that hold devices of a pool."""
        return self._by_pool.get(key, _NOTHING_HELD)
