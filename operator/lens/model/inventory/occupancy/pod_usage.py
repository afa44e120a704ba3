"""A pod's use of its GPUs: the physical GPUs, their utilization and their memory.

The utilization of a device that one pod holds is that pod's. On a device that several pods share only the
processes can be distinguished, and only where the agent may see them. A process of no known pod may be any
pod's, so a pod without processes beside it isn't idle but unknown. Of a device that is offered several times
over (time-slicing, MPS) an exporter names one holder of perhaps many: it counts as shared.

The claim names what a pod holds by a ResourceClaim; uuid or PCI address join it with the telemetry.
"""

from collections.abc import Collection
from itertools import chain
from typing import NamedTuple

import msgspec

from lens.model.gpu.device_ids import gpu_uuid, parse
from lens.model.gpu.node_report import Holder
from lens.model.gpu.telemetry import GpuTelemetry, InstanceTelemetry, NodeTelemetry
from lens.model.inventory.objects.gpu import Gpu
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.objects.pod_claims import ClaimedDevice
from lens.model.inventory.occupancy.shared_gpus import PodGpus
from lens.model.k8s.dra.allocated_devices import CLAIM_PREFIX

NO_TELEMETRY = "NO_TELEMETRY"
UNKNOWN_DEVICES = "UNKNOWN_DEVICES"
SHARED = "SHARED"

_PodKey = tuple[str, str]
_DeviceKey = tuple[str | None, str | None]


class Usage(msgspec.Struct, frozen=True, gc=False):
    """A pod's use of its GPUs.

    ``gpus`` are the uuids of its physical GPUs, by the node's telemetry or else by the pod's status; None
    unless they are known for all its devices. ``utilization_percent`` is the mean over its devices, and
    ``memory_used_bytes`` the sum. Each is None if it is unknown for one device; ``reason`` says why the
    utilization is.
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
    """The devices of a node's pods, by the node's telemetry.

    The kubelet names pods by namespace and name only, so these join them.
    """

    def __init__(self, node: NodeTelemetry) -> None:
        """Assign the devices of all containers to pods."""
        self._names_all_holders = node.source == "agent"
        self._gpus = {gpu.uuid: gpu for gpu in node.gpus if gpu.uuid is not None}
        self._at = {gpu.pci_bus_id: gpu for gpu in node.gpus if gpu.pci_bus_id is not None}
        self._held: dict[_PodKey, list[Holder]] = {}
        # The pod of each device; None if several pods share it.
        self._pod_of: dict[_DeviceKey, _PodKey | None] = {}
        for holder in node.holders or ():
            pod, device = (holder.namespace, holder.pod), (holder.gpu_uuid, holder.instance_uuid)
            self._held.setdefault(pod, []).append(holder)
            if self._pod_of.setdefault(device, pod) != pod:
                self._pod_of[device] = None

    def of(self, pod: Pod, part: PodGpus | None = None) -> Collection[_Device] | None:
        """Return a pod's devices, each once; None if it has none, or if one of them is unknown.

        ``part`` is what the pod has of shared GPUs.
        """
        found: dict[_DeviceKey, _Device] = {}
        replicated = not self._names_all_holders and _is_replicated(pod, part)
        # A fraction's GPUs are its reservation's, as far as the kubelet knows.
        holding = pod.fraction.reservations if pod.fraction else (pod.key,)
        replicated = replicated or (pod.fraction is not None and pod.fraction.shared)
        for holder in chain.from_iterable(self._held.get(key, ()) for key in holding):
            gpu = self._gpus.get(holder.gpu_uuid) if holder.gpu_uuid is not None else None
            if gpu is None:
                return None
            instance = None
            if holder.instance_uuid is not None:
                instance = next((each for each in gpu.instances if each.uuid == holder.instance_uuid), None)
                if instance is None:
                    return None
            device = (holder.gpu_uuid, holder.instance_uuid)
            found[device] = _Device(gpu, instance, replicated or self._pod_of[device] is None)
        if pod.units and not found:
            return None
        for use in pod.uses:
            for claimed in use.devices:
                parts = self._parts(claimed)
                if parts is None:
                    return None
                for gpu, instance in parts:
                    key = (gpu.uuid or gpu.pci_bus_id, None if instance is None else instance.uuid)
                    shared = claimed.shared or self._pod_of.get(key, pod.key) != pod.key
                    found.setdefault(key, _Device(gpu, instance, shared))
        return found.values() or None

    def _parts(self, claimed: ClaimedDevice) -> list[tuple[GpuTelemetry, InstanceTelemetry | None]] | None:
        """Return the GPUs that a claim's device is, or their instances; None if one of them is unknown."""
        gpus = [gpu for each in claimed.gpus if (gpu := self.gpu(each)) is not None]
        if not gpus or len(gpus) < len(claimed.gpus):
            return None
        if not claimed.is_part:
            return [(gpu, None) for gpu in gpus]
        if claimed.uuid is None:
            return None
        found: list[tuple[GpuTelemetry, InstanceTelemetry | None]] = [
            (gpu, each) for gpu in gpus for each in gpu.instances if each.uuid == claimed.uuid
        ]
        return found or None

    def gpu(self, claimed: Gpu) -> GpuTelemetry | None:
        """Return a GPU by its uuid or else its PCI address; None if it isn't reported."""
        if claimed.uuid is not None and (gpu := self._gpus.get(claimed.uuid)) is not None:
            return gpu
        gpu = self._at.get(claimed.pci_bus_id) if claimed.pci_bus_id is not None else None
        # With two different uuids it is another GPU.
        return None if gpu is None or None not in (gpu.uuid, claimed.uuid) else gpu


