"""The life of the simulated pods: created, scheduled, started, finished, gone."""

import itertools
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from lens_sim.cluster.agenda import Action, Agenda
from lens_sim.cluster.claims import ClaimRequest, Claims
from lens_sim.cluster.nodes import Node
from lens_sim.cluster.owners import Owners
from lens_sim.cluster.pods import Pod
from lens_sim.cluster.recorder import Recorder
from lens_sim.cluster.scheduler import UnschedulableError, place
from lens_sim.objects import resources
from lens_sim.objects.resourcelist import ResourceList
from lens_sim.objects.store import Store
from lens_sim.objects.taints import Toleration

# Ranges of seconds.
_START = (2.0, 12.0)
_TERMINATION = (2.0, 25.0)
_FINISHED_FOR = (60.0, 600.0)
_PATIENCE = (600.0, 1_800.0)
_KUBELET_IS_BACK = (5.0, 15.0)
_FAILS = 0.1


class Lifecycle:
    """Scheduler, kubelets and controllers in one: moves pods on and writes them into the store."""

    def __init__(
        self,
        store: Store,
        nodes: Sequence[Node],
        agenda: Agenda,
        chance: random.Random,
        recorder: Recorder,
        claims: Claims,
    ) -> None:
        self._store = store
        self._claims = claims
        self._recorder = recorder
        self._owners = Owners(store)
        self._nodes = nodes
        self._agenda = agenda
        self._chance = chance
        self._pending: list[Pod] = []
        self._addresses = itertools.count(1)
        self._placed: dict[Node, list[Pod]] = {node: [] for node in nodes}

    def waiting_gpus(self) -> int:
        """Return the whole GPUs of device plugins that pods wait for."""
        return sum(pod.shape.requests.gpus for pod in self._pending)

    def pods_on(self, node: Node) -> Sequence[Pod]:
        """Return the pods that hold something of a node, in the order in which they were placed."""
        return self._placed[node]

    def follow(self, node: Node, at: datetime) -> None:
        """Let the pods of a node that fell silent, or is back, be ready no more, or again."""
        for pod in self._placed[node]:
            if pod.phase == "Running":
                pod.readiness_changed = at
                self._write(pod, at)
                if node.silent:
                    self._recorder.node_not_ready(pod, at)

    def begin(self, pod: Pod, node: Node, at: datetime) -> None:
        """Start, or restart, the container of a pod that is on a node."""
        if pod.started is None:
            self._run(pod, node, at)
        else:
            pod.restarts += 1
            pod.readiness_changed = at
        pod.stopped = False
        self._write(pod, at)
        self._recorder.started(pod, node, at)

    def interrupt(self, pod: Pod, at: datetime) -> None:
        """Stop the container of a running pod, until it is begun again."""
        pod.stopped, pod.readiness_changed = True, at
        self._write(pod, at)

    def submit(self, pods: Sequence[Pod], at: datetime, *, patient: bool = False) -> None:
        """Create pods and schedule them.

        Who made a pod that never fits deletes it after a while, unless they are `patient`.
        """
        for pod in pods:
            self._write(pod, at)
            self.claim(pod, at)
            if not pod.gates:
                self._pending.append(pod)
            if not patient:
                self._agenda.after(at, self._chance.uniform(*_PATIENCE), partial(self._give_up, pod))
        self.schedule(at)

    def settle(self, pod: Pod, node: Node, started: datetime, now: datetime) -> None:
        """Write a pod that has been running on a node since before the simulation began."""
        pod.scheduled = started - timedelta(seconds=_START[0])
        self._assign(pod, node, pod.scheduled)
        self._run(pod, node, started)
        self._write(pod, now)

    def bind(self, pod: Pod, node: Node, at: datetime) -> None:
        """Write a pod onto a node where it waits to be begun."""
        pod.scheduled = at
        self._assign(pod, node, at)
        self._write(pod, at)

    def claim(self, pod: Pod, at: datetime) -> None:
        """Make the claim of a pod, if it has one, as the claim controller does once the pod is there."""
        if pod.shape.claim is not None:
            self._write(pod, at)
            pod.claim = self._claims.of(pod.namespace, self._stored(pod), pod.shape.claim, at)
            self._write(pod, at)

    def schedule(self, at: datetime) -> None:
        """Place the pending pods that fit now, oldest first, and write into the others why they don't."""
        refusals: dict[tuple[ResourceList, tuple[Toleration, ...], ClaimRequest | None], str] = {}
        pending, self._pending = self._pending, []
        for pod in pending:
            ask = (pod.shape.requests, pod.tolerations, pod.shape.claim)
            if ask not in refusals:
                try:
                    node = place(pod.shape.requests, pod.tolerations, self._nodes, pod.claim)
                except UnschedulableError as error:
                    refusals[ask] = str(error)
                else:
                    pod.scheduled = at
                    self._assign(pod, node, at)
                    self._agenda.after(at, self._chance.uniform(*_START), partial(self._start, pod, node))
                    self._write(pod, at)
                    self._recorder.scheduled(pod, node, at)
                    continue
            before, pod.refusal = pod.refusal, refusals[ask]
            pod.refused = pod.refused or at
            self._pending.append(pod)
            self._write(pod, at)
            if pod.refusal != before:
                self._recorder.refused(pod, at)

    def _assign(self, pod: Pod, node: Node, at: datetime) -> None:
        pod.node = node
        node.allocated = node.allocated.plus(pod.shape.requests)
        if pod.claim is None:
            pod.devices = node.devices.allocate(pod.shape.requests.devices)
        else:
            self._claims.reserve(pod.claim, node, self._stored(pod), at)
            pod.devices = pod.claim.devices
        self._placed[node].append(pod)

    def _release(self, pod: Pod, node: Node) -> None:
        node.allocated = node.allocated.minus(pod.shape.requests)
        if pod.claim is None:
            node.devices.take_back(pod.devices)
        pod.devices = ()
        self._placed[node].remove(pod)

    def _unclaim(self, pod: Pod, at: datetime) -> None:
        """Do what the claim controller does after a pod has ended, or is gone."""
        if pod.claim is not None:
            self._claims.release(pod.claim, pod.name, at)

    def _start(self, pod: Pod, node: Node, at: datetime) -> None:
        if self._put_off(node, at, partial(self._start, pod, node)):
            return
        self._run(pod, node, at)
        self._write(pod, at)
        self._recorder.started(pod, node, at)

    def _run(self, pod: Pod, node: Node, started: datetime) -> None:
        number = next(self._addresses)
        pod.address = (
            pod.address or f"10.{200 + number // 62_500 % 50}.{number // 250 % 250}.{number % 250 + 2}"
        )
        pod.started = started
        if pod.lasts is not None:
            end = self._finish if pod.completes else self._terminate
            self._agenda.after(started, pod.lasts.total_seconds(), partial(end, pod, node))

    def _finish(self, pod: Pod, node: Node, at: datetime) -> None:
        if self._put_off(node, at, partial(self._finish, pod, node)):
            return
        pod.finished = at
        pod.failed = self._chance.random() < _FAILS
        self._release(pod, node)
        self._write(pod, at)
        self._unclaim(pod, at)
        self._agenda.after(at, self._chance.uniform(*_FINISHED_FOR), partial(self._delete, pod))
        self.schedule(at)

    def _terminate(self, pod: Pod, node: Node, at: datetime) -> None:
        pod.deleted = at
        self._write(pod, at)
        self._recorder.killing(pod, node, at)
        self._agenda.after(at, self._chance.uniform(*_TERMINATION), partial(self._terminated, pod, node))

    def _terminated(self, pod: Pod, node: Node, at: datetime) -> None:
        if self._put_off(node, at, partial(self._terminated, pod, node)):
            return
        self._delete(pod, at)
        self._release(pod, node)
        self._unclaim(pod, at)
        self.schedule(at)

    def _give_up(self, pod: Pod, at: datetime) -> None:
        if pod in self._pending:
            self._pending.remove(pod)
            self._delete(pod, at)
            self._unclaim(pod, at)

    def _put_off(self, node: Node, at: datetime, action: Action) -> bool:
        """Postpone what is due on a silent node until its kubelet is back."""
        if node.silent:
            self._agenda.after(at, self._chance.uniform(*_KUBELET_IS_BACK), action)
        return node.silent

    def _stored(self, pod: Pod) -> resources.Object:
        stored = self._store.get(resources.PODS, pod.key)
        assert stored is not None, pod.key
        return stored

    def _write(self, pod: Pod, at: datetime) -> None:
        self._owners.keep(pod, at)
        self._store.put(resources.PODS, pod.manifest(), at)

    def _delete(self, pod: Pod, _: datetime) -> None:
        self._store.delete(resources.PODS, pod.key)
        self._owners.let_go(pod)
