"""A cluster as an arithmetic: each object, at each moment, is computed from its number. No object is kept.

Pods are in layers: pod `layer * nodes + n` is on node `n`, and the first layers are those with GPUs. Some of
the GPU pods move, in runs of as many as a Job has, so that they are of as many Jobs in a cluster of any size.
Change 1 ends the first of them, change 2 the second and so on; once all have ended, they begin again, one
after another. So how often a pod has ended and begun follows from the number of changes.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tests.bench.size import templates

FIRST_VERSION = 10**9
NAMESPACES = tuple(f"team-{number:02}" for number in range(50))
GPUS = (1, 2, 4, 8)
"""What a GPU pod requests, by its node's number; of several on one node each requests 1."""

NOT_READY_EACH = 1000
"""One in so many nodes isn't ready."""

PODS_PER_JOB = 64
MOVING = 1000
"""The most GPU pods that end and begin again."""

_BEGAN = b"2026-11-01T00:00:00Z"


class Totals(NamedTuple):
    """What a correct count says: all GPUs, those that pods hold, and the pods."""

    gpus: int
    allocated: int
    tasks: int


class Fleet:
    """A cluster of so many nodes, pods, and pods with GPUs."""

    def __init__(self, nodes: int, pods: int, gpu_pods: int) -> None:
        """Take the numbers. `gpu_pods` is a multiple of `nodes` and at most 8 times as many."""
        if gpu_pods % nodes or not nodes <= gpu_pods <= min(pods, templates.GPUS_PER_NODE * nodes):
            raise ValueError(f"{gpu_pods} pods with GPUs on {nodes} nodes")
        self.nodes = nodes
        self.pods = pods
        self.gpu_pods = gpu_pods
        self.moving = min(MOVING, gpu_pods)
        runs = -(-self.moving // PODS_PER_JOB)
        self._stride = max(1, gpu_pods // runs // PODS_PER_JOB) * PODS_PER_JOB
        self._nodes = [templates.node(product) for product in templates.PRODUCTS]
        self._pods = {
            (namespace, gpus): templates.pod(namespace, gpus)
            for namespace in NAMESPACES
            for gpus in (0, *GPUS)
        }

    def node(self, number: int) -> bytes:
        """Return a node's JSON."""
        ready = b"False" if number % NOT_READY_EACH == NOT_READY_EACH - 1 else b"True"
        return self._nodes[number % len(self._nodes)].filled((b"%07d" % number, b"%d" % FIRST_VERSION, ready))

    def pod(self, number: int, changes: int) -> bytes | None:
        """Return a pod's JSON as it is after so many changes; None for one that has ended."""
        turns = self._turns(number, changes)
        if turns % 2:
            return None
        return self._pod(number, self._change_of(number, turns) if turns else 0)

    def line(self, change: int) -> bytes:
        """Return the watch's line of a change, counted from 1."""
        turn, at = divmod(change - 1, self.moving)
        number = self._number_at(at)
        if self.begins(change):
            return _line(b"ADDED", self._pod(number, change))
        # Of a deleted object the line has the last state, at the version of the deletion.
        return _line(b"DELETED", self._pod(number, change - self.moving if turn else 0, version=change))

    def begins(self, change: int) -> bool:
        """Tell whether a pod begins with a change, and doesn't end."""
        return (change - 1) // self.moving % 2 == 1

    def totals(self, changes: int) -> Totals:
        """Return the right figures after so many changes."""
        held = [self.gpus_of(number) for number in range(self.gpu_pods)]
        gone = [
            held[number]
            for number in map(self._number_at, range(self.moving))
            if self._turns(number, changes) % 2
        ]
        return Totals(self.nodes * templates.GPUS_PER_NODE, sum(held) - sum(gone), len(held) - len(gone))

    def gpus_of(self, number: int) -> int:
        """Return how many GPUs a pod requests."""
        if number >= self.gpu_pods:
            return 0
        return GPUS[number % self.nodes % len(GPUS)] if self.gpu_pods == self.nodes else 1

    def listed(self, start: int, end: int, changes: int) -> Iterator[bytes]:
        """Yield the pods of some numbers after so many changes."""
        for number in range(start, min(end, self.pods)):
            if (found := self.pod(number, changes)) is not None:
                yield found

    def _turns(self, number: int, changes: int) -> int:
        """Return how often a pod has ended or begun."""
        at = self._place(number)
        if at is None:
            return 0
        return (changes - at + self.moving - 1) // self.moving if changes > at else 0

    def _change_of(self, number: int, turn: int) -> int:
        return (turn - 1) * self.moving + (self._place(number) or 0) + 1

    def _number_at(self, at: int) -> int:
        """Return the number of a pod that moves, by its place among them."""
        run, member = divmod(at, PODS_PER_JOB)
        return run * self._stride + member

    def _place(self, number: int) -> int | None:
        """Return the place of a pod among those that move; None for one that doesn't."""
        run, member = divmod(number, self._stride)
        at = run * PODS_PER_JOB + member
        return at if member < PODS_PER_JOB and at < self.moving else None

    def _pod(self, number: int, change: int, version: int | None = None) -> bytes:
        job = self.job(number)
        template = self._pods[NAMESPACES[job % len(NAMESPACES)], self.gpus_of(number)]
        return template.filled(
            (
                b"%07d" % number,
                b"%07d" % (number % self.nodes),
                b"%d" % (FIRST_VERSION + (change if version is None else version)),
                b"%07d" % job,
                b"%08d-0000-4000-a000-%012d" % (number, change),
                _BEGAN,
            )
        )

    def job(self, number: int) -> int:
        """Return the number of a pod's Job, whose pods are on adjacent nodes."""
        layer, node = divmod(number, self.nodes)
        return layer * -(-self.nodes // PODS_PER_JOB) + node // PODS_PER_JOB


def _line(kind: bytes, pod: bytes) -> bytes:
    """Return a watch's line of a pod, which has its kind and version there, as it has not in a list."""
    return b'{"type":"%b","object":{"kind":"Pod","apiVersion":"v1",%b}\n' % (kind, pod[1:])
