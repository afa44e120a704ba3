"""What one pod makes of its GPUs: which physical ones it is on, and how busy and full it keeps them.

A device that a pod has to itself is as busy as the pod keeps it. On a device that several pods share only the
processes can be told apart, and only where the agent may see them.
"""

from typing import NamedTuple

import msgspec

from lens.model.device_ids import gpu_uuid
from lens.model.pod import Pod
from lens.model.report import Holder
from lens.model.telemetry import GpuTelemetry, InstanceTelemetry, NodeTelemetry

UNKNOWN_DEVICES = "UNKNOWN_DEVICES"
SHARED = "SHARED"


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


def usage(pod: Pod, node: NodeTelemetry | None) -> Usage:
    """Return what a pod makes of its GPUs, by the telemetry of the node that it is bound to.

    The kubelet names pods by namespace and name only, so they are joined by these.
    """
    devices = None if node is None else _devices(pod, node)
    if devices is None:
        return Usage(_named_gpus(pod), None, None, UNKNOWN_DEVICES)
    utilizations = [_utilization(pod, device) for device in devices]
    memories = [_memory(pod, device) for device in devices]
    percents = [percent for percent, _ in utilizations if percent is not None]
    known = [memory for memory in memories if memory is not None]
    whole = len(percents) == len(devices)
    return Usage(
        gpus=tuple(sorted({device.gpu.uuid for device in devices if device.gpu.uuid is not None})),
        utilization_percent=round(sum(percents) / len(percents), 1) if whole else None,
        memory_used_bytes=sum(known) if len(known) == len(devices) else None,
        reason=None if whole else next(reason for percent, reason in utilizations if percent is None),
    )


def _named_gpus(pod: Pod) -> tuple[str, ...] | None:
    """Return the GPUs that a pod's status names; None unless it names one for each unit."""
    if len(pod.devices) < pod.gpus:
        return None
    gpus = {gpu_uuid(device.id) for device in pod.devices}
    return None if None in gpus else tuple(sorted(filter(None, gpus)))


def _devices(pod: Pod, node: NodeTelemetry) -> list[_Device] | None:
    """Return the devices that a pod has, each once; None if there are none, or not all of them are known."""
    gpus = {gpu.uuid: gpu for gpu in node.gpus if gpu.uuid is not None}
    found: dict[tuple[str, str | None], _Device] = {}
    for holder in node.holders or ():
        if (holder.namespace, holder.pod) != pod.key:
            continue
        gpu = gpus.get(holder.gpu_uuid) if holder.gpu_uuid is not None else None
        if gpu is None or gpu.uuid is None:
            return None
        instance = None
        if holder.instance_uuid is not None:
            instance = next((each for each in gpu.instances if each.uuid == holder.instance_uuid), None)
            if instance is None:
                return None
        shared = any(_is_on(holder, other, pod) for other in node.holders_of(gpu))
        found[gpu.uuid, holder.instance_uuid] = _Device(gpu, instance, shared)
    return list(found.values()) or None


def _is_on(holder: Holder, other: Holder, pod: Pod) -> bool:
    """Tell whether another pod has the same device."""
    return other.instance_uuid == holder.instance_uuid and (other.namespace, other.pod) != pod.key


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
