"""All the nodes' agents, in one loop: honest ones, of which some can be told to lie."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from typing import Any

from lens_sim.cluster.nodes import loopback
from tests.attack import cluster
from tests.unit.telemetry import reports

Object = dict[str, Any]


class Agents:
    """Serve a report on every node's address, on one port."""

    def __init__(self, nodes: int, port: int) -> None:
        """Take how many there are."""
        self.lies: dict[int, bytes] = {}
        """What the agents of some nodes answer in place of the truth."""
        self.said: dict[int, Object] = {}
        """What the agents of some nodes report otherwise, truthfully."""

        self.broken: dict[int, int] = {}
        """The GPU of some nodes that is broken, by its index."""

        self.lies_sent: Counter[int] = Counter()
        """How often each of these has sent its lie."""

        self._numbers = {loopback(number): number for number in range(1, nodes + 1)}
        self._port = port

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, list(self._numbers), self._port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = self._numbers[writer.get_extra_info("sockname")[0]]
        with contextlib.suppress(OSError, EOFError):
            while await reader.readuntil(b"\r\n\r\n"):
                lie = self.lies.get(number)
                self.lies_sent[number] += lie is not None
                body = lie or self._truth(number)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        writer.close()

    def _truth(self, number: int) -> bytes:
        known = report(number, **self.said.get(number, {}))
        if number in self.broken:
            known["gpus"][self.broken[number]]["health"] = {"state": "critical", "because": ["XID 79"]}
        return json.dumps(known).encode()


def report(number: int, **fields: Any) -> Object:
    """Return what the agent of a node says of its 8 GPUs."""
    node, at = cluster.node_name(number), time.time()
    return {
        "version": 1,
        "node": node,
        "agent": "0.1.0",
        "started_at": at - 1000,
        "interval_seconds": 5.0,
        "sampled_at": at,
        "xids_since": at - 1000,
        "driver": {"state": "ready", "version": "580.95.05"},
        "kubelet": {"state": "ok", "listed_at": at},
        "gpus": [gpu(node, index) for index in range(cluster.GPUS_PER_NODE)],
        "holders": [
            {
                "namespace": cluster.TENANT_NAMESPACE if index == 0 else "team",
                "pod": f"train-{number:04}-{index}",
                "container": "main",
                "resource": cluster.GPU,
                "device_id": f"GPU-{node}-{index}",
                "gpu_uuid": f"GPU-{node}-{index}",
            }
            for index in range(cluster.GPUS_PER_NODE)
        ],
        "claimed": [],
        "allocatable": {},
    } | fields


def gpu(node: str, index: int, **fields: Any) -> Object:
    """Return a GPU of a report."""
    identity = {"index": index, "uuid": f"GPU-{node}-{index}", "sampled_at": time.time()}
    return reports.gpu(**(identity | fields))
