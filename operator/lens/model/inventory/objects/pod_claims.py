"""The ResourceClaims that a pod names, and the extended resources that one of them serves.

Source: core/v1 ``spec.resourceClaims``, ``status.resourceClaimStatuses`` (the claims that were made of
templates) and ``status.extendedResourceClaimStatus`` (KEP-5004: the claim that the scheduler makes for
extended resources).
"""

from collections.abc import Collection
from sys import intern
from typing import Literal

import msgspec

from lens.model.inventory.objects.claim import AllocatedDevice
from lens.model.inventory.objects.device import Device
from lens.model.inventory.objects.gpu import Gpu
from lens.model.k8s.bounds import LONGEST_NAME, MAX_POD_CLAIMS, few, short
from lens.model.k8s.dra.entries import read_each, read_or_none
from lens.model.k8s.dra.objects import ExtendedClaimStatus, PodClaimManifest, PodClaimStatus
from lens.model.k8s.objects import PodManifest


class PodClaim(msgspec.Struct, frozen=True, gc=False):
    """A claim that a pod names.

    ``name`` is the claim's name in the pod, empty for the claim of its extended resources. ``claim`` is the
    ResourceClaim's in the pod's namespace, None until it has been made.
    """

    name: str
    claim: str | None


class ClaimedDevice(msgspec.Struct, frozen=True, gc=False):
    """A device that a pod has by a claim, and the physical GPUs that it is, or is a part of.

    ``device`` is None if no slice has it. A ``shared`` one may be other pods', too. What slices don't tell is
    None.
    """

    allocated: AllocatedDevice
    device: Device | None = None
    gpus: tuple[Gpu, ...] = ()
    shared: bool = False

    @property
    def gone(self) -> bool:
        """Return whether no slice has it."""
        return self.device is None

    @property
    def product(self) -> str | None:
        """Return the product of its GPU."""
        return self.gpus[0].product if self.gpus else None

    @property
    def uuid(self) -> str | None:
        """Return the device's uuid."""
        return self.device.uuid if self.device is not None else None

    @property
    def gpu_uuid(self) -> str | None:
        """Return the uuid of its GPU, the first one of several."""
        return self.gpus[0].uuid if self.gpus else None

    @property
    def is_part(self) -> bool:
        """Return whether it is a part of its GPU, or may be one: nothing else says that it is all of it."""
        device = self.device
        if device is None or device.is_part:
            return device is not None
        return any(
            gpu.devices != (device,) and (device.uuid is None or device.uuid != gpu.uuid) for gpu in self.gpus
        )


class ClaimUse(msgspec.Struct, frozen=True, gc=False):
    """A pod's claim of GPUs as it is now.

    | state | the claim |
    | --- | --- |
    | missing | doesn't exist: nothing says whether it is of GPUs |
    | waiting | isn't allocated |
    | reserved for others | is allocated, and not reserved for this pod |
    | not ready | is allocated, and a device waits for its binding conditions |
    | held | is allocated and reserved for this pod |

    ``gpus`` are the physical GPUs that the pod is on by it, or the devices that it asks for while it waits,
    None for all that there are. ``devices`` are those that the pod holds. ``waits_for`` are the classes of
    what it asks for while it waits, or the binding conditions; ``unknown_classes`` are those of them that
    don't exist. ``terminating`` says whether the claim is being deleted.
    """

    name: str
    claim: str | None
    state: Literal["missing", "waiting", "reserved for others", "not ready", "held"]
    gpus: int | None = 0
    devices: tuple[ClaimedDevice, ...] = ()
    waits_for: tuple[str, ...] = ()
    unknown_classes: tuple[str, ...] = ()
    terminating: bool = False


_claim = msgspec.json.Decoder(PodClaimManifest)
_status = msgspec.json.Decoder(PodClaimStatus)
_extended = msgspec.json.Decoder(ExtendedClaimStatus | None)


def pod_claims(pod: PodManifest) -> tuple[PodClaim, ...]:
    """Return the claims that a pod names."""
    named = (
        few(read_each(_claim, pod.spec.resource_claims), MAX_POD_CLAIMS) if pod.spec.resource_claims else ()
    )
    extended = extended_claim(pod)
    if not named and extended is None:
        return ()
    made = {
        each.name: each.resource_claim_name for each in read_each(_status, pod.status.resource_claim_statuses)
    }
    claims = [
        PodClaim(intern(short(each.name)), _name(each.resource_claim_name or made.get(each.name)))
        for each in named
        # With a status and no name in it the pod needs no claim.
        if each.resource_claim_name or each.name not in made or made[each.name]
    ]
    if extended is not None:
        claims.append(PodClaim("", _name(extended.resource_claim_name)))
    return tuple(claims)


def extended_claim(pod: PodManifest) -> ExtendedClaimStatus | None:
    """Return the claim of a pod's extended resources."""
    raw = pod.status.extended_resource_claim_status
    return read_or_none(_extended, raw) if raw else None


def resources_of_claim(extended: ExtendedClaimStatus | None) -> Collection[str]:
    """Return the extended resources of a pod that its claim serves."""
    return {each.resource_name for each in extended.request_mappings or ()} if extended else ()


def _name(text: str | None) -> str | None:
    return text if text and len(text) <= LONGEST_NAME else None
