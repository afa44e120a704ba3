"""A living cluster: workloads arrive, wait, run and end, nodes fail and recover, all by a seed."""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from lens_sim.cluster import workloads
from lens_sim.cluster.agenda import Agenda
from lens_sim.cluster.claims import Claims
from lens_sim.cluster.daemonsets import DaemonSet
from lens_sim.cluster.lifecycle import Lifecycle
from lens_sim.cluster.nodes import Node, Trouble
from lens_sim.cluster.pods import Pod
from lens_sim.cluster.pools import GPUS, WHOLE, Pool, every_pool
from lens_sim.cluster.recorder import Recorder
from lens_sim.cluster.scheduler import fits, place
from lens_sim.cluster.slices import resource_slice
from lens_sim.cluster.workloads import Workload
from lens_sim.objects import resources
from lens_sim.objects.store import Store
from lens_sim.objects.timestamps import rfc3339

_STANDING = 0.6  # the most of the GPUs that standing workloads take
_FILLED = 0.8  # what is allocated when the simulation begins
_CROWDED = 0.85  # what is allocated when nothing more arrives
_WAITING = 16  # the GPUs, for each ten nodes, that are waited for when nothing as large as a node arrives

# Mean seconds between two events in a fleet of ten nodes; a larger one has them more often.
_ARRIVAL = 8.0
_TROUBLE = 120.0

# Ranges of seconds: how long the first job of a whole node stays, and how long after one the next comes.
_FIRST_STAYS = (45.0, 75.0)
_NEXT_COMES = (150.0, 210.0)

_SPARING = 3  # the fewest nodes of whole GPUs of which one can be spared

_TURN = 0.05  # after how many seconds of work others on the loop get as much
_BEHIND = timedelta(seconds=1)  # how late things may happen before everything is put off

_HEARTBEAT = (240.0, 360.0)
_LASTS = {
    # Shorter than the 300 s that pods tolerate (DefaultTolerationSeconds): nobody is evicted.
    Trouble.NOT_READY: (45.0, 240.0),
    Trouble.UNREACHABLE: (45.0, 240.0),
    Trouble.CORDONED: (120.0, 600.0),
    Trouble.GPU_UNHEALTHY: (300.0, 1_200.0),
}

# The Events of its beginning and its end: reason and component.
_READY = (("NodeNotReady", "node-controller"), ("NodeReady", "kubelet"))
_RECORDED: Mapping[Trouble | None, tuple[tuple[str, str], tuple[str, str]]] = {
    Trouble.NOT_READY: _READY,
    Trouble.UNREACHABLE: _READY,
    Trouble.CORDONED: (("NodeNotSchedulable", "kubelet"), ("NodeSchedulable", "kubelet")),
}


