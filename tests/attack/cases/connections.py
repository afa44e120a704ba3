"""Anybody who reaches a port: heads without an end, connections that take nothing, ever more connections."""

import asyncio
import gzip
import json

from tests.attack import cluster, wire
from tests.attack.case import Case
from tests.attack.scene import AGENT_TOKEN, TASKS, Scene

HEADS = 45
FIELDS = 98
FIELD_BYTES = 16_000
_EMOJI = "\N{PILE OF POO}".encode()
"""One character beyond the BMP makes a text of four bytes a character."""


async def _unfinished_heads(scene: Scene, seconds: float) -> list[str]:
    field = b"X-Filler: " + b"a" * FIELD_BYTES + _EMOJI + b"\r\n"
    head = b"GET /healthz HTTP/1.1\r\nHost: lens\r\n" + field * FIELDS
    async with wire.connected(scene.port, HEADS) as connections:
        await asyncio.gather(*(each.send(head) for each in connections))
        await asyncio.sleep(seconds)
    return []


class Heads(Case):
    """The operator gets them."""

    name = "heads"
    row = 1
    who = "anybody"
    what = "45 connections, each with an unfinished head of 98 fields of 16 KB with an emoji"

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Send the heads, and hold them."""
        return await _unfinished_heads(scene, seconds)


class AgentHeads(Case):
    """An agent gets them."""

    name = "agent-heads"
    row = 1
    who = "anybody"
    what = "the same, to an agent"
    kind = "agent"

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Send the heads, and hold them."""
        return await _unfinished_heads(scene, seconds)


class AgentDeaf(Case):
    """Clients of an agent that ask and read nothing, and a body that unpacks to a gibibyte."""

    name = "agent-deaf"
    row = 8
    who = "anybody who reaches an agent"
    what = "clients that read nothing; a gzip body of 1 MB that is 1 GiB"
    kind = "agent"

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Do both."""
        bomb = gzip.compress(bytes(2**30), compresslevel=6)
        fields = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        packed = wire.request("/v1/devices", AGENT_TOKEN, fields, method="POST", body=bomb)
        asked = wire.request("/v1/devices", AGENT_TOKEN) * 200
        async with wire.connected(scene.port, 150, reads=False) as connections:
            deaf = [asyncio.create_task(each.send(asked)) for each in connections]
            await asyncio.gather(*(wire.ask(scene.port, packed, timeout_s=seconds) for _ in range(4)))
            await asyncio.sleep(seconds / 2)
            for task in deaf:
                task.cancel()
        return []


class McpIdle(Case):
    """Connections on which nothing is ever asked."""

    name = "mcp-idle"
    row = 9
    who = "anybody"
    what = "100 idle connections to lens mcp"
    kind = "mcp"

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Hold them."""
        async with wire.connected(scene.port, 100):
            await asyncio.sleep(seconds)
        return []


class Deaf(Case):
    """Clients of the operator that take nothing of their answers."""

    name = "deaf"
    row = 12
    who = "a caller, and anybody with /docs"
    what = "420 connections that take no answer"
    nodes = 1_000

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Ask for long answers, twice on each connection, and read none."""
        asked = [
            wire.request("/docs") * 2,
            wire.request("/openapi.json") * 2,
            wire.request(TASKS, cluster.NEWCOMERS[0]) * 2,
        ]
        async with wire.connected(scene.port, 420, reads=False) as connections:
            for number, each in enumerate(connections):
                await each.send(asked[number % len(asked)])
            await asyncio.sleep(seconds)
        return []


class ManyConnections(Case):
    """More connections than the process may have files."""

    name = "files"
    row = 16
    who = "anybody"
    what = "connections beyond the open-file limit"
    files = 256
    stands_alone = True
    longest_log = 2**20
    """Bytes that the log may grow by."""

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Hold 400 where 256 files may be open."""
        before = scene.subject.log.stat().st_size
        async with wire.connected(scene.port, 400):
            await asyncio.sleep(seconds)
        grown = scene.subject.log.stat().st_size - before
        return [f"the log has grown by {grown} bytes"] if grown > self.longest_log else []


class HalfRequests(Case):
    """The second request of a connection is never whole."""

    name = "half-request"
    row = 24
    who = "anybody"
    what = "half a second request behind a whole one is kept for 75 s and not for 20"
    seconds = 30.0
    short_seconds = 26.0

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Send one and a half requests, and see whether the connection is cut."""
        connection = await wire.connect(scene.port)
        if connection is None:
            return ["no connection"]
        await connection.send(wire.request("/healthz") + b"GET /healthz HTTP/1.1\r\nHost: le")
        try:
            async with asyncio.timeout(seconds):
                await connection.reader.read(-1)
        except TimeoutError:
            return [f"it is still open after {seconds:g} s"]
        except OSError:
            pass
        finally:
            connection.reset()
        return []


class McpBodies(Case):
    """Requests to the MCP server that are not its own kind of JSON."""

    name = "mcp-bodies"
    row = 24
    who = "anybody"
    what = "deep JSON and long bodies to lens mcp"
    kind = "mcp"

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Send them one after another."""
        bodies = [b"[" * 60_000, json.dumps(["x" * 60_000]).encode(), b"{" * 10] * 100
        steps = (wire.ask(scene.port, wire.mcp_request(scene.port, body)) for body in bodies)
        await wire.paced(steps, 10, seconds, at_once=4)
        return []
