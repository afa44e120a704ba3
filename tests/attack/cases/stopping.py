"""The end: requests that arrive while Lens is being stopped."""

import asyncio

from tests.attack import cluster, wire
from tests.attack.case import Case
from tests.attack.scene import STATUS, Scene

REQUESTS = 10_000
CLIENTS = 32
SIGTERM_AFTER = 0.4
"""After this share of the requests."""


class Sigterm(Case):
    """New connections up to the last moment, without a preStop pause."""

    name = "sigterm"
    row = 20
    who = "-"
    what = "SIGTERM under new connections: of 10,000 requests none may be lost"
    others = False
    stands_alone = True

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Ask on ever new connections until nobody listens any more, and count who got no answer."""
        total = REQUESTS if seconds >= self.seconds else REQUESTS // 5
        asked = lost = 0
        gone = False
        tokens = cluster.HONEST + cluster.TENANTS
        stopping_began = asyncio.Event()

        async def work(number: int) -> None:
            nonlocal asked, lost, gone
            # Who has no right gets an answer too.
            request = wire.request(STATUS, tokens[number % len(tokens)], {"Connection": "close"})
            while asked < total and not gone:
                connection = await wire.connect(scene.port, timeout_s=2.0)
                if connection is None:
                    gone = stopping_began.is_set()
                    lost += not gone
                    continue
                asked += 1
                if asked > total * SIGTERM_AFTER:
                    stopping_began.set()
                try:
                    async with asyncio.timeout(5):
                        connection.writer.write(request)
                        lost += not (await connection.reader.readline()).startswith(b"HTTP/1.1 ")
                except (OSError, TimeoutError):
                    lost += 1
                finally:
                    connection.reset()

        async def stop() -> None:
            await stopping_began.wait()
            await asyncio.to_thread(scene.subject.stop)

        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(stop())
            await asyncio.gather(*(work(number) for number in range(CLIENTS)))
            stopping_began.set()
            await stopping
        return [f"{lost} of {asked} requests were lost"] if lost else []
