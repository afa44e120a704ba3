"""Callers' streams: opened and closed as fast as they can be."""

import asyncio
import contextlib
import itertools
import time

from lens_sim.objects.resources import PODS
from tests.attack import cluster, wire
from tests.attack.case import Case
from tests.attack.scene import STREAM, Scene
from tests.attack.surroundings import Surroundings

PER_CALLER = 20
"""LENS_STREAMS_PER_CALLER, by default."""

OWN_STREAM = f"{STREAM}&namespace={cluster.TENANT_NAMESPACE}"


def change_without_end(surroundings: Surroundings) -> None:
    """Start pods and end them, 20 times a second."""

    async def change() -> None:
        for number in itertools.count():
            name = f"coming-and-going-{number % 50}"
            key = PODS.key("team", name)
            if surroundings.store.revision(PODS, key) is None:
                made = cluster.pod(name, cluster.node_name(number % surroundings.nodes + 1), True, "team")
                surroundings.store.put(PODS, made, cluster.now())
            else:
                surroundings.store.delete(PODS, key)
            await asyncio.sleep(0.05)

    surroundings.changing = asyncio.create_task(change())


async def change_no_more(surroundings: Surroundings) -> None:
    """Let the cluster be still."""
    if surroundings.changing is not None:
        surroundings.changing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await surroundings.changing


async def _open(scene: Scene, token: str) -> tuple[wire.Connection | None, int]:
    """Open a stream of a tenant's own; return it and its status."""
    connection = await wire.connect(scene.port)
    if connection is None:
        return None, 0
    try:
        async with asyncio.timeout(wire.TIMEOUT_S):
            connection.writer.write(wire.request(OWN_STREAM, token))
            head = await connection.reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"HTTP/1.1 200"):
                await connection.reader.readuntil(b"event: snapshot")
            return connection, int(head.split(b" ", 2)[1])
    except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
        connection.reset()
        return None, 0


class ManyFirstPictures(Case):
    """Each stream begins with a picture of all that its caller may see."""

    name = "stream-starts"
    row = 11
    who = "a caller of one namespace"
    what = "opens and closes streams while the cluster changes"
    nodes = 1_000

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Have three callers do it, each ten times a second."""
        await asyncio.to_thread(scene.surroundings.do, change_without_end)

        async def once(token: str) -> None:
            connection, _ = await _open(scene, token)
            if connection is not None:
                connection.reset()

        callers = itertools.cycle(cluster.TENANTS[:3])
        await wire.paced((once(token) for token in callers), 30, seconds, 12)
        await asyncio.to_thread(scene.surroundings.do, change_no_more)
        return []


class ClosedStreams(Case):
    """Streams that their reader has closed."""

    name = "closed-streams"
    row = 21
    who = "-"
    what = "streams closed by their reader still count"

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Open as many as a caller may have, close them, and open one more soon after; again and again."""
        slowest = 0.0
        end = time.monotonic() + seconds
        token = cluster.TENANTS[5]
        while time.monotonic() < end:
            opened = [await _open(scene, token) for _ in range(PER_CALLER)]
            for connection, _ in opened:
                if connection is not None:
                    connection.reset()
            closed = time.monotonic()
            while True:
                connection, status = await _open(scene, token)
                if connection is not None:
                    connection.reset()
                slowest = max(slowest, time.monotonic() - closed)
                if status != 429 or slowest > 5:
                    break
                await asyncio.sleep(0.1)
            if slowest > 5:
                break
        return [f"still 429 {slowest:.1f} s after they were closed"] if slowest > 1 else []
