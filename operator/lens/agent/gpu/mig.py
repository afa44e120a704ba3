"""Read the MIG devices of a GPU: their identity, memory and utilization.

NVML has no utilization of a GPU in MIG mode. Hopper and later GPUs count it for each GPU instance (``gpm``),
and the whole GPU's is computed from those. Ampere GPUs have no such counters, so theirs is unknown.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import pynvml

from lens.agent.gpu.gpm import GpmReader, InstanceUtilization
from lens.agent.gpu.memory import read_memory
from lens.agent.gpu.nvml import NvmlQuery, read_uuid
from lens.agent.gpu.utilization import UNKNOWN, Utilization
from lens.model.gpu.node_report import MAX_INSTANCES, Instance

SHARED_INSTANCE = "SHARED_INSTANCE"
NO_INSTANCES = "NO_INSTANCES"


class MigDevice(NamedTuple):
    """The constant values of a MIG device; ``reasons`` says why values are missing."""

    handle: Any
    uuid: str | None
    gpu_instance_id: int
    compute_instance_id: int
    profile: str | None
    slices: int | None
    reasons: dict[str, str]


class MigReader:
    """Read one GPU's MIG devices."""

    def __init__(self) -> None:
        """Start without known devices."""
        self.enabled: bool | None = None
        self._reasons: dict[str, str] = {}
        self._slices = 0
        self._devices: tuple[MigDevice, ...] = ()
        self._gpm = GpmReader()
        self._stale = False

    def refresh(self, handle: Any) -> None:
        """Read the MIG mode and list the MIG devices. This takes 0.2 ms or more."""
        query = NvmlQuery()
        mode = query.get("mig_enabled", pynvml.nvmlDeviceGetMigMode, handle)
        self.enabled = None if mode is None else bool(mode[0])
        self._devices, self._stale = (), False
        if mode is None:
            query.set_reason("instances", query.reasons["mig_enabled"])
        elif self.enabled:
            self._slices = query.get("instances", pynvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0
            self._devices = tuple(_devices(handle, min(self._slices, MAX_INSTANCES)))
        self._gpm.set_instances(handle, {each.gpu_instance_id for each in self._devices})
        self._reasons = query.reasons

    def read(self, handle: Any, now: float, reasons: dict[str, str]) -> tuple[Instance, ...] | None:
        """Return the MIG devices, or None and add the cause to ``reasons``."""
        if self._stale:
            self.refresh(handle)
        reasons |= self._reasons
        if "instances" in self._reasons:
            return None
        devices_by_instance = Counter(each.gpu_instance_id for each in self._devices)
        measured = self._gpm.read(handle, now)
        return tuple(
            self._instance(
                each, measured[each.gpu_instance_id], alone=devices_by_instance[each.gpu_instance_id] == 1
            )
            for each in self._devices
        )

    def utilization(self, reasons: dict[str, str]) -> Utilization:
        """Return the busy share of all the GPU's slices. Slices outside of instances count as idle."""
        slices = {each.gpu_instance_id: each.slices for each in self._devices}
        measured = self._gpm.latest
        unknown = [each.reason for each in measured.values() if each.reason is not None]
        if unknown or not slices or not self._slices:
            reasons["utilization_percent"] = unknown[0] if unknown else NO_INSTANCES
            return UNKNOWN
        busy = sum((measured[gi].percent or 0.0) * (count or 0) for gi, count in slices.items())
        seconds = [each.window_seconds for each in measured.values() if each.window_seconds is not None]
        return Utilization(round(min(busy / self._slices, 100.0), 1), max(seconds), "instances")

    def _instance(self, device: MigDevice, measured: InstanceUtilization, *, alone: bool) -> Instance:
        query = NvmlQuery()
        memory = read_memory(query, device.handle)
        query.reasons.pop("memory_reserved_bytes", None)  # a MIG device has no such field
        if memory.total is None and memory.used is None:
            self._stale = True  # it may have been destroyed, and others created
        reason = measured.reason if alone else SHARED_INSTANCE
        if reason is not None:
            query.set_reason("utilization_percent", reason)
        return Instance(
            uuid=device.uuid,
            gpu_instance_id=device.gpu_instance_id,
            compute_instance_id=device.compute_instance_id,
            profile=device.profile,
            slices=device.slices,
            utilization_percent=None if reason else measured.percent,
            utilization_window_seconds=None if reason else measured.window_seconds,
            memory_total_bytes=memory.total,
            memory_used_bytes=memory.used,
            reasons={**device.reasons, **query.reasons},
        )


def _devices(handle: Any, most: int) -> Iterable[MigDevice]:
    for index in range(most):
        query = NvmlQuery()
        # Indexes have gaps: NOT_FOUND means that no device has this index.
        instance = query.get("handle", pynvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index)
        if instance is None:
            continue
        gpu_instance = query.get("handle", pynvml.nvmlDeviceGetGpuInstanceId, instance)
        compute_instance = query.get("handle", pynvml.nvmlDeviceGetComputeInstanceId, instance)
        if gpu_instance is None or compute_instance is None:
            continue
        name = query.get("profile", pynvml.nvmlDeviceGetName, instance)
        attributes = query.get("slices", pynvml.nvmlDeviceGetAttributes, instance)
        yield MigDevice(
            handle=instance,
            uuid=read_uuid(query, instance),
            gpu_instance_id=gpu_instance,
            compute_instance_id=compute_instance,
            # "NVIDIA H100 80GB HBM3 MIG 1g.10gb"
            profile=None if name is None else name.rpartition("MIG ")[2],
            slices=None if attributes is None else attributes.gpuInstanceSliceCount,
            reasons=query.reasons,
        )
