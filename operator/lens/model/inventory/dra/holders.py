"""The holders of a device: its claims, each with the pods that it is for and the health that these report."""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from lens.model.gpu.exporters import ExporterPod
from lens.model.inventory.dra.claim_uses import PODS
from lens.model.inventory.dra.held_devices import HeldDevices
from lens.model.inventory.objects.claim import AllocatedDevice, Claim, PoolKey
from lens.model.inventory.objects.pod import Pod, PodKey
from lens.model.k8s.dra.allocated_devices import CLAIM_PREFIX, DeviceHealth

Without = Literal["UNRESERVED", "PODS_GONE"]
"""Why a holding claim has no pod: it is reserved for none, or its pods have ended or don't exist any more."""

ClaimPods = tuple[tuple[PodKey, ...], tuple[Pod, ...]]
"""The pods that name a claim, and that it is reserved for: their keys, and those that report devices."""

PodsOfClaims = dict[PodKey, ClaimPods]
"""The pods of the claims whose devices were found before, of one node."""

_NO_PODS: ClaimPods = (), ()

_WORST: Mapping[DeviceHealth, int] = {"Unhealthy": 0, "Healthy": 1, "Unknown": 2}


class DeviceHolder(msgspec.Struct, frozen=True, gc=False):
    """A claim that holds a device, and the pods that it is for.

    ``without_pod`` says why there is no pod. ``health`` is the worst that the pods' status has for the device
    (KEP-4680).
    """

    claim: Claim
    allocated: AllocatedDevice
    pods: tuple[PodKey, ...]
    without_pod: Without | None = None
    health: DeviceHealth = "Unknown"


class DeviceHolders:
    """Finds the holders of devices among the stored claims and pods."""

    def __init__(self, held: HeldDevices, pods: Mapping[PodKey, Pod | ExporterPod]) -> None:
        """Take the stored claims, and the live mapping of the stored pods."""
        self._claims = held.claims
        self._users = held.users
        self._pods = pods

    def of_device(
        self,
        pool: PoolKey,
        device: str,
        claims: tuple[PodKey, ...],
        pods_of_claims: PodsOfClaims,
    ) -> tuple[DeviceHolder, ...]:
        """Return the holders of a device that these claims hold.

        ``pods_of_claims`` keeps each claim's pods for the next device. The caller provides it, since it is
        valid only while nothing stored changes.
        """
        found: list[DeviceHolder] = []
        for name in claims if len(claims) == 1 else sorted(claims):
            claim = self._claims[name]
            known = pods_of_claims.get(name)
            if known is None:
                known = pods_of_claims[name] = self._pods_of(name, claim)
            keys, reporting = known
            for each in claim.devices:
                if each.device == device and each.pool == pool.pool and each.driver == pool.driver:
                    without = None if keys else _without_pod(claim)
                    health = worst_health(name.name, device, reporting) if reporting else "Unknown"
                    found.append(DeviceHolder(claim, each, keys, without, health))
        return tuple(found)

    def _pods_of(self, key: PodKey, claim: Claim) -> ClaimPods:
        """Return the pods that name a claim and that it is reserved for."""
        users = self._users.of(key)
        if len(users) == 1 == len(claim.reserved_for) and claim.reserved_for[0].resource == PODS:
            # Nearly all claims are for one pod.
            (user,), (only,) = users, claim.reserved_for
            pod = self._pod(user)
            if user.name != only.name or pod.uid != only.uid:
                return _NO_PODS
            return (user,), (pod,) if pod.devices else ()
        named: set[PodKey] = set()
        for consumer in claim.reserved_for if users else ():
            if consumer.resource == PODS:
                name = PodKey(key.namespace, consumer.name)
                if name in users and self._pod(name).uid == consumer.uid:
                    named.add(name)
            else:
                # A group of pods: those that name the claim.
                named.update(users)
        keys = tuple(sorted(named))
        return keys, tuple([pod for pod in map(self._pod, keys) if pod.devices])

    def _pod(self, user: PodKey) -> Pod:
        pod = self._pods[user]
        assert isinstance(pod, Pod)
        return pod


def _without_pod(claim: Claim) -> Without:
    return "PODS_GONE" if claim.reserved_for else "UNRESERVED"


def worst_health(claim: str, device: str, pods: Iterable[Pod]) -> DeviceHealth:
    """Return the worst health that the pods' status has for a device of their claim.

    The kubelet names it ``driver/pool/device``, or by the driver's CDI id, which ends with the device.
    """
    worst: DeviceHealth = "Unknown"
    for pod in pods:
        names = {f"{CLAIM_PREFIX}{each.name}" for each in pod.claims if each.claim == claim}
        for each in pod.devices:
            if each.resource.partition("/")[0] in names and _ends_with(each.id, device):
                worst = min(worst, each.health, key=lambda health: _WORST[health])
    return worst


def _ends_with(identity: str, device: str) -> bool:
    return identity.endswith(device) and not identity.removesuffix(device)[-1:].isalnum()
