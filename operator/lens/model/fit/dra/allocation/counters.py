"""The counters of a node's pools, and what is left of them while devices are tried."""

from lens.model.fit.dra.devices import Device
from lens.model.fit.dra.holding import Holding
from lens.model.fit.dra.pools import Pool
from lens.model.inventory.objects.claim import DeviceKey, PoolKey
from lens.model.k8s.quantity import Exact

_Amounts = dict[tuple[str, str], Exact]
"""Amounts by counter set and counter."""


class Counters:
    """The counters of one node's pools."""

    def __init__(self, holding: Holding) -> None:
        """Take the devices that were held before."""
        self._holding = holding
        self._available: dict[PoolKey, _Amounts] = {}
        self._drawn: dict[PoolKey, _Amounts] = {}

    def draw(self, pool: Pool, device: Device) -> bool:
        """Draw what a device consumes if that much is left; return whether it is."""
        available = self._available.get(pool.key)
        if available is None:
            available = self._available[pool.key] = self._left(pool)
        drawn = self._drawn.setdefault(pool.key, {})
        for counter_set, counters in device.consumes:
            for name, amount in counters:
                drawn[counter_set, name] = drawn.get((counter_set, name), 0) + amount
        if all(left >= drawn.get(counter, 0) for counter, left in available.items()):
            return True
        self.give_back(pool, device)
        return False

    def give_back(self, pool: Pool, device: Device) -> None:
        """Give back what a device has drawn."""
        drawn = self._drawn[pool.key]
        for counter_set, counters in device.consumes:
            for name, amount in counters:
                drawn[counter_set, name] -= amount

    def _left(self, pool: Pool) -> _Amounts:
        left = {
            (counter_set, name): amount
            for counter_set, counters in pool.counter_sets.items()
            for name, amount in counters.items()
        }
        for device in (*(device for device, _ in pool.devices), *pool.elsewhere):
            held = self._holding.of(DeviceKey(pool.key.driver, pool.key.pool, device.name))
            if device.consumes and (held.whole or held.shared):
                for counter_set, counters in device.consumes:
                    for name, amount in counters:
                        if (counter_set, name) in left:
                            left[counter_set, name] -= amount
        return left
