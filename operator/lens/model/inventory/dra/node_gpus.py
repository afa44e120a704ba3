"""The GPUs that a node has by DRA, each in its state and with its holders."""

from collections.abc import Collection, Container, Iterator, Mapping

from lens.model.groups import Groups
from lens.model.inventory.dra.counters import is_overdrawn
from lens.model.inventory.dra.gpus import GpuState, HeldGpu, gone_gpu, held_gpu
from lens.model.inventory.dra.held_devices import DeviceClaims, HeldDevices
from lens.model.inventory.dra.holders import DeviceHolder, DeviceHolders, PodsOfClaims
from lens.model.inventory.dra.pool import Pool
from lens.model.inventory.dra.single_claims import NodeClaims, SingleClaims
from lens.model.inventory.dra.taint_rules import TaintRules
from lens.model.inventory.objects.claim import DeviceKey, PoolKey
from lens.model.inventory.objects.device import NO_NODE
from lens.model.inventory.objects.gpu import Gpu
from lens.model.inventory.objects.pod_key import PodKey

_NONE: Collection[str] = frozenset()


class NodeGpus:
    """Finds the GPUs of a node in what the index stores. The index has to be settled."""

    def __init__(
        self,
        held: HeldDevices,
        holders: DeviceHolders,
        single: SingleClaims,
        pools: Mapping[PoolKey, Pool],
        pools_on: Groups[str, PoolKey],
        overdrawn: Container[PoolKey],
        rules: TaintRules,
    ) -> None:
        """Take what the index stores. The mappings are live."""
        self._held = held
        self._holders = holders
        self._single = single
        self._pools = pools
        self._pools_on = pools_on
        self._overdrawn = overdrawn
        self._rules = rules

    def of(self, node: str, claims_found: NodeClaims, *, takes_gpu_pods: bool) -> tuple[HeldGpu, ...]:
        """Return a node's GPUs, or those of NO_NODE. ``claims_found`` gets what is found with them."""
        found: list[HeldGpu] = []
        holders: tuple[DeviceHolder, ...]
        pods_of_claims: PodsOfClaims = {}
        holders_of, single_holder = self._holders.of_device, self._single.holder
        free: GpuState = "available" if takes_gpu_pods else "unavailable"
        for key in sorted(self._pools_on.of(node)):
            pool = self._pools[key]
            held = claims_here = self._held.of_pool(key)
            overdrawn, elsewhere = key in self._overdrawn, _NONE
            if pool.parts:
                pool = pool.parts[node]
                # A pool of all nodes may have thousands of devices that are held.
                held = {name: held[name] for name in pool.device_names if name in held}
                claims_here, elsewhere = self._split(node, self._pools[key], held)
                overdrawn = is_overdrawn(pool, held)
            rules = self._rules.of_pool(key)
            if pool.is_plain and not rules and not elsewhere:
                # Nearly all pools.
                for gpu in pool.gpus[node]:
                    if (claims := claims_here.get(gpu.name)) is None:
                        found.append(HeldGpu(gpu, free))
                        continue
                    only = single_holder(claims[0], gpu, claims_found) if len(claims) == 1 else None
                    holders = holders_of(key, gpu.name, claims, pods_of_claims) if only is None else (only,)
                    found.append(HeldGpu(gpu, "allocated", holders))
                continue
            outdated = pool.outdated.on
            for gpu in pool.gpus.get(node, ()):
                holders = ()
                for device in gpu.devices:
                    if (claims := claims_here.get(device.name)) is not None:
                        holders += holders_of(key, device.name, claims, pods_of_claims)
                if outdated:
                    holders += self._outdated_holders(pool, gpu, claims_here, pods_of_claims)
                found.append(
                    held_gpu(
                        gpu,
                        pool,
                        holders,
                        held,
                        rules,
                        takes_gpu_pods=takes_gpu_pods,
                        overdrawn=overdrawn,
                        elsewhere=elsewhere,
                    )
                )
            found += (
                HeldGpu(gpu, "allocated", holders)
                for gpu in pool.outdated.gpus.get(node, ())
                if (holders := self._outdated_holders(pool, gpu, claims_here, pods_of_claims))
            )
        names = self._held.claims_on.of(node)
        if not claims_found.single.issuperset(names):
            found += self._gone(node, pods_of_claims)
        return tuple(found)

    def _split(self, node: str, pool: Pool, held: DeviceClaims) -> tuple[DeviceClaims, Collection[str]]:
        """Return the claims that hold devices on the node, and the devices that others hold elsewhere."""
        here: dict[str, tuple[PodKey, ...]] = {}
        elsewhere: set[str] = set()
        for device, claims in held.items():
            for name in claims:
                claim = self._held.claims[name]
                if pool.home(device, claim.node) == node:
                    here[device] = (*here.get(device, ()), name)
                elif any(each.key == (*pool.key, device) and each.share_id is None for each in claim.devices):
                    elsewhere.add(device)
        return here, elsewhere

    def _outdated_holders(
        self, pool: Pool, gpu: Gpu, claims_here: DeviceClaims, pods_of_claims: PodsOfClaims
    ) -> tuple[DeviceHolder, ...]:
        """Return the holders of those devices of a GPU that only older generations list."""
        return tuple(
            each
            for device in pool.outdated.on.get(gpu.gpu_key, ())
            if device in claims_here
            for each in self._holders.of_device(pool.key, device, claims_here[device], pods_of_claims)
        )

    def _gone(self, node: str, pods_of_claims: PodsOfClaims) -> Iterator[HeldGpu]:
        """Yield the GPUs that claims hold on a node, or on NO_NODE, and that no slice lists.

        ``pods_of_claims`` has the claims of which a slice lists a device.
        """
        gone: set[DeviceKey] = set()
        for name in self._held.claims_on.of(node):
            devices = self._held.claims[name].devices
            if name in pods_of_claims and len(devices) == 1:
                continue  # A slice lists the only device of this claim.
            for each in devices:
                if self._is_gone(each.key, name):
                    gone.add(each.key)
        for key in sorted(gone):
            pool = PoolKey(key.driver, key.pool)
            claims = tuple(
                [name for name in self._held.of_pool(pool)[key.device] if self._is_gone(key, name)]
            )
            # Claims that contradict each other about the node make one GPU, too.
            if (self._held.claims[min(claims)].node or NO_NODE) == node:
                yield gone_gpu(node, key, self._holders.of_device(pool, key.device, claims, pods_of_claims))

    def _is_gone(self, device: DeviceKey, claim: PodKey) -> bool:
        """Return whether no slice lists a device where a claim holds it."""
        pool = self._pools.get(PoolKey(device.driver, device.pool))
        return pool is None or not pool.lists(device.device, self._held.claims[claim].node)
