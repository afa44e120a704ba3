"""The objects of dynamic resource allocation with their indexes: what a change touches, and what a node has.

A change touches the nodes whose GPUs it may affect, and the pods whose claims it may affect. Nothing else is
recounted, so the cost depends on the change alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from heapq import nsmallest
from itertools import chain
from typing import TypeVar

import msgspec

from lens.model.gpu.exporters import ExporterPod
from lens.model.groups import Groups
from lens.model.inventory.dra.claim_uses import ClaimUses, asks_by_class
from lens.model.inventory.dra.counters import is_overdrawn
from lens.model.inventory.dra.gpus import HeldGpu
from lens.model.inventory.dra.held_devices import HeldDevices
from lens.model.inventory.dra.holders import DeviceHolders
from lens.model.inventory.dra.node_gpus import NodeGpus
from lens.model.inventory.dra.node_pools import build_pools
from lens.model.inventory.dra.pool import Pool, ProblemPool
from lens.model.inventory.dra.single_claims import NodeClaims, SingleClaims
from lens.model.inventory.dra.taint_rules import TaintRules
from lens.model.inventory.objects.claim import Claim, PoolKey
from lens.model.inventory.objects.device import NO_NODE
from lens.model.inventory.objects.device_class import DeviceClass
from lens.model.inventory.objects.pod import Pod, PodKey
from lens.model.inventory.objects.slice import Slice
from lens.model.inventory.objects.taint_rule import TaintRule
from lens.model.k8s.bounds import MAX_PROBLEM_POOLS
from lens.model.k8s.dra.gpu_drivers import GpuDrivers

K = TypeVar("K")
V = TypeVar("V")


class Problems(msgspec.Struct, frozen=True, gc=False):
    """What can't be counted.

    ``pools`` are the first MAX_PROBLEM_POOLS of ``pools_number``, ``incomplete`` of which may have GPUs that
    no known slice has. ``rules_not_applied`` names DeviceTaintRules that have no effect on the figures.
    """

    pools: tuple[ProblemPool, ...] = ()
    pools_number: int = 0
    incomplete: int = 0
    rules_not_applied: tuple[str, ...] = ()


NO_PROBLEMS = Problems()


class DeviceIndex:
    """The stored claims, slices, classes and taint rules. It has one writer."""

    def __init__(self, pods: Mapping[PodKey, Pod | ExporterPod], drivers: GpuDrivers) -> None:
        """Take the live mapping of the stored pods."""
        self.slices: dict[str, Slice] = {}
        self.device_classes: dict[str, DeviceClass] = {}
        self._held = HeldDevices()
        self._rules = TaintRules()
        self._pool_slices = Groups[PoolKey, str]()
        self._pools: dict[PoolKey, Pool] = {}
        self._pools_on = Groups[str, PoolKey]()
        self._overdrawn: set[PoolKey] = set()
        self._uses = ClaimUses(self._held.claims, self.device_classes, self._pools, drivers)
        self._node_gpus = NodeGpus(
            self._held,
            DeviceHolders(self._held, pods),
            SingleClaims(self._held, pods),
            self._pools,
            self._pools_on,
            self._overdrawn,
            self._rules,
        )
        self._asking_by_class: set[PodKey] = set()
        self._dirty_pools: set[PoolKey] = set()
        self._problem_pools: dict[PoolKey, ProblemPool] = {}
        self._problems = NO_PROBLEMS
        self._problems_changed = False
        self._touched_nodes: set[str] = set()
        self._touched_pods: set[PodKey] = set()

    @property
    def claims(self) -> Mapping[PodKey, Claim]:
        """Return the stored claims."""
        return self._held.claims

    @property
    def taint_rules(self) -> Mapping[str, TaintRule]:
        """Return the stored rules."""
        return self._rules.by_name

    # Changes

    def put_claim(self, key: PodKey, claim: Claim | None) -> None:
        """Store a claim; None removes it."""
        before = self._held.put(key, claim)
        if before is not None and before.devices:
            self._touched_nodes.add(before.node or NO_NODE)
        if claim is not None and claim.devices:
            self._touched_nodes.add(claim.node or NO_NODE)
        self._touched_pods.update(self._held.users.of(key))

    def put_slice(self, name: str, slice_: Slice | None) -> bool:
        """Store a slice; None removes it. Return whether anything may show the change."""
        before = self.slices.get(name)
        if before is not None and slice_ is not None and self._is_same_pool(before, slice_):
            self.slices[name] = slice_
            return False
        self.slices.pop(name, None)
        if before is not None:
            self._pool_slices.discard(before.key, name)
            self._dirty_pools.add(before.key)
        if slice_ is not None:
            self.slices[name] = slice_
            key = slice_.key
            self._pool_slices.add(key, name)
            self._dirty_pools.add(key)
        return True

    def _is_same_pool(self, before: Slice, after: Slice) -> bool:
        """Return whether a pool is published again as it is: a driver that starts does so.

        Its generation is another one, which only other slices and problems make count.
        """
        pool = self._pools.get(after.key)
        return (
            pool is not None
            and pool.problem is None
            and len(self._pool_slices.of(after.key)) == 1
            and msgspec.structs.replace(before, generation=after.generation) == after
        )

    def put_device_class(self, name: str, device_class: DeviceClass | None) -> None:
        """Store a class; None removes it."""
        _put(self.device_classes, name, device_class)
        # Requests for devices depend on classes. Allocated devices don't.
        self._touched_pods |= self._asking_by_class
        for claim in self._held.unallocated:
            self._touched_pods.update(self._held.users.of(claim))

    def put_taint_rule(self, name: str, rule: TaintRule | None) -> None:
        """Store a rule; None removes it."""
        for each in self._rules.put(name, rule):
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
                    self._held.users.add(named, key)
                else:
                    self._held.users.discard(named, key)
                claim = self._held.claims.get(named)
                # What was stored since the last time, as all is at the start, is touched already.
                if claim is not None and named not in self._held.put_anew:
                    self._held.touch(claim)
                    self._touched_nodes.add(claim.node or NO_NODE)
        if after is not None and asks_by_class(after):
            self._asking_by_class.add(key)
        else:
            self._asking_by_class.discard(key)

    @staticmethod
    def _named(pod: Pod) -> Iterator[PodKey]:
        return (PodKey(pod.namespace, each.claim) for each in pod.claims if each.claim is not None)

    # What changes touch

    def settle(self) -> tuple[set[str], set[PodKey]]:
        """Bring the pools up to date; return the nodes and the pods that were touched since the last time."""
        touched, self._held.touched = self._held.touched, defaultdict(set)
        rebuilt = {key for key in self._dirty_pools if self._rebuild(key)}
        for key in {*self._dirty_pools, *touched}:
            self._find_overdrawn(key)
        for key, devices in touched.items():
            # The nodes of a rebuilt pool are touched already.
            if key in rebuilt:
                continue
            pool, held = self._pools.get(key), self._held.of_pool(key)
            if pool is not None and pool.of_several:
                # A device of several GPUs draws on the counters of each.
                self._touched_nodes.update(pool.nodes)
            for device in devices:
                if pool is not None:
                    self._touched_nodes.update(pool.homes.get(device, ()))
                for gpu in pool.gpus_of(device) if pool is not None else ():
                    self._touched_nodes.add(gpu.node)
                for claim in held.get(device, ()):
                    self._touched_nodes.add(self._held.claims[claim].node or NO_NODE)
        nodes, pods = self._touched_nodes, self._touched_pods
        self._dirty_pools, self._touched_nodes, self._touched_pods = set(), set(), set()
        self._held.put_anew = set()
        return nodes, pods

    def _rebuild(self, key: PoolKey) -> bool:
        """Build a pool from its slices; return whether it differs from the one before."""
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
            self._pools_on.discard(node, key)
        for node in after.nodes if after is not None else ():
            self._touched_nodes.add(node)
            self._pools_on.add(node, key)
        # At the start all claims were stored since the last time, which has touched their nodes and pods.
        claims = set(chain.from_iterable(self._held.of_pool(key).values()))
        for claim in claims - self._held.put_anew:
            self._touched_nodes.add(self._held.claims[claim].node or NO_NODE)
            self._touched_pods.update(self._held.users.of(claim))
        return True

    def _find_overdrawn(self, key: PoolKey) -> None:
        pool = self._pools.get(key)
        overdrawn = (
            pool is not None
            and not (pool.is_plain or pool.parts)
            and is_overdrawn(pool, self._held.of_pool(key))
        )
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
                pools=tuple(nsmallest(MAX_PROBLEM_POOLS, pools)),
                pools_number=len(pools),
                incomplete=sum(each.may_have_more for each in pools),
                rules_not_applied=tuple(nsmallest(MAX_PROBLEM_POOLS, rules)),
            )
            if problems != self._problems:
                self._problems = problems
        return self._problems

    def has_gpus(self, node: str) -> bool:
        """Return whether a node may have GPUs. Call this after ``settle``."""
        return node in self._pools_on or node in self._held.claims_on

    def gpus(self, node: str, claims: NodeClaims, *, takes_gpu_pods: bool) -> tuple[HeldGpu, ...]:
        """Return a node's GPUs, or those of NO_NODE, each in its state. Call this after ``settle``.

        ``claims`` gets the pods whose claims as they are now are known by that.
        """
        return self._node_gpus.of(node, claims, takes_gpu_pods=takes_gpu_pods)

    def resolved(self, pod: Pod) -> Pod:
        """Return a pod with its claims as they are now. Call this after ``settle``."""
        return self._uses.resolved(pod)


def _put(stored: dict[K, V], key: K, value: V | None) -> None:
    if value is None:
        stored.pop(key, None)
    else:
        stored[key] = value
