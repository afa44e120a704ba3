"""Claims, slices, classes and taint rules with their indexes: what a change touches, and what a node has.

A change touches the nodes whose GPUs it may be about, and the pods whose claims it may be about. Everything
else is left alone, so that the cost depends on the change.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from heapq import nsmallest
from typing import TypeVar

import msgspec

from lens.model.gpu.exporters import ExporterPod
from lens.model.groups import Groups
from lens.model.inventory.dra.claim_uses import PODS, ClaimUses, asks_by_class
from lens.model.inventory.dra.gpus import (
    DeviceHolder,
    GpuState,
    HeldGpu,
    gone_gpu,
    held_gpu,
    holder,
    is_overdrawn,
)
from lens.model.inventory.dra.node_pools import build_pools
from lens.model.inventory.dra.pool import Pool, ProblemPool
from lens.model.inventory.objects.claim import AllocatedDevice, Claim, DeviceKey, PoolKey
from lens.model.inventory.objects.device import NO_NODE
from lens.model.inventory.objects.device_class import DeviceClass
from lens.model.inventory.objects.gpu import Gpu
from lens.model.inventory.objects.pod import Pod, PodKey
from lens.model.inventory.objects.slice import Slice
from lens.model.inventory.objects.taint_rule import TaintRule
from lens.model.k8s.bounds import MOST_PROBLEM_POOLS
from lens.model.k8s.dra.allocated_devices import CLAIM_PREFIX, DeviceHealth
from lens.model.k8s.dra.gpu_drivers import GpuDrivers

K = TypeVar("K")
V = TypeVar("V")

_Pods = tuple[tuple[PodKey, ...], tuple[Pod, ...]]
"""The pods that have a claim."""

Users = dict[PodKey, _Pods]
"""The pods that have a claim, by the claim."""

_NO_PODS: _Pods = (), ()
_NOTHING_HELD: Mapping[str, tuple[PodKey, ...]] = {}
_NOWHERE: Collection[str] = frozenset()

_WORST: Mapping[DeviceHealth, int] = {"Unhealthy": 0, "Healthy": 1, "Unknown": 2}


class Problems(msgspec.Struct, frozen=True, gc=False):
    """What can't be counted.

    ``pools`` are the first MOST_PROBLEM_POOLS of ``pools_number``, ``incomplete`` of which may have GPUs that
    no known slice has. ``rules_not_applied`` names DeviceTaintRules that have no effect on the figures.
    """

    pools: tuple[ProblemPool, ...] = ()
    pools_number: int = 0
    incomplete: int = 0
    rules_not_applied: tuple[str, ...] = ()


NO_PROBLEMS = Problems()


class DeviceIndex:
    """What a ledger keeps of dynamic resource allocation. It has one writer."""

    def __init__(self, pods: Mapping[PodKey, Pod | ExporterPod], drivers: GpuDrivers) -> None:
        """Take the live mapping of the stored pods."""
        self._pods = pods
        self.claims: dict[PodKey, Claim] = {}
        self.slices: dict[str, Slice] = {}
        self.device_classes: dict[str, DeviceClass] = {}
        self.taint_rules: dict[str, TaintRule] = {}
        self._pool_slices = Groups[PoolKey, str]()
        self._pools: dict[PoolKey, Pool] = {}
        self._uses = ClaimUses(self.claims, self.device_classes, self._pools, drivers)
        self._pools_at = Groups[str, PoolKey]()
        self._overdrawn: set[PoolKey] = set()
        self._rules: dict[tuple[str | None, str | None], dict[str, TaintRule]] = {}
        self._holding: dict[PoolKey, dict[str, tuple[PodKey, ...]]] = {}
        self._claims_at = Groups[str, PodKey]()
        self._users = Groups[PodKey, PodKey]()
        self._unallocated: set[PodKey] = set()
        self._asking_by_class: set[PodKey] = set()
        self._dirty_pools: set[PoolKey] = set()
        self._dirty_devices: defaultdict[PoolKey, set[str]] = defaultdict(set)
        self._problem_pools: dict[PoolKey, ProblemPool] = {}
        self._problems = NO_PROBLEMS
        self._problems_changed = False
        self._touched_nodes: set[str] = set()
        self._touched_pods: set[PodKey] = set()

    # Changes

    def put_claim(self, key: PodKey, claim: Claim | None) -> None:
        """Store a claim; None removes it."""
        before = self.claims.pop(key, None)
        if claim is not None:
            self.claims[key] = claim
        if claim is not None and not claim.allocated:
            self._unallocated.add(key)
        else:
            self._unallocated.discard(key)
        if before is not None:
            for each in before.devices:
                self._release(each, key)
            if before.devices:
                self._claims_at.discard(before.node or NO_NODE, key)
                self._touched_nodes.add(before.node or NO_NODE)
        if claim is not None:
            for each in claim.devices:
                pool = PoolKey(each.driver, each.pool)
                held = self._holding.get(pool)
                if held is None:
                    held = self._holding[pool] = {}
                holders = held.get(each.device, ())
                if key not in holders:
                    held[each.device] = (*holders, key)
                self._dirty_devices[pool].add(each.device)
            if claim.devices:
                self._claims_at.add(claim.node or NO_NODE, key)
                self._touched_nodes.add(claim.node or NO_NODE)
        self._touched_pods.update(self._users.of(key))

    def _release(self, device: AllocatedDevice, key: PodKey) -> None:
        pool = PoolKey(device.driver, device.pool)
        held = self._holding.get(pool, {})
        left = tuple(each for each in held.pop(device.device, ()) if each != key)
        if left:
            held[device.device] = left
        elif not held:
            self._holding.pop(pool, None)
        self._dirty_devices[pool].add(device.device)

    def put_slice(self, name: str, slice_: Slice | None) -> None:
        """Store a slice; None removes it."""
        before = self.slices.pop(name, None)
        if before is not None:
            self._pool_slices.discard(before.key, name)
            self._dirty_pools.add(before.key)
        if slice_ is not None:
            self.slices[name] = slice_
            self._pool_slices.add(slice_.key, name)
            self._dirty_pools.add(slice_.key)

    def put_device_class(self, name: str, device_class: DeviceClass | None) -> None:
        """Store a class; None removes it."""
        _put(self.device_classes, name, device_class)
        # Only what asks for devices depends on classes, not what holds some.
        self._touched_pods |= self._asking_by_class
        for claim in self._unallocated:
            self._touched_pods.update(self._users.of(claim))

    def put_taint_rule(self, name: str, rule: TaintRule | None) -> None:
        """Store a rule; None removes it."""
        before = self.taint_rules.get(name)
        _put(self.taint_rules, name, rule)
        if before is not None:
            selected = before.driver, before.pool
            del self._rules[selected][name]
            if not self._rules[selected]:
                del self._rules[selected]
        if rule is not None:
            self._rules.setdefault((rule.driver, rule.pool), {})[name] = rule
        for each in (before, rule):
            if each is not None:
                self._problems_changed |= each.not_applied is not None
                for pool in self._matched(each):
                    self._touched_nodes.update(pool.gpus)

    def _matched(self, rule: TaintRule) -> Iterator[Pool]:
        if rule.driver is not None and rule.pool is not None:
            pool = self._pools.get(PoolKey(rule.driver, rule.pool))
            pools: Iterable[Pool] = () if pool is None else (pool,)
        else:
            pools = self._pools.values()
        return (pool for pool in pools if rule.matches_pool(*pool.key))

    def pod_changed(self, key: PodKey, before: Pod | None, after: Pod | None) -> None:
        """Note that a pod was stored, replaced or removed."""
        for pod in (before, after):
            if pod is None:
                continue
            for named in self._named(pod):
                if pod is after:
                    self._users.add(named, key)
                else:
                    self._users.discard(named, key)
                if (claim := self.claims.get(named)) is not None:
                    for each in claim.devices:
                        self._dirty_devices[PoolKey(each.driver, each.pool)].add(each.device)
                    self._touched_nodes.add(claim.node or NO_NODE)
        if after is not None and asks_by_class(after):
            self._asking_by_class.add(key)
        else:
            self._asking_by_class.discard(key)

    @staticmethod
    def _named(pod: Pod) -> Iterator[PodKey]:
        return (PodKey(pod.namespace, each.claim) for each in pod.claims if each.claim is not None)

    # What follows from them

    def settle(self) -> tuple[set[str], set[PodKey]]:
        """Bring the pools up to date; return the nodes and the pods that were touched since the last time."""
        rebuilt = {key for key in self._dirty_pools if self._rebuild(key)}
        for key in {*self._dirty_pools, *self._dirty_devices}:
            self._find_overdrawn(key)
        for key, devices in self._dirty_devices.items():
            # All nodes that a rebuilt pool is about are touched already.
            if key in rebuilt:
                continue
            pool, holding = self._pools.get(key), self._holding.get(key, _NOTHING_HELD)
            if pool is not None and pool.of_several:
                # What is left of one GPU's counters may decide about devices of others.
                self._touched_nodes.update(pool.nodes)
            for device in devices:
                if pool is not None:
                    self._touched_nodes.update(pool.homes.get(device, ()))
                for gpu in pool.gpus_of(device) if pool is not None else ():
                    self._touched_nodes.add(gpu.node)
                for claim in holding.get(device, ()):
                    self._touched_nodes.add(self.claims[claim].node or NO_NODE)
        nodes, pods = self._touched_nodes, self._touched_pods
        self._dirty_pools, self._dirty_devices = set(), defaultdict(set)
        self._touched_nodes, self._touched_pods = set(), set()
        return nodes, pods

    def _rebuild(self, key: PoolKey) -> bool:
        """Make a pool of its slices again; return whether it is another one."""
        before = self._pools.pop(key, None)
        slices = [self.slices[name] for name in self._pool_slices.of(key)]
        after = build_pools(key, slices) if slices else None
        if after is not None:
            self._pools[key] = after
        if before == after:
            return False
        problem = after.problem if after is not None else None
        if problem != self._problem_pools.get(key):
            self._problems_changed = True
            _put(self._problem_pools, key, problem)
        for node in before.nodes if before is not None else ():
            self._touched_nodes.add(node)
            self._pools_at.discard(node, key)
        for node in after.nodes if after is not None else ():
            self._touched_nodes.add(node)
            self._pools_at.add(node, key)
        for claims in self._holding.get(key, {}).values():
            for claim in claims:
                self._touched_nodes.add(self.claims[claim].node or NO_NODE)
                self._touched_pods.update(self._users.of(claim))
        return True

    def _find_overdrawn(self, key: PoolKey) -> None:
        pool = self._pools.get(key)
        held = self._holding.get(key, _NOTHING_HELD)
        overdrawn = pool is not None and not (pool.is_plain or pool.parts) and is_overdrawn(pool, held)
        if overdrawn != (key in self._overdrawn):
            (self._overdrawn.add if overdrawn else self._overdrawn.discard)(key)
            # None of its devices that draw on counters is allocated on any node.
            self._touched_nodes.update(pool.nodes if pool is not None else ())

    @property
    def problems(self) -> Problems:
        """Return what can't be counted; the same object if it hasn't changed. Call this after ``settle``."""
        if self._problems_changed:
            self._problems_changed = False
            pools = self._problem_pools.values()
            rules = (rule.name for rule in self.taint_rules.values() if rule.not_applied is not None)
            problems = Problems(
                pools=tuple(nsmallest(MOST_PROBLEM_POOLS, pools)),
                pools_number=len(pools),
                incomplete=sum(each.may_have_more for each in pools),
                rules_not_applied=tuple(nsmallest(MOST_PROBLEM_POOLS, rules)),
            )
            if problems != self._problems:
                self._problems = problems
        return self._problems

    def has_gpus(self, node: str) -> bool:
        """Return whether a node may have GPUs. Call this after ``settle``."""
        return node in self._pools_at or node in self._claims_at

    def gpus(self, node: str, *, takes_gpu_pods: bool) -> tuple[HeldGpu, ...]:
        """Return a node's GPUs, or those of no node, each in its state. Call this after ``settle``."""
        found: list[HeldGpu] = []
        users: Users = {}
        free: GpuState = "available" if takes_gpu_pods else "unavailable"
        for key in sorted(self._pools_at.of(node)):
            pool = self._pools[key]
            held = holding = self._holding.get(key, _NOTHING_HELD)
            overdrawn, elsewhere = key in self._overdrawn, _NOWHERE
            if pool.parts:
                # A pool of all nodes may have thousands of devices that are held.
                held = {name: held[name] for name in pool.parts[node].device_names if name in held}
                holding, elsewhere = self._held_on(node, pool, held)
                pool = pool.parts[node]
                overdrawn = is_overdrawn(pool, held)
            rules = self._rules_of(key)
            if pool.is_plain and not rules and not elsewhere:
                # Nearly all pools.
                for gpu in pool.gpus[node]:
                    if (claims := holding.get(gpu.name)) is None:
                        found.append(HeldGpu(gpu, free))
                    else:
                        found.append(HeldGpu(gpu, "allocated", self._holders(key, gpu.name, claims, users)))
                continue
            outdated = pool.outdated.on
            for gpu in pool.gpus.get(node, ()):
                holders: tuple[DeviceHolder, ...] = ()
                for device in gpu.devices:
                    if (claims := holding.get(device.name)) is not None:
                        holders += self._holders(key, device.name, claims, users)
                if outdated:
                    holders += self._outdated_holders(pool, gpu, holding, users)
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
                if (holders := self._outdated_holders(pool, gpu, holding, users))
            )
        found += self._gone(node, users)
        return tuple(found)

    def _held_on(
        self, node: str, pool: Pool, held: Mapping[str, tuple[PodKey, ...]]
    ) -> tuple[Mapping[str, tuple[PodKey, ...]], Collection[str]]:
        """Return who of those that hold devices of a node's part has them there, and what others have."""
        own: dict[str, tuple[PodKey, ...]] = {}
        elsewhere: set[str] = set()
        for device, claims in held.items():
            for name in claims:
                claim = self.claims[name]
                if pool.home(device, claim.node) == node:
                    own[device] = (*own.get(device, ()), name)
                elif any(each.key == (*pool.key, device) and each.share_id is None for each in claim.devices):
                    elsewhere.add(device)
        return own, elsewhere

    def _outdated_holders(
        self, pool: Pool, gpu: Gpu, holding: Mapping[str, tuple[PodKey, ...]], users: Users
    ) -> tuple[DeviceHolder, ...]:
        """Return the holders of those devices of a GPU that only older generations list."""
        return tuple(
            each
            for device in pool.outdated.on.get(gpu.gpu_key, ())
            if device in holding
            for each in self._holders(pool.key, device, holding[device], users)
        )

    def _rules_of(self, key: PoolKey) -> list[TaintRule]:
        if not self._rules:
            return []
        lookups = ((driver, pool) for driver in (key.driver, None) for pool in (key.pool, None))
        return sorted(
            (
                rule
                for each in lookups
                for rule in self._rules.get(each, {}).values()
                if rule.matches_pool(*key)
            ),
            key=lambda rule: rule.name,
        )

    def _holders(
        self, key: PoolKey, device: str, claims: tuple[PodKey, ...], users: Users
    ) -> tuple[DeviceHolder, ...]:
        """Return the holders of a device. ``users`` has the pods of the claims that were asked for before."""
        found: list[DeviceHolder] = []
        for name in claims if len(claims) == 1 else sorted(claims):
            claim = self.claims[name]
            known = users.get(name)
            if known is None:
                known = users[name] = self._pods_of(name, claim)
            keys, pods = known
            found += [
                holder(claim, each, keys, _health(name.name, device, pods))
                for each in claim.devices
                if each.device == device and each.pool == key.pool and each.driver == key.driver
            ]
        return tuple(found)

    def _pods_of(self, key: PodKey, claim: Claim) -> _Pods:
        """Return the pods that name a claim and that it is reserved for."""
        users = self._users.of(key)
        if len(users) == 1 == len(claim.reserved_for) and claim.reserved_for[0].resource == PODS:
            # Nearly all claims are a pod's own.
            (user,), (only,) = users, claim.reserved_for
            pod = self._pod(user)
            return ((user,), (pod,)) if user.name == only.name and pod.uid == only.uid else _NO_PODS
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
        return keys, tuple(map(self._pod, keys))

    def _pod(self, user: PodKey) -> Pod:
        pod = self._pods[user]
        assert isinstance(pod, Pod)
        return pod

    def _gone(self, node: str, users: Users) -> Iterator[HeldGpu]:
        """Yield the GPUs that claims hold on a node, or on no node, and that no slice has.

        ``users`` has the claims that hold something of slices.
        """
        gone: set[DeviceKey] = set()
        for name in self._claims_at.of(node):
            devices = self.claims[name].devices
            if name in users and len(devices) == 1:
                continue  # A slice has the only device of this claim.
            for each in devices:
                if self._is_gone(each.key, name):
                    gone.add(each.key)
        for key in sorted(gone):
            holding = self._holding[PoolKey(key.driver, key.pool)][key.device]
            claims = tuple([name for name in holding if self._is_gone(key, name)])
            # Claims that contradict each other about the node make one GPU, too.
            if (self.claims[min(claims)].node or NO_NODE) == node:
                held = self._holders(PoolKey(key.driver, key.pool), key.device, claims, users)
                yield gone_gpu(node, key, held)

    def _is_gone(self, device: DeviceKey, claim: PodKey) -> bool:
        """Return whether no slice has a device where a claim holds it."""
        pool = self._pools.get(PoolKey(device.driver, device.pool))
        return pool is None or not pool.lists(device.device, self.claims[claim].node)

    def resolved(self, pod: Pod) -> Pod:
        """Return a pod with its claims as they are now. Call this after ``settle``."""
        return self._uses.resolved(pod)


def _health(claim: str, device: str, pods: Iterable[Pod]) -> DeviceHealth:
    """Return the worst health that pods' status tells of a device of their claim.

    The kubelet names it by ``driver/pool/device``, or by the driver's CDI id, which ends with the device.
    """
    worst: DeviceHealth = "Unknown"
    for pod in pods:
        if not pod.devices:
            continue
        names = {f"{CLAIM_PREFIX}{each.name}" for each in pod.claims if each.claim == claim}
        for each in pod.devices:
            if each.resource.partition("/")[0] in names and _ends_with(each.id, device):
                worst = min(worst, each.health, key=lambda health: _WORST[health])
    return worst


def _ends_with(identity: str, device: str) -> bool:
    return identity.endswith(device) and not identity.removesuffix(device)[-1:].isalnum()


def _put(stored: dict[K, V], key: K, value: V | None) -> None:
    if value is None:
        stored.pop(key, None)
    else:
        stored[key] = value
