"""What allocations leave of a GPU's counters and of a device's capacity, as kube-scheduler adds them up."""

from collections.abc import Collection, Container, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache

from lens.model.inventory.dra.pool import Pool
from lens.model.inventory.objects.claim import AllocatedDevice
from lens.model.inventory.objects.device import Counters, Device
from lens.model.inventory.objects.gpu import Gpu
from lens.model.k8s import quantity
from lens.model.k8s.quantity import Exact

Allocated = Mapping[str, Sequence[AllocatedDevice]]
"""The allocations of each device, by its name."""


def is_overdrawn(pool: Pool, held: Collection[str]) -> bool:
    """Return whether the held devices of a pool draw more of a counter than there is.

    kube-scheduler then allocates no device of the pool that draws on counters, of whichever set
    (structured/internal/incubating, ``checkAvailableCounters``).
    """
    drawn_on = {
        gpu.name: gpu
        for device in held
        if device not in pool.outdated.devices
        for gpu in pool.gpus_of(device)
        if gpu.counters is not None
    }
    return any(left < 0 for gpu in drawn_on.values() for left in _counters_left(gpu, held).values())


def largest_partition_left(
    gpu: Gpu,
    pool: Pool,
    allocated: Allocated,
    held: Container[str],
    excluded: Container[str],
    *,
    overdrawn: bool,
) -> str | None:
    """Return the largest device of a GPU that the counters still allow; None if there is none.

    It is the device with the most memory, and of several the one that draws on the counters the most.
    ``held`` has the names of the pool's held devices, ``excluded`` those that aren't allocated in any case.
    """
    # Some devices draw on the counters of other GPUs, too.
    drawn_on = {each.name: each for device in gpu.devices for each in pool.gpus_of(device.name)}
    left = {name: _counters_left(each, held) for name, each in drawn_on.items()}
    free = [
        device
        for device in gpu.devices
        if device.name not in excluded
        # A further share of a device draws on no more counters.
        and (
            _has_capacity_left(device, allocated)
            if device.name in held
            else all(
                amount <= left[each.counter_set].get(name, 0)
                for each in device.consumes
                for name, amount in each.counters
            )
            and not (overdrawn and device.consumes)
        )
    ]
    most = max((device.memory_bytes or 0 for device in free), default=0)
    return min(
        (
            (-_drawn_share(_drawn(device, gpu.name), gpu.counters or ()), device.name)
            for device in free
            if (device.memory_bytes or 0) == most
        ),
        default=(0, None),
    )[1]


def capacity_left(device: Device, allocated: Allocated) -> list[tuple[str, Exact]]:
    """Return what claims leave of a device's capacity: nothing if one of them holds the whole device."""
    left = {name: _amount(value) for name, value in device.capacity}
    for each in allocated.get(device.name, ()):
        if each.share_id is None:
            return [(name, 0) for name in left]
        for name, value in each.consumed:
            if name in left:
                left[name] -= _amount(value)
    return sorted((name, max(0, amount)) for name, amount in left.items())


def _has_capacity_left(device: Device, allocated: Allocated) -> bool:
    return device.shareable and all(left > 0 for _, left in capacity_left(device, allocated))


def _amount(value: str) -> Exact:
    try:
        return quantity.parse(value)
    except ValueError:
        return 0


def _drawn(device: Device, counter_set: str) -> Counters:
    return next((each.counters for each in device.consumes if each.counter_set == counter_set), ())


def _counters_left(gpu: Gpu, held: Container[str]) -> dict[str, Exact]:
    """Return what the held devices leave of a GPU's counters; below 0 if they draw more than there is."""
    left = dict(gpu.counters or ())
    for device in gpu.devices:
        if device.name in held:
            for counter, amount in _drawn(device, gpu.name):
                left[counter] = left.get(counter, 0) - amount
    return left


@lru_cache(maxsize=4096)
def _drawn_share(drawn: Counters, counters: Counters) -> Fraction:
    """Return how much of a GPU's counters a device draws: the sum of its share of each counter."""
    totals = {name: Fraction(total) for name, total in counters if total}
    return sum((amount / totals[name] for name, amount in drawn if name in totals), Fraction())
