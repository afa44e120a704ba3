"""The ids by which device plugins name devices to the kubelet, and their meanings.

NVIDIA's plugin: a GPU's or a MIG device's uuid, with ``::n`` for a replica (time-slicing, MPS). GKE's:
``nvidia0``, ``nvidia0/gi1``, ``nvidia0/vgpu2``, ``nvidia0/gi1/vgpu2``, by the device node's minor number.
AMD's: the PCI bus id. Intel's: ``card0-2``, the DRM card and a number behind it for each that may share it.
HAMi's: ``GPU-…-2``, a GPU's uuid and a number for each that may share it (GetPluginDevices). The kubelet only
counts these: HAMi's scheduler chooses the GPU, which may be another one.
"""

import re
from collections import Counter
from collections.abc import Collection

import msgspec

from lens.model.gpu.node_report import Gpu, Instance

_REPLICA = re.compile(r"(.+)::(\d{1,9})", re.DOTALL)
_HAMI = re.compile(r"(GPU(?:-[0-9a-f]+){5})-(\d{1,9})", re.ASCII | re.IGNORECASE)
_GKE = re.compile(r"nvidia(\d{1,9})(?:/gi(\d{1,9}))?(?:/vgpu(\d{1,9}))?", re.ASCII)
_NAMED_INSTANCE = re.compile(r"MIG-(GPU-[^/]+)/(\d{1,9})/(\d{1,9})", re.ASCII)
_INTEL = re.compile(r"(card\d{1,9})-\d{1,9}", re.ASCII)
_PCI = re.compile(r"(?:[0-9a-f]{4})?([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])", re.ASCII | re.IGNORECASE)

_DASHES = 5
"""The dashes of a GPU's uuid with its prefix."""


class DeviceId(msgspec.Struct, frozen=True):
    """The parts of a device plugin's id. A part that it doesn't have is None; an unknown form has none."""

    gpu_uuid: str | None = None
    instance_uuid: str | None = None
    minor_number: int | None = None
    pci_bus_id: str | None = None
    gpu_instance_id: int | None = None
    compute_instance_id: int | None = None
    replica: int | None = None


def parse(text: str) -> DeviceId:
    """Return the parts of an id. Any text is one."""
    replica = None
    if shared := _REPLICA.fullmatch(text):
        text, replica = shared[1], int(shared[2])
    if hami := _HAMI.fullmatch(text):
        return DeviceId(replica=int(hami[2]))
    if gke := _GKE.fullmatch(text):
        minor, gpu_instance, shared_as = (None if part is None else int(part) for part in gke.groups())
        return DeviceId(
            minor_number=minor,
            gpu_instance_id=gpu_instance,
            replica=replica if shared_as is None else shared_as,
        )
    if named := _NAMED_INSTANCE.fullmatch(text):
        return DeviceId(
            gpu_uuid=named[1],
            gpu_instance_id=int(named[2]),
            compute_instance_id=int(named[3]),
            replica=replica,
        )
    if text.startswith("MIG-"):
        return DeviceId(instance_uuid=text, replica=replica)
    if text.startswith("GPU-"):
        return DeviceId(gpu_uuid=text, replica=replica)
    if (bus_id := pci_bus_id(text)) is not None:
        return DeviceId(pci_bus_id=bus_id, replica=replica)
    return DeviceId(replica=replica)


def gpu_uuid(text: str) -> str | None:
    """Return the GPU that an id names, in a tenth of the time of ``parse``."""
    if text.startswith("GPU-") and text.count("-") <= _DASHES:
        return text.partition("::")[0]
    return parse(text).gpu_uuid


def replicas(ids: Collection[str]) -> int:
    """Return how often a resource's ids offer each device; 1 unless they offer all equally often."""
    offered = Counter(shared[1] if (shared := _replica(text)) else text for text in ids)
    numbers = set(offered.values())
    return numbers.pop() if len(numbers) == 1 else 1


def is_replica(text: str) -> bool:
    """Return whether an id is of one of several units of a device, in NVIDIA's form or HAMi's."""
    return ("::" in text or text.count("-") > _DASHES) and _replica(text) is not None


def _replica(text: str) -> re.Match[str] | None:
    return _REPLICA.fullmatch(text) or _HAMI.fullmatch(text)


def shared_gpu(text: str) -> str | None:
    """Return what all ids on one GPU of a node have in common: its uuid, or Intel's card; None if unknown."""
    card = _INTEL.fullmatch(text)
    return card[1] if card else gpu_uuid(text)


def pci_bus_id(text: str) -> str | None:
    """Return a PCI bus id as the kernel writes it, ``0000:c1:00.0``; None for what is none.

    NVML writes eight digits of domain, in capitals.
    """
    found = _PCI.fullmatch(text)
    return found and found[1].lower()


def find(wanted: DeviceId, gpus: tuple[Gpu, ...]) -> tuple[Gpu | None, Instance | None]:
    """Return the GPU that an id is about, and the MIG instance on it."""
    for gpu in gpus:
        for instance in gpu.instances or ():
            if wanted.instance_uuid is not None and instance.uuid == wanted.instance_uuid:
                return gpu, instance
        if (
            (wanted.gpu_uuid is not None and gpu.uuid == wanted.gpu_uuid)
            or (wanted.minor_number is not None and gpu.minor_number == wanted.minor_number)
            or (wanted.pci_bus_id is not None and pci_bus_id(gpu.pci_bus_id or "") == wanted.pci_bus_id)
        ):
            return gpu, _instance(wanted, gpu)
    return None, None


def _instance(wanted: DeviceId, gpu: Gpu) -> Instance | None:
    if wanted.gpu_instance_id is None:
        return None
    for instance in gpu.instances or ():
        if instance.gpu_instance_id == wanted.gpu_instance_id and wanted.compute_instance_id in (
            None,
            instance.compute_instance_id,
        ):
            return instance
    return None
