"""The devices in a pod's status.

Source: core/v1 ``ContainerStatus.allocatedResourcesStatus`` (KEP-4680, on by default since Kubernetes 1.36).
Its entries name a resource and, by the device plugin's ids, devices with their health; those of a
ResourceClaim are named ``claim:…``. Of plain init containers the kubelet says nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from sys import intern
from typing import Literal, TypeVar

import msgspec

from lens.model.k8s.bounds import LONGEST_NAME, LONGEST_RESOURCE, MAX_DEVICES, short
from lens.model.k8s.objects import ContainerStatus, PodStatus

T = TypeVar("T")

CLAIM_PREFIX = "claim:"

DeviceHealth = Literal["Healthy", "Unhealthy", "Unknown"]

_HEALTHS: Mapping[str, DeviceHealth] = {"Healthy": "Healthy", "Unhealthy": "Unhealthy"}


class Device(msgspec.Struct, frozen=True, gc=False):
    """A unit of a resource that a container has, by its device plugin's id."""

    resource: str
    id: str
    container: str
    health: DeviceHealth


class _ResourceHealth(msgspec.Struct, gc=False):
    id: str = msgspec.field(name="resourceID")
    health: str = "Unknown"


class _ResourceStatus(msgspec.Struct, gc=False):
    name: str
    resources: list[msgspec.Raw] | None = None


_entries = msgspec.json.Decoder(list[msgspec.Raw] | None)
_resource_status = msgspec.json.Decoder(_ResourceStatus)
_resource_health = msgspec.json.Decoder(_ResourceHealth)


def allocated_devices(
    status: PodStatus, resources: Collection[str], *, claims: bool = False
) -> tuple[Device, ...]:
    """Return a pod's devices of these resources without unreadable ones.

    With ``claims`` those of its ResourceClaims are among them: their resource is ``claim:`` and the claim's
    name in the pod, with the request behind a slash.
    """
    found: list[Device] = []
    for container in (*(status.container_statuses or ()), *(status.init_container_statuses or ())):
        if container.allocated_resources_status:
            found += islice(_devices(container, resources, claims=claims), MAX_DEVICES - len(found))
    return tuple(found)


def _devices(container: ContainerStatus, resources: Collection[str], *, claims: bool) -> Iterable[Device]:
    for entry in _read(_entries, container.allocated_resources_status) or ():
        status = _read(_resource_status, entry)
        if status is None or not (
            status.name in resources or (claims and status.name.startswith(CLAIM_PREFIX))
        ):
            continue
        for each in status.resources or ():
            device = _read(_resource_health, each)
            if device is not None and len(device.id) <= LONGEST_NAME:
                health = _HEALTHS.get(device.health, "Unknown")
                yield Device(
                    intern(short(status.name, LONGEST_RESOURCE)),
                    device.id,
                    intern(short(container.name)),
                    health,
                )


def _read(decoder: "msgspec.json.Decoder[T]", raw: msgspec.Raw) -> T | None:
    try:
        return decoder.decode(raw)
    except (ValueError, RecursionError):
        return None
