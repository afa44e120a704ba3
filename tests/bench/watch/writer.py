"""Writes changes to a cluster at a set rate, for a set time."""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from tests.bench.watch.ground import LABEL, NAMESPACE, NODES, Ground
from tests.e2e.cluster.api import Api

Write = Callable[[], Awaitable[None]]
IN_FLIGHT = 32
PODS_APART = 20  # a pod's next write comes so many pods later
REAL_PODS = 2 * PODS_APART + 1 + IN_FLIGHT  # the most that `real` has at once
NODE_SHARE = 0.1


class Written(NamedTuple):
    """When each write was answered (monotonic seconds, ascending), and how long all took."""

    answered: Sequence[float]
    seconds: float


async def write(writes: Iterator[Write], per_second: float, seconds: float) -> Written:
    """Start a write each 1 / `per_second`, whether or not those before are answered, at most 32 at once.

    A refused write is an error. A cluster that is slower than the rate shows in `seconds`.
    """
    slots = asyncio.Semaphore(IN_FLIGHT)
    answered: list[float] = []

    async def one(change: Write) -> None:
        try:
            await change()
            answered.append(time.monotonic())
        finally:
            slots.release()

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number, change in enumerate(itertools.islice(writes, round(per_second * seconds))):
            await asyncio.sleep(began + number / per_second - time.monotonic())
            await slots.acquire()
            group.create_task(one(change))
    return Written(answered, time.monotonic() - began)


async def noise(api: Api, seed: int) -> Iterator[Write]:
    """Return endless changes that no view shows: annotations of running pods, one in ten a node's beat."""
    pods = await _some(api, "/api/v1/pods", fieldSelector="status.phase=Running")
    nodes = await _some(api, NODES, labelSelector=f"!{LABEL}")
    paths = [
        f"/api/v1/namespaces/{namespace}/pods/{name}" for namespace, name in pods if namespace != NAMESPACE
    ]
    statuses = [f"{NODES}/{name}/status" for _, name in nodes]
    if not paths or not statuses:
        raise ValueError("the cluster has no running pod or no node to write to")
    return _noise(api, paths, statuses, random.Random(seed))


async def _some(api: Api, collection: str, **selector: str) -> list[tuple[str, str]]:
    """Return namespace and name of the first 2,000 objects."""
    found = await api.request("GET", collection, params={"limit": "2000", **selector})
    return [(one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in found["items"]]


def _noise(api: Api, pods: Sequence[str], nodes: Sequence[str], chance: random.Random) -> Iterator[Write]:
    # In turns: a second beat within a second would change nothing, and be no event.
    beaten = itertools.cycle(chance.sample(nodes, len(nodes)))
    for number in itertools.count():
        if chance.random() < NODE_SHARE:
            yield partial(_beat, api, next(beaten))
        else:
            yield partial(_annotate, api, chance.choice(pods), str(number))


async def _annotate(api: Api, pod: str, value: str) -> None:
    await api.patch(pod, {"metadata": {"annotations": {LABEL: value}}})


async def _beat(api: Api, node: str) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    beat = {"type": "Ready", "lastHeartbeatTime": now}
    await api.patch(node, {"status": {"conditions": [beat]}}, "application/strategic-merge-patch+json")


def real(ground: Ground) -> Iterator[Write]:
    """Return endless changes that a view shows: pods that are bound, run and go, 4 events each."""
    for number in itertools.count():
        yield partial(ground.create, number)
        if number >= PODS_APART:
            yield partial(ground.run, number - PODS_APART)
        if number >= 2 * PODS_APART:
            yield partial(ground.delete, number - 2 * PODS_APART)


def creates(ground: Ground) -> Iterator[Write]:
    """Return endless new pods: each holds one GPU more than before."""
    for number in itertools.count():
        yield partial(ground.create, number)
