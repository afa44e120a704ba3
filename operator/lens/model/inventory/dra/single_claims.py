"""Claims of one GPU for one pod, which nearly all are: the GPU's holder and the pod's use are found together.

What is found is what ``DeviceHolders`` and ``ClaimUses`` find for any claim, one by its device and the other
by its pod.
"""

from collections.abc import Mapping

import msgspec

from lens.model.gpu.exporters import ExporterPod
from lens.model.inventory.dra.claim_uses import PODS
from lens.model.inventory.dra.held_devices import HeldDevices
from lens.model.inventory.dra.holders import DeviceHolder, worst_health
from lens.model.inventory.objects.gpu import Gpu
from lens.model.inventory.objects.pod import Pod, PodKey
from lens.model.inventory.objects.pod_claims import ClaimedDevice, ClaimUse


class NodeClaims:
    """What was found with the GPUs of one node: the ``single`` claims, and their pods as they are now.

    It is valid only while nothing stored changes.
    """

    __slots__ = ("pods", "single")

    def __init__(self) -> None:
        """Start with nothing."""
        self.single: set[PodKey] = set()
        self.pods: dict[PodKey, Pod] = {}


class SingleClaims:
    """Finds such claims among those that are stored."""

    def __init__(self, held: HeldDevices, pods: Mapping[PodKey, Pod | ExporterPod]) -> None:
        """Take the stored claims, and the live mapping of the stored pods."""
        self._claims = held.claims
        self._users = held.users
        self._pods = pods

    def holder(self, name: PodKey, gpu: Gpu, found: NodeClaims) -> DeviceHolder | None:
        """Return the holder of a GPU that one claim alone holds, and note the claim and its pod.

        The GPU is of a plain pool. Return None for a claim with other devices, consumers or pods too, and for
        a pod with other claims or GPUs: these need a closer look.
        """
        claim, users = self._claims[name], self._users.of(name)
        if not len(users) == len(claim.devices) == len(claim.reserved_for) == 1:
            return None
        (user,), (device,), (consumer,) = users, claim.devices, claim.reserved_for
        pod = self._pods[user]
        if (
            consumer.uid != pod.uid
            or consumer.name != user.name
            or consumer.resource != PODS
            or not isinstance(pod, Pod)
            or len(pod.claims) > 1
            or pod.units
            or device.waits_for
            or device.share_id is not None
        ):
            return None
        (named,), gpus = pod.claims, gpu.devices
        use = ClaimUse(
            named.name,
            named.claim,
            "held",
            1,
            (ClaimedDevice(device, gpus[0], gpus),),
            terminating=claim.terminating,
        )
        found.single.add(name)
        found.pods[user] = msgspec.structs.replace(pod, uses=(use,), claimed_gpus=pod.claimed_gpus + 1)
        health = worst_health(name.name, gpu.name, (pod,)) if pod.devices else "Unknown"
        return DeviceHolder(claim, device, (user,), None, health)
