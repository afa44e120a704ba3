"""The nodes' agents: each tells who holds its node's GPUs, and how busy they are."""

import asyncio
import contextlib
import json
import time
import zlib
from collections.abc import Iterable
from typing import Any

from lens_sim.cluster.nodes import loopback
from lens_sim.objects.resources import PODS
from lens_sim.objects.store import Store
from tests.browser.scene.manifests import GPU, GPUS_PER_NODE
from tests.unit.telemetry import reports

Object = dict[str, Any]


class Agents:
    """Answer for each of the nodes at its own address, all on one port."""

    def __init__(self, store: Store, nodes: Iterable[str], port: int) -> None:
        """Take the nodes by number, from 1 on."""
        self.idle: set[str] = set()
        """The names of the pods whose GPUs do nothing."""
        self.broken: set[str] = set()
        """The UUIDs of the GPUs that have fallen off the bus."""

        self._store = store
        self._nodes = {loopback(number): node for number, node in enumerate(nodes, start=1)}
        self._port = port
        self._server: asyncio.Server

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, list(self._nodes), self._port)

    async def stop(self) -> None:
        """Listen no more; who is connected is left to the end of the loop."""
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        node = self._nodes[writer.get_extra_info("sockname")[0]]
        with contextlib.suppress(OSError, EOFError):
            while await reader.readuntil(b"\r\n\r\n"):
                body = json.dumps(self._report(node)).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        writer.close()

    def _report(self, node: str) -> Object:
        at = time.time()
        held = self._held(node)
        return {
            "version": 1,
            "node": node,
            "agent": "0.1.0",
            "started_at": at - 1_000,
            "interval_seconds": 1.0,
            "sampled_at": at,
            "xids_since": at - 1_000,
            "driver": {"state": "ready", "version": "580.95.05"},
            "kubelet": {"state": "ok", "listed_at": at},
            "gpus": [
                self._gpu(node, index, held[index] if index < len(held) else None, at)
                for index in range(GPUS_PER_NODE)
            ],
            "holders": [
                {
                    "namespace": namespace,
                    "pod": pod,
                    "container": "main",
                    "resource": GPU,
                    "device_id": uuid(node, index),
                    "gpu_uuid": uuid(node, index),
                }
                for index, (namespace, pod) in enumerate(held)
            ],
            "claimed": [],
            "allocatable": {},
        }

    def _gpu(self, node: str, index: int, holder: tuple[str, str] | None, at: float) -> Object:
        health = {"state": "ok", "because": []}
        if uuid(node, index) in self.broken:
            health = {"state": "lost", "because": ["GPU_IS_LOST"]}
        return reports.gpu(
            index=index,
            uuid=uuid(node, index),
            sampled_at=at,
            utilization_percent=0.0 if holder is None or holder[1] in self.idle else _busy(holder[1]),
            health=health,
        )

    def _held(self, node: str) -> list[tuple[str, str]]:
        """Return namespace and pod of each GPU that is held, as far as the node has GPUs."""
        held: list[tuple[str, str]] = []
        for revision in self._store.snapshot(PODS):
            if revision.fields["spec.nodeName"] == node:
                pod = json.loads(revision.body)
                gpus = pod["spec"]["containers"][0]["resources"]["limits"].get(GPU, "0")
                held += [(pod["metadata"]["namespace"], pod["metadata"]["name"])] * int(gpus)
        return held[:GPUS_PER_NODE]


def _busy(pod: str) -> float:
    """Return how busy a pod keeps its GPUs, in percent: some pods more than others, each always as much."""
    return 60.0 + zlib.crc32(pod.encode()) % 39


def uuid(node: str, index: int) -> str:
    """Return a GPU's UUID."""
    return f"GPU-{node}-{index}"
