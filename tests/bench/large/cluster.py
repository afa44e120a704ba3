"""A large simulated cluster in a process of its own, which prints where it is as a line of JSON.

Each SIGUSR1 has it update slices for some seconds, the first time so that nothing changes but their
resourceVersion, then with new generations, then so that each update taints a GPU, or takes the taint away. It
prints a line of JSON when that is over.
"""

import argparse
import asyncio
import json
import signal
import time
from datetime import UTC, datetime

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.objects import resources
from lens_sim.objects.resources import DYNAMIC, Object
from lens_sim.objects.store import Store
from tests.bench.large import objects

KINDS = ("unchanged", "generations", "states")
UPDATES_PER_SECOND = 200
SECONDS = 15


def filled(nodes: int, pods: int, gpu_pods: int, *, claims: bool) -> Store:
    """Return a store with the cluster: GPU pods hold a GPU each, of a device plugin or by claims."""
    store, now = Store(1), datetime.now(UTC)
    for number in range(objects.NAMESPACES):
        store.put(resources.NAMESPACES, {"metadata": {"name": f"team-{number}"}}, now)
    for number in range(nodes):
        store.put(resources.NODES, objects.node(number, plugin=not claims), now)
    for number in range(pods):
        holds = number < gpu_pods
        claim = objects.claim_name(number) if holds and claims else None
        gpus = int(holds and not claims)
        store.put(resources.PODS, objects.pod(number, nodes, gpus=gpus, claim=claim), now)
    if claims:
        store.put(resources.DEVICE_CLASSES, objects.device_class(), now)
        for number in range(nodes):
            store.put(resources.RESOURCE_SLICES, objects.resource_slice(number), now)
        for claim_ in objects.claims(gpu_pods, nodes):
            store.put(resources.RESOURCE_CLAIMS, claim_, now)
    return store


class Churn:
    """Updates slices, another one each time."""

    def __init__(self, store: Store, nodes: int) -> None:
        self._store = store
        self._nodes = nodes
        self._left = list(KINDS)

    async def run(self) -> None:
        """Update slices for a while, in the next way."""
        kind = self._left.pop(0)
        began, done = time.monotonic(), 0
        while done < UPDATES_PER_SECOND * SECONDS:
            self._store.put(resources.RESOURCE_SLICES, self._slice(kind, done), datetime.now(UTC))
            done += 1
            late = began + done / UPDATES_PER_SECOND - time.monotonic()
            await asyncio.sleep(max(0.0, late))
        took = time.monotonic() - began
        print(json.dumps({"event": "ready", "kind": kind, "updates": done, "seconds": took}), flush=True)

    def _slice(self, kind: str, done: int) -> Object:
        number, turn = done % self._nodes, done // self._nodes
        if kind == "unchanged":
            return objects.resource_slice(number, written=1 + turn)
        if kind == "generations":
            return objects.resource_slice(number, generation=2 + turn)
        return objects.resource_slice(number, generation=10**6, tainted=turn % 2 == 0)


async def serve(store: Store, nodes: int, token: str, *, dynamic: bool) -> None:
    """Serve a store until ended."""
    apiserver = SimApiServer(store, token, 0)
    if dynamic:
        apiserver.serve("v1", resources=DYNAMIC)
    await apiserver.start()
    churn, running = Churn(store, nodes), set[asyncio.Task[None]]()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lambda: running.add(loop.create_task(churn.run())))
    print(json.dumps({"event": "ready", "url": apiserver.url}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--pods", type=int, required=True)
    parser.add_argument("--gpu-pods", type=int, required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--claims", action="store_true", help="GPUs are a DRA driver's")
    parser.add_argument("--dynamic", action="store_true", help="serve resource.k8s.io")
    given = parser.parse_args()
    asyncio.run(
        serve(
            filled(given.nodes, given.pods, given.gpu_pods, claims=given.claims),
            given.nodes,
            given.token,
            dynamic=given.dynamic,
        )
    )
