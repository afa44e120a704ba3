"""The GPUs of pools, each in its state, with the claims that hold it.

| state | a GPU |
| --- | --- |
| allocated | that a claim holds, or a part of which one holds |
| unknown | that nobody holds, of a pool that can't be counted |
| unhealthy | all devices of which are tainted NoSchedule or NoExecute |
| unavailable | that is free, on a node that GPU pods can't go to, or without counters for a device of it |
| available | that is free, on a node that takes GPU pods, or on no node |
"""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Literal

import msgspec

from lens.model.inventory.dra.pool import Pool
from lens.model.inventory.objects.claim import AllocatedDevice, Claim, DeviceKey
from lens.model.inventory.objects.device import Counters, Device, Place
from lens.model.inventory.objects.gpu import Gpu, GpuOfDevices
from lens.model.inventory.objects.pod_key import PodKey
from lens.model.inventory.objects.taint_rule import TaintRule
from lens.model.k8s import quantity
from lens.model.k8s.dra.allocated_devices import DeviceHealth
from lens.model.k8s.quantity import Exact
from lens.model.k8s.taints import REPELLING_EFFECTS, Taint

GpuState = Literal["allocated", "unknown", "unhealthy", "unavailable", "available"]

SLICE_GONE = "SLICE_GONE"
"""No slice has the device that a claim holds, so nothing more is known of it."""

NO_COUNTERS_LEFT = "NO_COUNTERS_LEFT"
"""Nobody holds the GPU, and its pool's counters allow none of its devices."""

HELD_ELSEWHERE = "HELD_ELSEWHERE"
"""Another node's device of the same pool and name is held: to kube-scheduler it is the same device."""

Allocated = Mapping[str, Sequence[AllocatedDevice]]
"""What claims hold of each device, by its name."""

_NOTHING_ALLOCATED: Allocated = {}

Without = Literal["UNRESERVED", "PODS_GONE"]
"""Why no pod has what a claim holds: it is reserved for nobody, or for pods that are gone or have ended."""


class DeviceHolder(msgspec.Struct, frozen=True, gc=False):
    """A claim that holds a device, and the pods that it is for.

    ``without_pod`` says why there is no pod. ``health`` is the worst that the pods' status tells of the
    device (KEP-4680).
    """

    claim: Claim
    allocated: AllocatedDevice
    pods: tuple[PodKey, ...]
    without_pod: Without | None = None
    health: DeviceHealth = "Unknown"


class RuleTaint(msgspec.Struct, frozen=True, gc=False):
    """A taint that a DeviceTaintRule puts on a device."""

    device: str
    rule: str
    taint: Taint


class CapacityLeft(msgspec.Struct, frozen=True, gc=False):
    """What is left of the capacity of a device that claims share, as quantities in units of one."""

    device: str
    left: tuple[tuple[str, float], ...]


class Details(msgspec.Struct, frozen=True, gc=False):
    """What there is to say of few GPUs. ``reason`` says why something is unknown, or why nobody gets one.

    ``taints`` are those of rules; a slice's own are at its devices. ``largest_partition_left`` is the largest
    device that could still be allocated, of a GPU whose devices share counters.
    """

    taints: tuple[RuleTaint, ...] = ()
    largest_partition_left: str | None = None
    capacity_left: tuple[CapacityLeft, ...] = ()
    reason: str | None = None


NO_DETAILS = Details()


class HeldGpu(msgspec.Struct, frozen=True, gc=False):
    """A GPU in its state."""

    gpu: Gpu
    state: GpuState
    holders: tuple[DeviceHolder, ...] = ()
    details: Details = NO_DETAILS

    @property
    def taints(self) -> tuple[RuleTaint, ...]:
        """Return the taints of rules."""
        return self.details.taints

    @property
    def largest_partition_left(self) -> str | None:
        """Return the largest device that could still be allocated."""
        return self.details.largest_partition_left

    @property
    def capacity_left(self) -> tuple[CapacityLeft, ...]:
        """Return what is left of devices that claims share."""
        return self.details.capacity_left

    @property
    def reason(self) -> str | None:
        """Return why something of it is unknown."""
        return self.details.reason

    @property
    def without_pod(self) -> bool:
        """Return whether claims hold the GPU, and none of them for a pod."""
        return bool(self.holders) and None not in [each.without_pod for each in self.holders]


