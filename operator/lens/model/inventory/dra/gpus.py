"""A GPU of DRA in its state, with its holders.

| state | a GPU |
| --- | --- |
| allocated | of which a claim holds a device |
| unknown | that no claim holds, of a pool that can't be counted |
| unhealthy | whose devices all have a taint NoSchedule or NoExecute |
| unavailable | that is free, on a node that GPU pods can't go to, or without counters for a device |
| available | that is free, on a node that takes GPU pods, or on no node |
"""

from collections.abc import Collection, Container, Iterable
from typing import Literal

import msgspec

from lens.model.inventory.dra.counters import Allocated, capacity_left, largest_partition_left
from lens.model.inventory.dra.holders import DeviceHolder
from lens.model.inventory.dra.pool import Pool
from lens.model.inventory.objects.claim import AllocatedDevice, DeviceKey
from lens.model.inventory.objects.device import Device, Place
from lens.model.inventory.objects.gpu import Gpu, GpuOfDevices
from lens.model.inventory.objects.taint_rule import TaintRule
from lens.model.k8s.taints import REPELLING_EFFECTS, Taint

GpuState = Literal["allocated", "unknown", "unhealthy", "unavailable", "available"]

SLICE_GONE = "SLICE_GONE"
"""No slice lists the device that a claim holds, so its attributes are unknown."""

NO_COUNTERS_LEFT = "NO_COUNTERS_LEFT"
"""No claim holds the GPU, and its pool's counters allow none of its devices."""

HELD_ELSEWHERE = "HELD_ELSEWHERE"
"""Another node's device of the same pool and name is held: to kube-scheduler it is the same device."""

_NOTHING_ALLOCATED: Allocated = {}


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
    """What few GPUs have. ``reason`` says why a field is unknown, or why no claim gets the GPU.

    ``taints`` are those of rules; a device has its slice's. ``largest_partition_left`` is the largest device
    that can still be allocated of a GPU whose devices share counters.
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
        """Return the largest device that can still be allocated."""
        return self.details.largest_partition_left

    @property
    def capacity_left(self) -> tuple[CapacityLeft, ...]:
        """Return what is left of devices that claims share."""
        return self.details.capacity_left

    @property
    def reason(self) -> str | None:
        """Return why a field is unknown, or why no claim gets the GPU."""
        return self.details.reason

    @property
    def without_pod(self) -> bool:
        """Return whether claims hold the GPU, and none of them has a pod."""
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

    ``holders`` are those of its devices, ``held`` has the names of all held devices of the pool, and
    ``rules`` are the pool's. ``overdrawn`` says whether the pool's counters are. ``elsewhere`` has the names
    of devices that are held on another node.
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
        left = largest_partition_left(
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
        # The part of a pool that can't be read may have the counters that seem to be used up.
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
                tuple((name, float(left)) for name, left in capacity_left(device, allocated)),
            )
            for device in devices
            if device.shareable
        ),
        reason=reason,
    )
    return HeldGpu(gpu, state, holders, details)


def _tainted(devices: Iterable[Device], taints: Iterable[RuleTaint]) -> set[str]:
    """Return the devices that the scheduler doesn't allocate, unless a request tolerates their taints."""
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


def gone_gpu(node: str, device: DeviceKey, holders: tuple[DeviceHolder, ...]) -> HeldGpu:
    """Return a GPU that claims hold and no slice lists."""
    gpu = GpuOfDevices(Place(device.driver, device.pool, node), device.device)
    return HeldGpu(gpu, "allocated", holders, Details(reason=SLICE_GONE))
