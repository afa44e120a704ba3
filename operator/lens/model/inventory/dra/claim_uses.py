"""What pods' claims are to them now: held, waiting for devices, missing, or reserved for others."""

from collections.abc import Mapping

import msgspec

from lens.model.inventory.dra.pool import Pool
from lens.model.inventory.objects.claim import Claim, ClaimRequest, PoolKey
from lens.model.inventory.objects.device import GpuKey
from lens.model.inventory.objects.device_class import DeviceClass
from lens.model.inventory.objects.pod import Pod, PodKey
from lens.model.inventory.objects.pod_claims import ClaimedDevice, ClaimUse, PodClaim
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.gpu_resources import CLASS_PREFIX

PODS = "pods"
"""The resource of pods in a claim's ``reservedFor``."""


class ClaimUses:
    """The uses of stored claims."""

    def __init__(
        self,
        claims: Mapping[PodKey, Claim],
        device_classes: Mapping[str, DeviceClass],
        pools: Mapping[PoolKey, Pool],
        drivers: GpuDrivers,
    ) -> None:
        """Take the live mappings of what is stored, and the drivers of GPUs."""
        self._claims = claims
        self._device_classes = device_classes
        self._pools = pools
        self._drivers = drivers

    def resolved(self, pod: Pod) -> Pod:
        """Return a pod with its claims as they are now, and without units of classes that aren't of GPUs.

        Call this after the index's ``settle``.
        """
        units = pod.units and tuple(
            (resource, number)
            for resource, number in pod.units
            if not resource.startswith(CLASS_PREFIX) or self._is_of_gpus(resource.removeprefix(CLASS_PREFIX))
        )
        uses: list[ClaimUse] = []
        gpus: set[GpuKey] = set()
        asked = 0
        for named in pod.claims:
            # What an attempt has left behind for extended resources, the pod still asks for by their names.
            is_leftover = not (pod.node or named.name) and bool(units)
            use = self._use(pod, named, set() if is_leftover else gpus)
            if use is None or (is_leftover and use.state == "missing"):
                continue
            uses.append(use)
            if use.state == "waiting" and not pod.node and not is_leftover:
                asked += use.gpus or 0
        # A pod that waits for parts of GPUs asks for these, too.
        claimed = pod.claimed_gpus + len(gpus) + asked
        return msgspec.structs.replace(pod, units=units, uses=tuple(uses), claimed_gpus=claimed)

    def _use(self, pod: Pod, named: PodClaim, gpus: set[GpuKey]) -> ClaimUse | None:
        """Return a pod's claim as it is now; None for one that isn't of GPUs. Add its GPUs to ``gpus``."""
        claim = None if named.claim is None else self._claims.get(PodKey(pod.namespace, named.claim))
        if claim is None:
            return ClaimUse(named.name, named.claim, "missing")
        if not claim.allocated:
            return self._waiting_use(named, claim)
        if not claim.devices:
            return None
        has_group = is_own = False
        for consumer in claim.reserved_for:
            if consumer.resource != PODS:
                # It may have this pod.
                has_group = True
            elif consumer.uid == pod.uid:
                is_own = True
        if not has_group and not is_own:
            return ClaimUse(named.name, named.claim, "reserved for others", terminating=claim.terminating)
        own: set[GpuKey] = set()
        devices: list[ClaimedDevice] = []
        waits_for: set[str] = set()
        shared = has_group or len(claim.reserved_for) > 1
        for each in claim.devices:
            pool = self._pools.get(PoolKey(each.driver, each.pool))
            if pool is not None and pool.parts:
                pool = pool.parts.get(pool.home(each.device, claim.node))
            device, of = pool.find(each.device) if pool is not None else (None, ())
            if device is None:
                own.add((each.driver, each.pool, each.device, False))
            for gpu in of:
                own.add(gpu.gpu_key)
            devices.append(ClaimedDevice(each, device, of, shared or each.share_id is not None))
            waits_for.update(each.waits_for)
        gpus |= own
        return ClaimUse(
            named.name,
            named.claim,
            "not ready" if waits_for else "held",
            len(own),
            tuple(devices),
            tuple(sorted(waits_for)) if waits_for else (),
            terminating=claim.terminating,
        )

    def _waiting_use(self, named: PodClaim, claim: Claim) -> ClaimUse | None:
        requests = [each for each in claim.requests if self._asks_for_gpus(each)]
        if not requests:
            return None
        asked = [self._asked(request) for request in requests]
        classes = sorted({each.device_class for request in requests for each in request.alternatives})
        return ClaimUse(
            named.name,
            named.claim,
            "waiting",
            gpus=None if None in asked else sum(count or 0 for count in asked),
            waits_for=tuple(classes),
            unknown_classes=tuple(name for name in classes if name not in self._device_classes),
            terminating=claim.terminating,
        )

    def _asks_for_gpus(self, request: ClaimRequest) -> bool:
        """Return whether a request is for GPUs to hold, not for those that others hold (admin access)."""
        return not request.admin_access and any(
            self._is_of_gpus(each.device_class) for each in request.alternatives
        )

    def _asked(self, request: ClaimRequest) -> int | None:
        """Return how many devices the first alternative of GPUs asks for; None for all that there are."""
        return next(each for each in request.alternatives if self._is_of_gpus(each.device_class)).count

    def _is_of_gpus(self, device_class: str) -> bool:
        """Return whether a class is of GPUs; one that doesn't exist is if it is named like a GPU driver."""
        known = self._device_classes.get(device_class)
        return device_class in self._drivers if known is None else known.gpus


def needs_index(pod: Pod) -> bool:
    """Return whether claims or classes decide what a pod asks for or holds."""
    return bool(pod.claims) or asks_by_class(pod)


def asks_by_class(pod: Pod) -> bool:
    """Return whether a pod that isn't bound requests units of a DeviceClass."""
    return not pod.node and any(resource.startswith(CLASS_PREFIX) for resource, _ in pod.units)
