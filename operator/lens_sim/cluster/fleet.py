"""A living cluster: workloads arrive, wait, run and end, nodes fail and recover, all by a seed."""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from lens_sim.cluster import workloads
from lens_sim.cluster.agenda import Agenda
from lens_sim.cluster.daemonsets import DaemonSet
from lens_sim.cluster.lifecycle import Lifecycle
from lens_sim.cluster.nodes import CAPACITY, Node, Trouble
from lens_sim.cluster.pods import Pod
from lens_sim.cluster.recorder import Recorder
from lens_sim.cluster.scheduler import fits, place
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
    """

    def __init__(
        self, store: Store, now: datetime, nodes: int = 10, seed: int = 1, agents: int | None = None
    ) -> None:
        self._store = store
        self._chance = random.Random(seed)  # noqa: S311 - a seed is what makes two runs equal
        self._agenda = Agenda()
        born = now - timedelta(days=30)
        self.nodes = [Node(number, created=born, heartbeat=now) for number in range(1, nodes + 1)]
        self._recorder = Recorder(store, self._agenda)
        self._pods = Lifecycle(store, self.nodes, self._agenda, self._chance, self._recorder)
        self._agents: dict[Node, Pod] = {}
        self._daemon_sets: list[DaemonSet] = []
        self._names: Counter[str] = Counter()
        self._gpus = nodes * CAPACITY.gpus
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
        """Live by a clock until cancelled; look at it every `interval` seconds."""
        while True:
            self.step(clock())
            await asyncio.sleep(interval)

    def _begin(self, now: datetime, born: datetime, agents: int | None) -> None:
        for name in workloads.NAMESPACES:
            metadata = {"name": name, "creationTimestamp": rfc3339(born)}
            namespace = {"metadata": metadata, "status": {"phase": "Active"}}
            self._store.put(resources.NAMESPACES, namespace, now)
        for node in self.nodes:
            self._write(node, now)
            self._agenda.after(now, self._chance.uniform(0, _HEARTBEAT[0]), partial(self._beat, node))
        for pod, node in self._daemons(workloads.DEVICE_PLUGIN, self.nodes, born):
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
        self._fill(now)
        for period, cronjob in workloads.SCHEDULED:
            until_due = period - now.timestamp() % period
            self._agenda.after(now, until_due, partial(self._fire, period, cronjob))
        self._agenda.after(now, 0, self._arrive)
        self._agenda.after(now, self._chance.expovariate(1 / _TROUBLE), self._befall)

    def _daemons(
        self, workload: Workload, nodes: Sequence[Node], born: datetime
    ) -> Iterable[tuple[Pod, Node]]:
        """Make a DaemonSet, if it has any nodes, and the pod for each of them."""
        # One for each node, whether it gets it or not: what follows by chance is not to depend on it.
        everywhere = workload._replace(pods=(len(self.nodes), len(self.nodes)))
        pods = workloads.pods_of(everywhere, workload.name, born, self._chance)[: len(nodes)]
        for pod in pods:
            pod.lasts = None
        if pods and pods[0].owner is not None:
            self._daemon_sets.append(DaemonSet(pods[0].owner, pods))
        return zip(pods, nodes, strict=True)

    def _stand(self, now: datetime) -> None:
        """Place what never ends; the first of it, ml-team's, in the smallest fleet too."""
        for hours, workload in workloads.STANDING:
            started = now - timedelta(hours=hours)
            pods = self._make(workload, started)
            allocated = self._pods.allocated_gpus()
            if allocated and allocated + _gpus(pods) > _STANDING * self._gpus:
                continue
            for pod in pods:
                pod.lasts = None
                node = place(pod.shape.requests, pod.tolerations, self.nodes)
                self._pods.settle(pod, node, started, now)

    def _fill(self, now: datetime) -> None:
        """Place workloads that are somewhere in their run, scattered as coming and going leaves them.

        One large workload comes last and may have to wait.
        """
        room = math.floor(_FILLED * self._gpus) - self._pods.allocated_gpus()
        filling: list[Pod] = []
        refused = 0
        while room > 0 and refused < 20:
            pods = self._make(self._draw(), now)
            if _gpus(pods) > room:
                refused += 1
                continue
            room -= _gpus(pods)
            filling += pods
            done = self._chance.uniform(0.2, 0.9)
            for pod in pods:
                assert pod.lasts is not None
                pod.created = now - done * pod.lasts
        for pod in sorted(filling, key=lambda pod: -pod.shape.requests.gpus):
            self._pods.settle(pod, self._scatter(pod), pod.created + timedelta(seconds=8), now)
        large = max(workloads.ARRIVING, key=lambda workload: workload.shape.requests.gpus)
        self._pods.submit(self._make(large, now), now)

    def _scatter(self, pod: Pod) -> Node:
        ask = pod.shape.requests, pod.tolerations
        for _ in range(20):
            node = self._chance.choice(self.nodes)
            if fits(*ask, node):
                return node
        return place(*ask, self.nodes)

    def _draw(self) -> Workload:
        weights = [workload.weight for workload in workloads.ARRIVING]
        return self._chance.choices(workloads.ARRIVING, weights)[0]

    def _make(self, workload: Workload, at: datetime) -> list[Pod]:
        self._names[workload.name] += 1
        name = f"{workload.name}-{self._names[workload.name]}"
        return workloads.pods_of(workload, name, at, self._chance)

    def _arrive(self, at: datetime) -> None:
        workload = self._draw()
        crowded = self._pods.allocated_gpus() >= _CROWDED * self._gpus
        queued = self._pods.waiting_gpus() * self._pace >= _WAITING
        if not crowded and not (queued and workload.shape.requests.gpus == CAPACITY.gpus):
            self._pods.submit(self._make(workload, at), at)
        self._agenda.after(at, self._chance.expovariate(1 / (_ARRIVAL * self._pace)), self._arrive)

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
        """Bring trouble to a node, unless a tenth of them has some; a GPU turns unhealthy when it is free."""
        self._agenda.after(at, self._chance.expovariate(1 / (_TROUBLE * self._pace)), self._befall)
        trouble = self._chance.choice(list(Trouble))
        troubled = sum(node.trouble is not None for node in self.nodes)
        well = [
            node
            for node in self.nodes
            if node.trouble is None and (node.free.gpus or trouble is not Trouble.GPU_UNHEALTHY)
        ]
        if not well or troubled > len(self.nodes) / 10:
            return
        node = self._chance.choice(well)
        node.befall(trouble, at)
        self._tell(node, at)
        if trouble in _RECORDED:
            self._recorder.node(node, *_RECORDED[trouble][0], at)
        self._agenda.after(at, self._chance.uniform(*_LASTS[trouble]), partial(self._recover, node))

    def _recover(self, node: Node, at: datetime) -> None:
        trouble, silent = node.trouble, node.silent
        node.recover(at)
        self._tell(node, at, was_silent=silent)
        if trouble in _RECORDED:
            self._recorder.node(node, *_RECORDED[trouble][1], at)
        self._pods.schedule(at)

    def _tell(self, node: Node, at: datetime, *, was_silent: bool = False) -> None:
        """Write a node that has changed, and its pods where that changes them."""
        self._write(node, at)
        if node.silent is not was_silent:
            self._pods.follow(node, at)
            self._write_daemon_sets(at)

    def _write(self, node: Node, at: datetime) -> None:
        self._store.put(resources.NODES, node.manifest(), at)

    def _write_daemon_sets(self, at: datetime) -> None:
        for daemon_set in self._daemon_sets:
            self._store.put(resources.DAEMON_SETS, daemon_set.manifest(), at)


def _gpus(pods: list[Pod]) -> int:
    return sum(pod.shape.requests.gpus for pod in pods)
