"""What one pod makes of its GPUs: which physical ones it is on, and how busy and full it keeps them.

A device that a pod has to itself is as busy as the pod keeps it. On a device that several pods share only the
processes can be told apart, and only where the agent may see them.
"""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from lens.model.gpu.device_ids import gpu_uuid
from lens.model.gpu.node_report import Holder
from lens.model.gpu.telemetry import GpuTelemetry, InstanceTelemetry, NodeTelemetry
from lens.model.inventory.pod import Pod

UNKNOWN_DEVICES = "UNKNOWN_DEVICES"
SHARED = "SHARED"

_PodKey = tuple[str, str]
_DeviceKey = tuple[str | None, str | None]


class Usage(msgspec.Struct, frozen=True, gc=False):
    """A pod's part in its GPUs.

    ``gpus`` are the uuids of the physical GPUs that it is on, by the node's telemetry or else by the pod's
    status, and None where that isn't known of all its devices. ``utilization_percent`` is the mean over its
    devices, ``memory_used_bytes`` the sum; either is None if it isn't known of one of them, and ``reason``
    says why the utilization isn't.
    """

    gpus: tuple[str, ...] | None
    utilization_percent: float | None
    memory_used_bytes: int | None
    reason: str | None


class _Device(NamedTuple):
    gpu: GpuTelemetry
    instance: InstanceTelemetry | None
    shared: bool


class Devices:
    """The devices that a node's pods have, by the node's telemetry.

    The kubelet names pods by namespace and name only, so they are joined by these.
    """

    def __init__(self, node: NodeTelemetry) -> None:
        """Go through all that containers have."""
        self._gpus = {gpu.uuid: gpu for gpu in node.gpus if gpu.uuid is not None}
        self._held: dict[_PodKey, list[Holder]] = {}
        # Whose each device is; None where it is several pods'.
        self._whose: dict[_DeviceKey, _PodKey | None] = {}
        for holder in node.holders or ():
            pod, device = (holder.namespace, holder.pod), (holder.gpu_uuid, holder.instance_uuid)
            self._held.setdefault(pod, []).append(holder)
            if self._whose.setdefault(device, pod) != pod:
                self._whose[device] = None

    def of(self, pod: Pod) -> Collection[_Device] | None:
        """Return a pod's devices, each once; None if there are none, or not all of them are known."""
        found: dict[_DeviceKey, _Device] = {}
        for holder in self._held.get(pod.key, ()):
            gpu = self._gpus.get(holder.gpu_uuid) if holder.gpu_uuid is not None else None
            if gpu is None:
                return None
            instance = None
            if holder.instance_uuid is not None:
                instance = next((each for each in gpu.instances if each.uuid == holder.instance_uuid), None)
                if instance is None:
                    return None
            device = (holder.gpu_uuid, holder.instance_uuid)
            found[device] = _Device(gpu, instance, self._whose[device] is None)
        return found.values() or None


def usage(pod: Pod, node: NodeTelemetry | None) -> Usage:
    """Return what a pod makes of its GPUs, by the telemetry of the node that it is bound to."""
    devices = None if node is None else Devices(node).of(pod)
    if devices is None:
        return Usage(_named_gpus(pod), None, None, UNKNOWN_DEVICES)
    percent, reason = _mean_utilization(pod, devices)
    memories = [_memory(pod, device) for device in devices]
    known = [memory for memory in memories if memory is not None]
    return Usage(
        gpus=tuple(sorted({device.gpu.uuid for device in devices if device.gpu.uuid is not None})),
        utilization_percent=percent,
        memory_used_bytes=sum(known) if len(known) == len(devices) else None,
        reason=reason,
    )


def utilization_percent(pod: Pod, devices: Devices) -> float | None:
    """Return ``usage``'s utilization alone, of a pod on the node that the devices are on."""
    found = devices.of(pod)
    return None if found is None else _mean_utilization(pod, found)[0]


def _mean_utilization(pod: Pod, devices: Collection[_Device]) -> tuple[float | None, str | None]:
    """Return the mean over a pod's devices, or None and why it isn't known of one of them."""
    total = 0.0
    for device in devices:
        percent, reason = _utilization(pod, device)
        if percent is None:
            return None, reason
        total += percent
    return round(total / len(devices), 1), None


def _named_gpus(pod: Pod) -> tuple[str, ...] | None:
    """Return the GPUs that a pod's status names; None unless it names one for each unit."""
    if len(pod.devices) < pod.gpus:
        return None
    gpus = {gpu_uuid(device.id) for device in pod.devices}
    return None if None in gpus else tuple(sorted(filter(None, gpus)))


def _utilization(pod: Pod, device: _Device) -> tuple[float | None, str | None]:
    """Return a pod's share of a device's time, or None and why it isn't known."""
    if device.shared:
        shares = _shares(pod, device)
        if shares is None or any(percent is None for percent, _ in shares):
            return None, SHARED
        return min(100.0, sum(percent or 0.0 for percent, _ in shares)), None
    part = device.instance or device.gpu
    if part.utilization_percent is None:
        return None, part.reasons.get("utilization_percent", UNKNOWN_DEVICES)
    return part.utilization_percent, None


def _memory(pod: Pod, device: _Device) -> int | None:
    if device.shared:
        shares = _shares(pod, device)
        if shares is None or any(memory is None for _, memory in shares):
            return None
        return sum(memory or 0 for _, memory in shares)
    return (device.instance or device.gpu).memory_used_bytes


def _shares(pod: Pod, device: _Device) -> list[tuple[float | None, int | None]] | None:
    """Return utilization and memory of a pod's processes; None where processes can't be told apart."""
    if device.gpu.shares is None:
        return None
    instance = None if device.instance is None else device.instance.gpu_instance_id
    return [
        (share.utilization_percent, share.memory_used_bytes)
        for share in device.gpu.shares
        if share.pod_uid == pod.uid and share.instance == instance
    ]
