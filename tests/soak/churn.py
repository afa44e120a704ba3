"""What happens in the cluster, in the surroundings' process: each happening is a generator.

It yields how many simulated seconds pass before it goes on. By chance, and by rates a day: pods end and
others come, in namespaces and with names that were never there before; nodes fail, are cordoned, come and
go; agents fall silent, GPUs break. A small mixed fleet beside them has claims, owners and Events.
"""

import asyncio
import heapq
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import count

from lens_sim.cluster.fleet import Fleet
from lens_sim.objects.resources import EVENTS, NAMESPACES, NODES, OWNERS, PODS
from tests.attack import agents, cluster
from tests.attack.cluster import GPU, GPUS_PER_NODE, Object
from tests.attack.surroundings import Surroundings

DAY_S = 86_400.0
Happening = Iterator[float]

LIVES = 40.0
"""How many pods a node has a day."""

BY_NODE: Mapping[str, float] = {"outage": 0.3, "cordon": 0.1, "silence": 0.3, "breakage": 0.2, "spot": 0.5}
"""How often the rest happens, a node and a day."""

TEAM_S = 1800.0
TEAMS = 20
"""So often there is a new namespace, and in so many of the newest there are new pods."""

TEAM_LASTS_S = 2 * TEAMS * TEAM_S
"""After so long a namespace goes, with what pods are left in it: the cluster itself must not grow."""

OWNED, UNPLACED = 0.25, 0.1
"""The shares of pods of a Job, and of those that the scheduler says an Event of."""

STEP_S = 0.05
FLEET_NODES, FLEET_SPEED = 20, 20.0
"""The mixed fleet's time is faster than real time by less: it is livelier than a cluster is."""

_JOBS = next(each for each in OWNERS if each.kind == "Job")


