"""Lens' server on a board that was filled once: what an answer costs, without a cluster behind it."""

import argparse
import asyncio
import json
import logging
import time
from pathlib import Path

from lens.api.server import Server
from lens.config import load
from lens.metrics import Metrics
from lens.model.board import Board, Notice
from lens.model.decoding import node_decoder, pod_decoder
from lens.model.ledger import Ledger
from lens.model.resources import GpuResources
from lens.model.taints import TaintPolicy

PODS_PER_NODE = 4


def board(nodes: int) -> Board:
    """Return a board with so many nodes of 8 GPUs, and 4 running pods on each."""
    ledger, gpus = Ledger(TaintPolicy()), GpuResources()
    read_node, read_pod = node_decoder(gpus), pod_decoder(gpus)
    units = {"nvidia.com/gpu": "8"}
    for number in range(nodes):
        node = {
            "metadata": {"name": f"node-{number}", "resourceVersion": "1"},
            "status": {"capacity": units, "allocatable": units},
        }
        found = read_node.read(json.dumps(node).encode())
        ledger.file_node(found.key, found.view)
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
            ledger.file_pod(seen.key, seen.view)
    filled, now = Board(), time.time()
    filled.notice = Notice(snapshot=ledger.snapshot(), synced=True, contacts={"pods": now, "nodes": now})
    return filled


async def serve(nodes: int, tokens: Path) -> None:
    """Serve, say on which port, and go on until ended."""
    settings = load({"cluster": "bench", "listen": "127.0.0.1:0", "tokens_file": tokens}, environ={})
    server = Server(settings, board(nodes), Metrics())
    await server.start()
    print(json.dumps({"event": "ready", "port": server.port}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--tokens", type=Path, required=True)
    arguments = parser.parse_args()
    # As in production every answer is logged, to a file that nobody reads.
    logging.basicConfig(level=logging.INFO, filename="/dev/null")
    asyncio.run(serve(arguments.nodes, arguments.tokens))
