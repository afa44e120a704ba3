"""Multi-instance GPUs: which instances there are, their memory, and how busy they are.

NVML has no utilization of a GPU in MIG mode. Hopper and later count for each GPU instance (``gpm``), and
from those the whole GPU's is put together. Ampere can't tell, and then it is unknown.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import pynvml

from lens.agent.gpu.gpm import GpmReader, Measured
from lens.agent.gpu.nvml import Reading
from lens.agent.gpu.utilization import UNKNOWN, Utilization
from lens.model.gpu.node_report import MOST_COUNT, MOST_INSTANCES, Instance

SHARED_INSTANCE = "SHARED_INSTANCE"
NO_INSTANCES = "NO_INSTANCES"


class Identity(NamedTuple):
    """What stays the same of a MIG device while it exists; ``reasons`` are those of its missing values."""

    handle: Any
    uuid: str | None
    gpu_instance_id: int
    compute_instance_id: int
    profile: str | None
    slices: int | None
    reasons: dict[str, str]


class MigReader:
    """Read one GPU's instances."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self.enabled: bool | None = None
        self._reasons: dict[str, str] = {}
        self._slices = 0
        self._identities: tuple[Identity, ...] = ()
        self._gpm = GpmReader()
        self._changed = False

    def look(self, handle: Any) -> None:
        """Find out whether the GPU is in MIG mode, and its instances. Slow: 0.2 ms and more."""
        reading = Reading()
        mode = reading.get("mig_enabled", pynvml.nvmlDeviceGetMigMode, handle)
        self.enabled = None if mode is None else bool(mode[0])
        self._identities, self._changed = (), False
        if mode is None:
            reading.refuse("instances", reading.reasons["mig_enabled"])
        elif self.enabled:
            self._slices = reading.get("instances", pynvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0
            self._identities = tuple(_identities(handle, min(self._slices, MOST_INSTANCES)))
        self._gpm.begin(handle, {each.gpu_instance_id for each in self._identities})
        self._reasons = reading.reasons

    def read(self, handle: Any, now: float, reasons: dict[str, str]) -> tuple[Instance, ...] | None:
        """Return the instances, and add to ``reasons`` why they are unknown where they are."""
        if self._changed:
            self.look(handle)
        reasons |= self._reasons
        if "instances" in self._reasons:
            return None
        tenants = Counter(each.gpu_instance_id for each in self._identities)
        measured = self._gpm.read(handle, now)
        return tuple(
            self._instance(each, measured[each.gpu_instance_id], alone=tenants[each.gpu_instance_id] == 1)
            for each in self._identities
        )

    def utilization(self, reasons: dict[str, str]) -> Utilization:
        """Return the share of the GPU's slices that were busy: those outside all instances never are."""
        slices = {each.gpu_instance_id: each.slices for each in self._identities}
        measured = self._gpm.latest
        unknown = [each.reason for each in measured.values() if each.reason is not None]
        if unknown or not slices or not self._slices:
            reasons["utilization_percent"] = unknown[0] if unknown else NO_INSTANCES
            return UNKNOWN
        busy = sum((measured[gi].percent or 0.0) * (count or 0) for gi, count in slices.items())
        seconds = [each.window_seconds for each in measured.values() if each.window_seconds is not None]
        return Utilization(round(min(busy / self._slices, 100.0), 1), max(seconds), "instances")

    def _instance(self, identity: Identity, measured: Measured, *, alone: bool) -> Instance:
        reading = Reading()
        memory = reading.get(
            "memory_used_bytes", pynvml.nvmlDeviceGetMemoryInfo, identity.handle, pynvml.nvmlMemory_v2
        )
        if memory is None:
            reading.refuse("memory_total_bytes", reading.reasons["memory_used_bytes"])
            self._changed = True  # perhaps it is gone, and others are there
        reason = measured.reason if alone else SHARED_INSTANCE
        if reason is not None:
            reading.refuse("utilization_percent", reason)
        return Instance(
            uuid=identity.uuid,
            gpu_instance_id=identity.gpu_instance_id,
            compute_instance_id=identity.compute_instance_id,
            profile=identity.profile,
            slices=identity.slices,
            utilization_percent=None if reason else measured.percent,
            utilization_window_seconds=None if reason else measured.window_seconds,
            memory_total_bytes=None
            if memory is None
            else reading.checked("memory_total_bytes", memory.total, MOST_COUNT),
            memory_used_bytes=None
            if memory is None
            else reading.checked("memory_used_bytes", memory.used, MOST_COUNT),
            reasons={**identity.reasons, **reading.reasons},
        )


def _identities(handle: Any, most: int) -> Iterable[Identity]:
    for index in range(most):
        reading = Reading()
        # Indexes have holes: NOT_FOUND is a place where an instance could be.
        instance = reading.get("handle", pynvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index)
        if instance is None:
            continue
        gpu_instance = reading.get("handle", pynvml.nvmlDeviceGetGpuInstanceId, instance)
        compute_instance = reading.get("handle", pynvml.nvmlDeviceGetComputeInstanceId, instance)
        if gpu_instance is None or compute_instance is None:
            continue
        name = reading.get("profile", pynvml.nvmlDeviceGetName, instance)
        attributes = reading.get("slices", pynvml.nvmlDeviceGetAttributes, instance)
        yield Identity(
            handle=instance,
            uuid=reading.get("uuid", pynvml.nvmlDeviceGetUUID, instance),
            gpu_instance_id=gpu_instance,
            compute_instance_id=compute_instance,
            # "NVIDIA H100 80GB HBM3 MIG 1g.10gb"
            profile=None if name is None else name.rpartition("MIG ")[2],
            slices=None if attributes is None else attributes.gpuInstanceSliceCount,
            reasons=reading.reasons,
        )
