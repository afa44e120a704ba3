"""Lens' server on a cluster state that was filled once: what an answer costs, without a cluster behind it."""

import argparse
import asyncio
import itertools
import json
import logging
import sys
import threading
import time
from pathlib import Path

import msgspec

from lens.api.server import Server
from lens.cli.process import SWITCH_SECONDS
from lens.config.serve import load
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState, StateView
from lens.model.inventory.decoding.kinds import node_decoder, pod_decoder
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.objects.pod import Pod, PodKey
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy

PODS_PER_NODE = 4


def fill(ledger: Ledger, nodes: int) -> None:
    """File so many nodes of 8 GPUs, and 4 running pods on each."""
    gpus = GpuResources()
    read_node, read_pod = node_decoder(gpus), pod_decoder(gpus)
    units = {"nvidia.com/gpu": "8"}
    for number in range(nodes):
        node = {
            "metadata": {"name": f"node-{number}", "resourceVersion": "1"},
            "status": {"capacity": units, "allocatable": units},
        }
        found = read_node.read(json.dumps(node).encode())
        ledger.put_node(found.key, found.value)
        for index in range(PODS_PER_NODE):
            pod = {
                "metadata": {"name": f"pod-{number}-{index}", "namespace": "bench", "resourceVersion": "1"},
                "spec": {
                    "nodeName": f"node-{number}",
                    "containers": [{"resources": {"limits": {"nvidia.com/gpu": "1"}}}],
                },
                "status": {"phase": "Running", "startTime": "2025-12-19T15:30:00Z"},
            }
            seen = read_pod.read(json.dumps(pod).encode())
            ledger.put_pod(seen.key, seen.value)


def publish(ledger: Ledger, state: ClusterState) -> None:
    """Publish what is stored, as current now."""
    now = time.time()
    state.current = StateView(snapshot=ledger.snapshot(), synced=True, contacts={"pods": now, "nodes": now})


def _changed(pod: Pod) -> Pod:
    """Return a new pod of the same name; its uid says when it was made, in nanoseconds of the epoch."""
    now = time.time_ns()
    return msgspec.structs.replace(pod, uid=str(now), started_at=now // 10**9)


def change(ledger: Ledger, state: ClusterState, changes_per_second: int) -> None:
    """Start pods and end them for ever: from a thread of its own, as the watch does."""
    keys = list(itertools.islice(ledger.pods, 1000))
    gone: dict[PodKey, Pod] = {}
    for key in itertools.cycle(keys):
        time.sleep(1 / changes_per_second)
        pod = ledger.pods.get(key)
        if isinstance(pod, Pod):
            gone[key] = pod
            ledger.put_pod(key, None)
        else:
            ledger.put_pod(key, _changed(gone[key]))
        publish(ledger, state)


async def serve(nodes: int, changes_per_second: int, tokens: Path) -> None:
    """Serve, say on which port, and go on until ended."""
    sys.setswitchinterval(SWITCH_SECONDS)
    ledger, state = Ledger(TaintPolicy()), ClusterState()
    fill(ledger, nodes)
    publish(ledger, state)
    if changes_per_second:
        threading.Thread(target=change, args=(ledger, state, changes_per_second), daemon=True).start()
    given = {"cluster": "bench", "listen": "127.0.0.1:0", "tokens_file": tokens}
    # The limit holds, and is out of reach.
    settings = load(
        {
            **given,
            "requests_per_minute": 1_000_000,
            "requests_burst": 1_000_000,
            "streams_per_caller": 10_000,
        },
        environ={},
    )
    server = Server(settings, state, Metrics())
    await server.start()
    print(json.dumps({"event": "ready", "port": server.port}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--changes", type=int, default=0, help="a second")
    parser.add_argument("--tokens", type=Path, required=True)
    arguments = parser.parse_args()
    # As in production every answer is logged, to a file that nobody reads.
    logging.basicConfig(level=logging.INFO, filename="/dev/null")
    asyncio.run(serve(arguments.nodes, arguments.changes, arguments.tokens))