def _is_replicated(pod: Pod, part: PodGpus | None) -> bool:
    """Return whether a pod has units of devices that several units share.

    Where no label of the node says so, the ids of the pod's devices may (``GPU-…::2``).
    """
    if part is not None and part.replicated:
        return True
    return any(parse(device.id).replica is not None for device in pod.devices)


def usage(pod: Pod, node: NodeTelemetry | None, part: PodGpus | None = None) -> Usage:
    """Return a pod's use of its GPUs, by its node's telemetry.

    ``part`` is what the pod has of shared GPUs.
    """
    if node is None or not node.gpus:
        return Usage(_named_gpus(pod), None, None, NO_TELEMETRY)
    devices = Devices(node).of(pod, part)
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


def utilization_percent(pod: Pod, devices: Devices, part: PodGpus | None) -> float | None:
    """Return only the utilization of ``usage``, for a pod on the devices' node."""
    found = devices.of(pod, part)
    return None if found is None else _mean_utilization(pod, found)[0]


def _mean_utilization(pod: Pod, devices: Collection[_Device]) -> tuple[float | None, str | None]:
    """Return the mean over a pod's devices, or None and the reason if it is unknown for one of them."""
    total = 0.0
    for device in devices:
        percent, reason = _utilization(pod, device)
        if percent is None:
            return None, reason
        total += percent
    return round(total / len(devices), 1), None


def _named_gpus(pod: Pod) -> tuple[str, ...] | None:
    """Return the GPUs that a pod's status and claims name; None unless they name one for each unit."""
    own = [device for device in pod.devices if not device.resource.startswith(CLAIM_PREFIX)]
    claimed = [device for use in pod.uses for device in use.devices]
    if len(own) < sum(units for _, units in pod.units) or not (own or claimed):
        return None
    gpus = {gpu_uuid(device.id) for device in own}
    for device in claimed:
        gpus.update([gpu.uuid for gpu in device.gpus] or [None])
    return None if None in gpus else tuple(sorted(filter(None, gpus)))


def _utilization(pod: Pod, device: _Device) -> tuple[float | None, str | None]:
    """Return a pod's utilization of a device, or None and the reason."""
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
    """Return utilization and memory of a pod's processes; None if these are unknown."""
    if device.gpu.shares is None:
        return None
    instance = None if device.instance is None else device.instance.gpu_instance_id
    found = [
        (share.utilization_percent, share.memory_used_bytes)
        for share in device.gpu.shares
        if share.pod_uid == pod.uid and share.instance == instance
    ]
    if not found and any(each is None or each == instance for each in device.gpu.unattributed):
        return None
    seen = any(share.instance == instance for share in device.gpu.shares)
    if not seen and (device.instance or device.gpu).utilization_percent:
        # It is busy, but no process is known.
        return None
    return found