class Fleet:
    """Nodes with 8 GPUs each and their pods, written into `store` as a cluster's own parts would.

    What happens follows from `seed` and the time alone, however the steps are cut. The beginning has a past:
    about 80 % allocated, some of it for days. Every node has an agent's pod that runs; given `agents`, only
    so many have one, and it runs when `agent_runs` says so.

    A `mixed` fleet hands its GPUs out in all ways, by claims too, if it is large enough (`every_pool`). In it
    a whole node comes free every few minutes, for the first time within two.
    """

    def __init__(
        self,
        store: Store,
        now: datetime,
        nodes: int = 10,
        seed: int = 1,
        agents: int | None = None,
        *,
        mixed: bool = False,
    ) -> None:
        self._store = store
        self._chance = random.Random(seed)  # noqa: S311 - a seed is what makes two runs equal
        self._agenda = Agenda()
        born = now - timedelta(days=30)
        pools = every_pool(nodes) if mixed else [WHOLE] * nodes
        self.nodes = [
            Node(number, created=born, heartbeat=now, pool=pool) for number, pool in enumerate(pools, start=1)
        ]
        self._in: dict[Pool, list[Node]] = {
            pool: [node for node in self.nodes if node.pool is pool] for pool in dict.fromkeys(pools)
        }
        self._mixed = mixed
        self._spares = mixed and len(self._in[WHOLE]) >= _SPARING
        self._spared: set[Node] = set()
        self._arriving = workloads.ARRIVING_IN if mixed else {WHOLE: workloads.ARRIVING}
        self._recorder = Recorder(store, self._agenda)
        self._claims = Claims(store)
        self._pods = Lifecycle(store, self.nodes, self._agenda, self._chance, self._recorder, self._claims)
        self._agents: dict[Node, Pod] = {}
        self._daemon_sets: list[DaemonSet] = []
        self._names: Counter[str] = Counter()
        self._pace = 10 / nodes
        self._begin(now, born, agents)

    def pods_on(self, node: Node) -> Sequence[Pod]:
        """Return the pods that hold something of a node, its GPUs for one."""
        return self._pods.pods_on(node)

    def agent_runs(self, node: Node, at: datetime, *, runs: bool) -> None:
        """Let a node's agent run from now on, or no more."""
        pod = self._agents[node]
        if runs:
            self._pods.begin(pod, node, at)
        else:
            self._pods.interrupt(pod, at)
        self._write_daemon_sets(at)

    def step(self, now: datetime) -> None:
        """Do all that has been due until a time."""
        self._agenda.run_until(now)

    async def run(self, clock: Callable[[], datetime], interval: float = 0.25) -> None:
        """Run by a clock until cancelled; read it every `interval` seconds.

        On a machine that is too slow for so many nodes less happens, since other tasks get half of the loop.
        """
        while True:
            now, ends = clock(), time.monotonic() + _TURN
            if self._agenda.run_until(now, partial(_is_past, ends)):
                await asyncio.sleep(interval)
            else:
                self._agenda.put_off(now - _BEHIND)
                await asyncio.sleep(time.monotonic() - ends + _TURN)

    def _begin(self, now: datetime, born: datetime, agents: int | None) -> None:
        for name in workloads.NAMESPACES:
            metadata = {"name": name, "creationTimestamp": rfc3339(born)}
            namespace = {"metadata": metadata, "status": {"phase": "Active"}}
            self._store.put(resources.NAMESPACES, namespace, now)
        if any(pool.dynamic for pool in self._in):
            self._claims.begin(workloads.CLAIMED, born)
        for node in self.nodes:
            self._write(node, now)
            self._agenda.after(now, self._chance.uniform(0, _HEARTBEAT[0]), partial(self._beat, node))
        for daemon, dynamic in ((workloads.DEVICE_PLUGIN, False), (workloads.DRA_DRIVER, True)):
            nodes = [node for node in self.nodes if node.pool.dynamic is dynamic]
            for pod, node in self._daemons(daemon, nodes, born) if nodes else ():
                self._pods.settle(pod, node, born, now)
        for pod, node in self._daemons(workloads.AGENT, self.nodes[:agents], born):
            self._agents[node] = pod
            pod.address = node.loopback
            if agents is None:
                self._pods.settle(pod, node, born, now)
            else:
                self._pods.bind(pod, node, now)
        self._write_daemon_sets(now)
        self._stand(now)
        if self._mixed:
            self._begin_mixed(now)
        for pool in self._in:
            self._fill(pool, now)
        if not self._mixed:
            # One large workload comes last and may have to wait.
            large = max(workloads.ARRIVING, key=lambda workload: workload.shape.requests.gpus)
            self._pods.submit(self._make(large, now), now)
        for period, cronjob in workloads.SCHEDULED:
            until_due = period - now.timestamp() % period
            self._agenda.after(now, until_due, partial(self._fire, period, cronjob))
        for pool in self._in:
            self._agenda.after(now, 0, partial(self._arrive, pool))
        self._agenda.after(now, self._chance.expovariate(1 / _TROUBLE), self._befall)

    def _daemons(
        self, workload: Workload, nodes: Sequence[Node], born: datetime
    ) -> Iterable[tuple[Pod, Node]]:
        """Make a DaemonSet, if it has any nodes, and the pod for each of them."""
        # One for each node, even without a pod there, so that later random choices don't depend on it.
        everywhere = workload._replace(pods=(len(self.nodes), len(self.nodes)))
        pods = workloads.pods_of(everywhere, workload.name, born, self._chance)[: len(nodes)]
        for pod in pods:
            pod.lasts = None
        if pods and pods[0].owner is not None:
            self._daemon_sets.append(DaemonSet(pods[0].owner, pods))
        return zip(pods, nodes, strict=True)

    def _stand(self, now: datetime) -> None:
        """Place the workloads that never end: the first one, ml-team's, in the smallest fleet too."""
        for hours, workload in workloads.STANDING:
            started = now - timedelta(hours=hours)
            pods = self._make(workload, started)
            held = self._held(WHOLE)
            if held and held + _size(pods) > _STANDING * self._devices(WHOLE):
                continue
            self._stay(pods, started, now)

    def _stay(self, pods: Sequence[Pod], started: datetime, now: datetime) -> None:
        for pod in pods:
            pod.lasts = None
            self._pods.claim(pod, started)
            node = place(pod.shape.requests, pod.tolerations, self.nodes, pod.claim)
            self._pods.settle(pod, node, started, now)

    def _begin_mixed(self, now: datetime) -> None:
        """Place what only a mixed fleet has: pods that wait for ever, and a job that will leave its node."""
        for pool, standing in workloads.STANDING_IN.items():
            for hours, workload in standing if pool in self._in else ():
                started = now - timedelta(hours=hours)
                self._stay(self._make(workload, started), started, now)
        for workload, gates in workloads.WAITING:
            if workload.shape.claim is not None and not any(pool.dynamic for pool in self._in):
                continue
            pods = self._make(workload, now)
            for pod in pods:
                pod.gates = gates
            self._pods.submit(pods, now, patient=True)
        if self._spares:
            leaves = self._chance.uniform(*_FIRST_STAYS)
            (pod,) = self._make(workloads.WHOLE_NODE, now - timedelta(minutes=20))
            pod.lasts = timedelta(minutes=20, seconds=leaves)
            node = place(pod.shape.requests, pod.tolerations, self.nodes)
            self._pods.settle(pod, node, pod.created, now)
            self._spared.add(node)
            self._agenda.after(now, leaves + self._chance.uniform(*_NEXT_COMES), self._take_a_node)

    def _take_a_node(self, at: datetime) -> None:
        """Let a job take a whole node for a while: between two of them one is free."""
        self._spared.clear()
        if self._pods.waiting_gpus() < GPUS:
            self._pods.submit(self._make(workloads.WHOLE_NODE, at), at)
        self._agenda.after(at, self._chance.uniform(*_NEXT_COMES), self._take_a_node)

    def _fill(self, pool: Pool, now: datetime) -> None:
        """Place workloads that started some time ago, scattered as arrivals and ends leave them."""
        room = math.floor(_FILLED * self._devices(pool)) - self._held(pool)
        filling: list[Pod] = []
        refused = 0
        while room > 0 and refused < 20:
            pods = self._make(self._draw(pool), now)
            if _size(pods) > room:
                refused += 1
                continue
            room -= _size(pods)
            filling += pods
            done = self._chance.uniform(0.2, 0.9)
            for pod in pods:
                assert pod.lasts is not None
                pod.created = now - done * pod.lasts
        for pod in sorted(filling, key=lambda pod: -pod.shape.size):
            self._pods.claim(pod, pod.created)
            self._pods.settle(pod, self._scatter(pod, pool), pod.created + timedelta(seconds=8), now)

    def _scatter(self, pod: Pod, pool: Pool) -> Node:
        for _ in range(20):
            node = self._chance.choice(self._in[pool])
            if fits(pod.shape.requests, pod.tolerations, node, pod.claim):
                return node
        return place(pod.shape.requests, pod.tolerations, self.nodes, pod.claim)

    def _held(self, pool: Pool) -> int:
        """Return how many of a pool's devices are held."""
        return sum(node.devices.held for node in self._in[pool])

    def _devices(self, pool: Pool) -> int:
        """Return how many devices a pool has."""
        return len(self._in[pool]) * (GPUS if pool.dynamic else pool.capacity.devices)

    def _draw(self, pool: Pool) -> Workload:
        arriving = self._arriving[pool]
        return self._chance.choices(arriving, [workload.weight for workload in arriving])[0]

    def _make(self, workload: Workload, at: datetime) -> list[Pod]:
        self._names[workload.name] += 1
        name = f"{workload.name}-{self._names[workload.name]}"
        return workloads.pods_of(workload, name, at, self._chance)

    def _arrive(self, pool: Pool, at: datetime) -> None:
        workload = self._draw(pool)
        spares = self._spares and pool is WHOLE
        crowded = self._held(pool) >= _CROWDED * (self._devices(pool) - (GPUS if spares else 0))
        queued = self._pods.waiting_gpus() * self._pace >= _WAITING
        if not crowded and not (queued and workload.shape.requests.gpus == GPUS):
            pods = self._make(workload, at)
            if not spares or self._fit_beside(pods):
                self._pods.submit(pods, at)
        pace = 10 / len(self._in[pool])
        self._agenda.after(at, self._chance.expovariate(1 / (_ARRIVAL * pace)), partial(self._arrive, pool))

    def _fit_beside(self, pods: Sequence[Pod]) -> bool:
        """Return whether pods fit without the nodes that are empty."""
        free = sorted(
            node.free.gpus
            for node in self._in[WHOLE]
            if node.devices.held and not (node.silent or node.unschedulable)
        )
        for pod in sorted(pods, key=lambda pod: -pod.shape.size):
            fitting = next((index for index, left in enumerate(free) if left >= pod.shape.size), None)
            if fitting is None:
                return False
            free[fitting] -= pod.shape.size
            free.sort()
        return True

    def _fire(self, period: int, cronjob: Workload, at: datetime) -> None:
        name = f"{cronjob.name}-{round(at.timestamp()) // 60}"
        self._pods.submit(workloads.pods_of(cronjob, name, at, self._chance), at)
        self._agenda.after(at, period, partial(self._fire, period, cronjob))

    def _beat(self, node: Node, at: datetime) -> None:
        if not node.silent:
            node.heartbeat = at
            self._write(node, at)
        self._agenda.after(at, self._chance.uniform(*_HEARTBEAT), partial(self._beat, node))

    def _befall(self, at: datetime) -> None:
        """Start trouble on a node, unless a tenth of them has some. Only a free GPU turns unhealthy."""
        self._agenda.after(at, self._chance.expovariate(1 / (_TROUBLE * self._pace)), self._befall)
        trouble = self._chance.choice(list(Trouble))
        troubled = sum(node.trouble is not None for node in self.nodes)
        well = [
            node
            for node in self.nodes
            if node.trouble is None
            and node not in self._spared
            and (trouble is not Trouble.GPU_UNHEALTHY or (node.pool.whole and node.devices.free))
        ]
        if not well or troubled > len(self.nodes) / 10:
            return
        node = self._chance.choice(well)
        node.befall(trouble, at)
        self._write_changed(node, at)
        if trouble in _RECORDED:
            self._recorder.node(node, *_RECORDED[trouble][0], at)
        self._agenda.after(at, self._chance.uniform(*_LASTS[trouble]), partial(self._recover, node))

    def _recover(self, node: Node, at: datetime) -> None:
        trouble, silent = node.trouble, node.silent
        node.recover(at)
        self._write_changed(node, at, was_silent=silent)
        if trouble in _RECORDED:
            self._recorder.node(node, *_RECORDED[trouble][1], at)
        self._pods.schedule(at)

    def _write_changed(self, node: Node, at: datetime, *, was_silent: bool = False) -> None:
        """Write a node that has changed, and its pods where that changes them."""
        self._write(node, at)
        if node.silent is not was_silent:
            self._pods.follow(node, at)
            self._write_daemon_sets(at)

    def _write(self, node: Node, at: datetime) -> None:
        stored = self._store.put(resources.NODES, node.manifest(), at)
        if node.pool.dynamic:
            self._store.put(resources.RESOURCE_SLICES, resource_slice(node, stored["metadata"]["uid"]), at)

    def _write_daemon_sets(self, at: datetime) -> None:
        for daemon_set in self._daemon_sets:
            self._store.put(resources.DAEMON_SETS, daemon_set.manifest(), at)


def _size(pods: Sequence[Pod]) -> int:
    return sum(pod.shape.size for pod in pods)


def _is_past(moment: float) -> bool:
    return time.monotonic() > moment