def newest_team(seconds: float) -> int:
    """Return the number of the newest namespace after so much of the cluster's time."""
    return int(seconds // TEAM_S) + TEAMS


class Churn:
    """Lets a day's happenings happen."""

    def __init__(self, surroundings: Surroundings, seed: int, speed: float) -> None:
        self._store, self._agents = surroundings.store, surroundings.agents
        self._nodes = surroundings.nodes
        self._chance = random.Random(seed)
        self._speed = speed
        self._serial = count(1)
        self._held: dict[tuple[int, int], tuple[str, str]] = {}
        self._due: list[tuple[float, int, Happening]] = []
        self._now = 0.0
        self.fleet = Fleet(self._store, cluster.now(), FLEET_NODES, seed, 0, mixed=True)
        rates: dict[Callable[[], Happening], float] = {
            getattr(self, f"_{name}"): rate * self._nodes / DAY_S for name, rate in BY_NODE.items()
        }
        rates[self._life] = LIVES * self._nodes / DAY_S
        for happening, rate in rates.items():
            self._at(0.0, self._again(happening, rate))

    async def run(self) -> None:
        """Let time pass, until cancelled."""
        loop = asyncio.get_running_loop()
        began, at = loop.time(), cluster.now()
        while True:
            passed = loop.time() - began
            self.fleet.step(at + timedelta(seconds=passed * FLEET_SPEED))
            self.advance(passed * self._speed)
            await asyncio.sleep(STEP_S)

    def advance(self, seconds: float) -> None:
        """Let everything happen until so many simulated seconds after the start."""
        while self._due and self._due[0][0] <= seconds:
            self._now, _, happening = heapq.heappop(self._due)
            if (wait := next(happening, None)) is not None:
                self._at(self._now + wait, happening)

    def _at(self, when: float, happening: Happening) -> None:
        heapq.heappush(self._due, (when, next(self._serial), happening))

    def _again(self, happening: Callable[[], Happening], per_second: float) -> Happening:
        while True:
            yield self._chance.expovariate(per_second)
            self._at(self._now, happening())

    def _life(self) -> Happening:
        """End any pod, and let another take its GPU."""
        number, index = self._chance.randint(1, self._nodes), self._chance.randrange(GPUS_PER_NODE - 1)
        yield from self._replacement(number, index)

    def _replacement(self, number: int, index: int) -> Happening:
        """End the pod that has a GPU, and let another take it."""
        first = (cluster.TENANT_NAMESPACE if index == 0 else "team", f"train-{number:04}-{index}")
        namespace, name = self._held.get((number, index), first)
        if not name:
            return
        self._held[number, index] = ("", "")
        node = cluster.node_name(number)
        ended = cluster.pod(name, node, True, namespace)
        ended["status"]["phase"] = self._chance.choice(("Succeeded", "Failed"))
        self._store.put(PODS, ended, cluster.now())
        self._report(number)
        yield self._chance.uniform(20, 300)
        self._store.delete(PODS, PODS.key(namespace, name))
        if self._store.get(_JOBS, key := _JOBS.key(namespace, name)) is not None:
            self._store.delete(_JOBS, key)
        namespace, name = self._team(), f"job-{next(self._serial)}"
        metadata = self._owned(namespace, name) if self._chance.random() < OWNED else {}
        self._store.put(PODS, cluster.pod(name, None, True, namespace, **metadata), cluster.now())
        if self._chance.random() < UNPLACED:
            yield from self._refused(namespace, name)
        yield self._chance.uniform(5, 60)
        bound = cluster.pod(name, node, True, namespace, **metadata)
        self._store.put(PODS, {**bound, "status": {"phase": "Pending"}}, cluster.now())
        yield self._chance.uniform(10, 60)
        self._store.put(PODS, bound, cluster.now())
        self._held[number, index] = (namespace, name)
        self._report(number)

    def _refused(self, namespace: str, name: str) -> Happening:
        pod = self._store.get(PODS, PODS.key(namespace, name))
        assert pod is not None
        metadata = {"name": f"{name}.{next(self._serial):x}", "namespace": namespace}
        event = {
            "metadata": metadata,
            "involvedObject": {
                "kind": "Pod",
                "namespace": namespace,
                "name": name,
                "uid": pod["metadata"]["uid"],
            },
            "type": "Warning",
            "reason": "FailedScheduling",
            "message": f"0/{self._nodes} nodes are available: {self._nodes} Insufficient {GPU}.",
            "source": {"component": "default-scheduler"},
            "lastTimestamp": f"{cluster.now():%Y-%m-%dT%H:%M:%SZ}",
            "count": 1,
        }
        self._store.put(EVENTS, event, cluster.now())
        self._at(self._now + 3600, self._forgotten(EVENTS.key_of(event)))
        yield self._chance.uniform(600, 7200)

    def _forgotten(self, key: str) -> Happening:
        self._store.delete(EVENTS, key)
        yield from ()

    def _outage(self) -> Happening:
        name = self._any_node()
        self._store.put(NODES, cluster.node(name, ready=False), cluster.now())
        yield self._chance.uniform(120, 900)
        self._store.put(NODES, cluster.node(name), cluster.now())

    def _cordon(self) -> Happening:
        name = self._any_node()
        self._store.put(NODES, cluster.node(name, cordoned=True), cluster.now())
        yield self._chance.uniform(600, 7200)
        self._store.put(NODES, cluster.node(name), cluster.now())

    def _spot(self) -> Happening:
        """Let a node come that was never there, with pods, and go."""
        name = f"spot-{next(self._serial)}"
        self._store.put(NODES, cluster.node(name), cluster.now())
        yield 60.0
        namespace = self._team()
        pods = [cluster.pod(f"{name}-{index}", name, True, namespace) for index in range(GPUS_PER_NODE)]
        for pod in pods:
            self._store.put(PODS, pod, cluster.now())
        yield self._chance.uniform(1800, 7200)
        self._store.delete(NODES, name)
        yield 60.0
        for pod in pods:
            self._store.delete(PODS, PODS.key_of(pod))

    def _silence(self) -> Happening:
        """Let an agent answer with nonsense for a while."""
        number = self._chance.randint(1, self._nodes)
        self._agents.lies[number] = b"<html>%d</html>" % next(self._serial)
        yield self._chance.uniform(900, 3600)
        self._agents.lies.pop(number, None)

    def _breakage(self) -> Happening:
        """Let a GPU be broken for a while."""
        number = self._chance.randint(1, self._nodes)
        self._agents.broken[number] = self._chance.randrange(GPUS_PER_NODE)
        yield self._chance.uniform(900, 3600)
        self._agents.broken.pop(number, None)

    def _any_node(self) -> str:
        return cluster.node_name(self._chance.randint(1, self._nodes))

    def _team(self) -> str:
        """Return a namespace of the newest; the first time that it is needed it is made."""
        name = f"team-{newest_team(self._now) - self._chance.randrange(TEAMS)}"
        if self._store.get(NAMESPACES, name) is None:
            self._store.put(NAMESPACES, {"metadata": {"name": name}}, cluster.now())
            self._at(self._now + TEAM_LASTS_S, self._namespace_end(name))
        return name

    def _namespace_end(self, name: str) -> Happening:
        """End the pods in a namespace, and delete it."""
        for (number, index), (namespace, _) in self._held.items():
            if namespace == name:
                self._at(self._now, self._replacement(number, index))
        yield TEAM_S
        self._store.delete(NAMESPACES, name)

    def _owned(self, namespace: str, name: str) -> Object:
        job = self._store.put(_JOBS, {"metadata": {"name": name, "namespace": namespace}}, cluster.now())
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"]}
        return {"ownerReferences": [{**owner, "controller": True}]}

    def _report(self, number: int) -> None:
        """Let a node's agent say who holds its GPUs now."""
        holders = agents.report(number)["holders"]
        for index, holder in enumerate(holders):
            if (number, index) in self._held:
                holder["namespace"], holder["pod"] = self._held[number, index]
        present = [holder for holder in holders if holder["pod"]]
        self._agents.said[number] = {"holders": present}


def begin(surroundings: Surroundings, seed: int, speed: float) -> None:
    """Make what is there beside the nodes, and let time pass from now on."""
    surroundings.apiserver.serve("v1")
    surroundings.changing = asyncio.get_running_loop().create_task(Churn(surroundings, seed, speed).run())


def ended(surroundings: Surroundings) -> str:
    """Say how time's passing has ended, nothing while it goes on."""
    task = surroundings.changing
    return repr(task.exception()) if task is not None and task.done() else ""


def accept(surroundings: Surroundings, token: str) -> None:
    """Take this token as Lens' own from now on, and no other."""
    surroundings.apiserver.token = token