def held_gpu(
    gpu: Gpu,
    pool: Pool,
    holders: tuple[DeviceHolder, ...],
    held: Container[str],
    rules: Collection[TaintRule],
    *,
    takes_gpu_pods: bool,
    overdrawn: bool = False,
    elsewhere: Collection[str] = (),
) -> HeldGpu:
    """Return a GPU of a pool in its state.

    ``holders`` are those of its devices, ``held`` has the names of all devices of the pool that are held, and
    ``rules`` are the pool's. ``overdrawn`` says whether the pool is. ``elsewhere`` has the names of devices
    that another node has, too, and that are held there.
    """
    devices = gpu.devices
    taints = (
        tuple(
            RuleTaint(device.name, rule.name, rule.taint)
            for rule in rules
            for device in devices
            if rule.device in (None, device.name)
        )
        if rules
        else ()
    )
    tainted = _tainted(devices, taints)
    allocated = _by_device(holders) if holders else _NOTHING_ALLOCATED
    left: str | None = None
    if gpu.counters is not None and pool.offers:
        left = _largest_partition_left(
            gpu, pool, allocated, held, tainted.union(elsewhere), overdrawn=overdrawn
        )
    reason: str | None = None
    state: GpuState
    if holders:
        state = "allocated"
    elif not pool.offers:
        state, reason = "unknown", None if pool.problem is None else pool.problem.reason
    elif tainted and all(device.name in tainted for device in devices):
        state = "unhealthy"
    elif elsewhere and all(device.name in tainted or device.name in elsewhere for device in devices):
        state, reason = "unavailable", HELD_ELSEWHERE
    elif gpu.counters is not None and left is None and pool.problem is None:
        # What is unreadable of a pool may be the very counters that seem to be used up.
        state, reason = "unavailable", NO_COUNTERS_LEFT
    else:
        state = "available" if takes_gpu_pods else "unavailable"
    if gpu.counters is None and not any([device.kind.shareable for device in devices]):  # noqa: C419
        plain = not taints and reason is None
        return HeldGpu(gpu, state, holders, NO_DETAILS if plain else Details(taints, reason=reason))
    details = Details(
        taints=taints,
        largest_partition_left=left,
        capacity_left=tuple(
            CapacityLeft(
                device.name,
                tuple((name, float(left)) for name, left in _capacity_left(device, allocated)),
            )
            for device in devices
            if device.shareable
        ),
        reason=reason,
    )
    return HeldGpu(gpu, state, holders, details)


def _tainted(devices: Iterable[Device], taints: Iterable[RuleTaint]) -> set[str]:
    """Return the devices that the scheduler leaves out, unless a request tolerates their taints."""
    own = {
        device.name
        for device in devices
        if device.kind.taints and any(taint.effect in REPELLING_EFFECTS for taint in device.kind.taints)
    }
    return own | {each.device for each in taints if each.taint.effect in REPELLING_EFFECTS} if taints else own


def _by_device(holders: Iterable[DeviceHolder]) -> Allocated:
    found: dict[str, list[AllocatedDevice]] = {}
    for each in holders:
        found.setdefault(each.allocated.device, []).append(each.allocated)
    return found


def is_overdrawn(pool: Pool, held: Collection[str]) -> bool:
    """Return whether devices of a pool that are held draw more of a counter than there is.

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
    return any(left < 0 for gpu in drawn_on.values() for left in _left(gpu, held).values())


def _largest_partition_left(
    gpu: Gpu,
    pool: Pool,
    allocated: Allocated,
    held: Container[str],
    tainted: Container[str],
    *,
    overdrawn: bool,
) -> str | None:
    """Return the largest device of a GPU that the counters still allow; None if there is none.

    It is the one with the most memory, then the one that draws on the counters the most.
    """
    # Some devices draw on the counters of other GPUs, too.
    drawn_on = {each.name: each for device in gpu.devices for each in pool.gpus_of(device.name)}
    left = {name: _left(each, held) for name, each in drawn_on.items()}
    free = [
        device
        for device in gpu.devices
        if device.name not in tainted
        # A shared device that is held already draws on no more counters.
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
            (-_drawn(_own(device, gpu.name), gpu.counters or ()), device.name)
            for device in free
            if (device.memory_bytes or 0) == most
        ),
        default=(0, None),
    )[1]


def _own(device: Device, counter_set: str) -> Counters:
    return next((each.counters for each in device.consumes if each.counter_set == counter_set), ())


def _left(gpu: Gpu, held: Container[str]) -> dict[str, Exact]:
    """Return what the devices that are held leave of a GPU's counters."""
    left = dict(gpu.counters or ())
    for device in gpu.devices:
        if device.name in held:
            for counter, amount in _own(device, gpu.name):
                left[counter] = left.get(counter, 0) - amount
    return left


def _has_capacity_left(device: Device, allocated: Allocated) -> bool:
    return device.shareable and all(left > 0 for _, left in _capacity_left(device, allocated))


@lru_cache(maxsize=4096)
def _drawn(drawn: Counters, counters: Counters) -> Fraction:
    """Return how much of a GPU's counters a device draws, as a sum of shares."""
    totals = {name: Fraction(total) for name, total in counters if total}
    return sum((amount / totals[name] for name, amount in drawn if name in totals), Fraction())


def _capacity_left(device: Device, allocated: Allocated) -> list[tuple[str, Exact]]:
    """Return what claims leave of a device's capacity; nothing if one of them holds all of it."""
    left = {name: _amount(value) for name, value in device.capacity}
    for each in allocated.get(device.name, ()):
        if each.share_id is None:
            return [(name, 0) for name in left]
        for name, value in each.consumed:
            if name in left:
                left[name] -= _amount(value)
    return sorted((name, max(0, amount)) for name, amount in left.items())


def _amount(value: str) -> Exact:
    try:
        return quantity.parse(value)
    except ValueError:
        return 0


def gone_gpu(node: str, device: DeviceKey, holders: tuple[DeviceHolder, ...]) -> HeldGpu:
    """Return a GPU of which only claims tell."""
    gpu = GpuOfDevices(Place(device.driver, device.pool, node), device.device)
    return HeldGpu(gpu, "allocated", holders, Details(reason=SLICE_GONE))


def holder(
    claim: Claim,
    allocated: AllocatedDevice,
    pods: tuple[PodKey, ...],
    health: DeviceHealth = "Unknown",
) -> DeviceHolder:
    """Return a claim as the holder of one of its devices."""
    without: Without | None = None
    if not claim.reserved_for:
        without = "UNRESERVED"
    elif not pods:
        without = "PODS_GONE"
    return DeviceHolder(claim, allocated, pods, without, health)
