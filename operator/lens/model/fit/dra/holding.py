"""The held devices: those of claims, and those that were given to replicas since."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lens.model.fit.dra.capacity import NOTHING, Amounts
from lens.model.fit.spec.claims import exact
from lens.model.inventory.objects.claim import AllocatedDevice, DeviceKey, PoolKey


class Held(NamedTuple):
    """A held device: all of it, or a share with these ``amounts`` of its capacities."""

    pool: PoolKey
    device: str
    amounts: Amounts | None = None


class HeldDevice(NamedTuple):
    """How a device is held: as a ``whole``, or in shares with these amounts of its capacities."""

    whole: bool = False
    shared: bool = False
    amounts: Amounts = NOTHING

    @property
    def state(self) -> object:
        """Return a value that is equal for devices that are held in the same way."""
        return self.whole, self.shared, tuple(sorted(self.amounts.items()))


_FREE = HeldDevice()
_WHOLE = HeldDevice(whole=True)
_NONE: Mapping[str, HeldDevice] = {}


class Holding:
    """Held devices by pool. A copy with further ones doesn't change the original."""

    __slots__ = ("_pools",)

    def __init__(self, base: "Holding | None" = None) -> None:
        """Start with what ``base`` has."""
        self._pools: dict[PoolKey, Mapping[str, HeldDevice]] = {} if base is None else dict(base._pools)

    def set_pool(self, key: PoolKey, held: Iterable[AllocatedDevice]) -> None:
        """Set all that is held of a pool."""
        devices = _joined({}, [(each.device, _share(each)) for each in held])
        if devices:
            self._pools[key] = devices
        else:
            self._pools.pop(key, None)

    def add(self, held: Iterable[Held]) -> None:
        """Add what is held from now on."""
        by_pool: dict[PoolKey, list[_Part]] = {}
        for pool, device, amounts in held:
            by_pool.setdefault(pool, []).append((device, amounts))
        for key, of_pool in by_pool.items():
            # Others may still read the old value.
            self._pools[key] = _joined(dict(self._pools.get(key, _NONE)), of_pool)

    def of_pools(self, keys: Iterable[PoolKey]) -> "Holding":
        """Return a copy with the held devices of some pools, to add to."""
        found = Holding()
        found._pools = {key: self._pools[key] for key in keys if key in self._pools}
        return found

    def in_pool(self, key: PoolKey) -> Mapping[str, HeldDevice]:
        """Return the devices of a pool that are held, by name."""
        return self._pools.get(key, _NONE)

    def different(self, other: "Holding") -> set[PoolKey]:
        """Return the pools whose held devices may differ from another's."""
        here, there = self._pools, other._pools
        return {key for key in here.keys() | there.keys() if here.get(key) is not there.get(key)}

    def of(self, key: DeviceKey) -> HeldDevice:
        """Return how a device is held."""
        return self._pools.get(PoolKey(key.driver, key.pool), _NONE).get(key.device, _FREE)


_Part = tuple[str, Amounts | None]
"""A device's name, and what is held of it in a share."""


def _share(device: AllocatedDevice) -> Amounts | None:
    """Return what a claim has of a device's capacities; None if it holds all of it."""
    if device.share_id is None:
        return None
    return {name: exact(amount) for name, amount in device.consumed}


def _joined(devices: dict[str, HeldDevice], held: Iterable[_Part]) -> dict[str, HeldDevice]:
    for device, share in held:
        before = devices.get(device, _FREE)
        if share is None:
            # Nearly all devices are held like this.
            devices[device] = _WHOLE if before is _FREE else before._replace(whole=True)
            continue
        amounts = dict(before.amounts)
        for name, amount in share.items():
            amounts[name] = amounts.get(name, 0) + amount
        devices[device] = before._replace(shared=True, amounts=amounts)
    return devices
