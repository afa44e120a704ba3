"""Fake agents on loopback: each has a port of its own, so the reader has a connection of its own to each.

All are in this one process, which answers from bytes and parses nothing, to leave the cores to what is
measured. A report is what the real agent writes for 8 GPUs, each held by a pod; it is sampled every 5 s, at a
phase of the agent's own, and every sample has other values. Of the faulty ones some never answer, some
answer HTML, some send without an end.
"""

import argparse
import asyncio
import json
import random
import time
from email.utils import formatdate
from functools import partial

import msgspec

from lens import __version__
from lens.model.gpu.node_report import (
    Driver,
    Gpu,
    Health,
    Holder,
    Kubelet,
    NvLinks,
    Process,
    RemappedRows,
    Report,
)

GPUS = 8
SAMPLE_SECONDS = 5.0
MEMORY = 85_520_809_984
FLOOD = b"x" * 65536


def report(node: str, sampled_at: float) -> Report:
    """Return what the agent of a node says of that sample."""
    chance = random.Random(f"{node} {sampled_at}")
    uuids = [f"GPU-{node}-0000-0000-0000-{index:012}" for index in range(GPUS)]
    return Report(
        node=node,
        agent=__version__,
        started_at=1_760_000_000.0,
        interval_seconds=SAMPLE_SECONDS,
        sampled_at=sampled_at,
        xids_since=1_760_000_000.0,
        driver=Driver(state="ready", version="580.95.05", cuda_version="13.0"),
        kubelet=Kubelet(state="ok", listed_at=sampled_at),
        gpus=tuple(_gpu(index, uuid, sampled_at, chance) for index, uuid in enumerate(uuids)),
        holders=tuple(
            Holder("team-vision", f"train-{node}-{index}", "main", "nvidia.com/gpu", uuid, uuid)
            for index, uuid in enumerate(uuids)
        ),
        claimed=(),
        allocatable={"nvidia.com/gpu": tuple(uuids)},
    )


def _gpu(index: int, uuid: str, sampled_at: float, chance: random.Random) -> Gpu:
    return Gpu(
        index=index,
        uuid=uuid,
        sampled_at=sampled_at,
        health=Health(state="ok"),
        product="NVIDIA H100 80GB HBM3",
        architecture="Hopper",
        pci_bus_id=f"00000000:{index:02X}:00.0",
        minor_number=index,
        utilization_percent=round(chance.uniform(0, 100), 1),
        utilization_window_seconds=SAMPLE_SECONDS,
        utilization_source="samples",
        memory_total_bytes=MEMORY,
        memory_used_bytes=chance.randrange(MEMORY),
        memory_reserved_bytes=521_732_096,
        temperature_celsius=chance.randrange(30, 80),
        power_watts=round(chance.uniform(70, 700), 3),
        power_limit_watts=700.0,
        energy_joules=round(chance.uniform(1e8, 2e8), 3),
        clock_sm_mhz=1980,
        clock_memory_mhz=2619,
        clock_events=(),
        ecc_enabled=True,
        ecc_uncorrected_volatile=0,
        ecc_uncorrected_aggregate=0,
        remapped_rows=RemappedRows(0, 0, pending=False, failed=False),
        recovery_action="NONE",
        xids=(),
        nvlinks=NvLinks(up=18),
        mig_enabled=False,
        processes=(Process(4000 + index, 2**35, pod_uid=f"{index:08}-{uuid[4:31]}"),),
    )


class Agent:
    """One agent's answers."""

    def __init__(self, number: int, kind: str, phase: float) -> None:
        self.node = f"node-{number}"
        self.kind = kind
        self._phase = phase
        self._sampled_at = 0.0
        self._body = b"<html><body>It works!</body></html>"

    def answer(self) -> bytes:
        """Return the whole answer of a good or a babbling agent."""
        if self.kind == "good":
            sampled_at = time.time()
            sampled_at -= (sampled_at - self._phase) % SAMPLE_SECONDS
            if round(sampled_at, 3) != self._sampled_at:
                self._sampled_at = round(sampled_at, 3)
                self._body = msgspec.json.encode(report(self.node, self._sampled_at))
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: lens\r\nCache-Control: no-store\r\n"
            f"Content-Length: {len(self._body)}\r\nDate: {formatdate(usegmt=True)}\r\n\r\n"
        )
        return head.encode() + self._body


class Connection(asyncio.Protocol):
    """A connection to an agent; a request is what ends with an empty line."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._received = b""
        self._flooding = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            self._received = self._received.partition(b"\r\n\r\n")[2]
            if self._agent.kind == "endless":
                self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
                self._flooding = True
                self._flood()
            elif self._agent.kind != "hanging":
                self._transport.write(self._agent.answer())

    def pause_writing(self) -> None:
        self._flooding = False

    def resume_writing(self) -> None:
        self._flooding = True
        # Not at once: the transport is still in the middle of writing.
        asyncio.get_running_loop().call_soon(self._flood)

    def connection_lost(self, error: Exception | None) -> None:
        self._flooding = False

    def _flood(self) -> None:
        while self._flooding and not self._transport.is_closing():
            self._transport.write(FLOOD)


async def serve(agents: int, hanging: float, garbage: float, endless: float) -> None:
    """Listen, say on which ports, and go on until ended."""
    chance = random.Random(1)
    kinds = ["hanging"] * round(agents * hanging) + ["garbage"] * round(agents * garbage)
    kinds += ["endless"] * round(agents * endless)
    kinds += ["good"] * (agents - len(kinds))
    chance.shuffle(kinds)
    loop = asyncio.get_running_loop()
    listening = []
    for number, kind in enumerate(kinds):
        agent = Agent(number, kind, chance.uniform(0, SAMPLE_SECONDS))
        server = await loop.create_server(partial(Connection, agent), "127.0.0.1", 0)
        listening.append((agent, server))
    nodes = {
        agent.node: {"port": server.sockets[0].getsockname()[1], "good": agent.kind == "good"}
        for agent, server in listening
    }
    print(json.dumps({"event": "ready", "nodes": nodes}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, required=True)
    for kind in ("hanging", "garbage", "endless"):
        parser.add_argument(f"--{kind}", type=float, default=0.0, help="the part of them that is so")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.agents, arguments.hanging, arguments.garbage, arguments.endless))
