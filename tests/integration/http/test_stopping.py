"""Nobody who was connected before the end is left without an answer."""

import asyncio
import time

from lens.bounds import Bounds
from tests.integration.http.conftest import DEADLINE_S, GET, Serve, Served, until

BOUNDS = Bounds(connections=2000, per_address=2000, heads_bytes=2**24, unsent_bytes=2**24)


class Load:
    """Clients that connect, ask and are answered, one after another, until nobody listens."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.answered = 0
        self.lost = 0

    async def run(self) -> None:
        """Ask until refused."""
        while True:
            try:
                reader, writer = await self.served.connect()
            except ConnectionError:
                return
            writer.write(GET + b"Connection: close\r\n\r\n")
            try:
                whole = (await reader.read()).endswith(b"ok")
            except ConnectionError:
                whole = False
            writer.close()
            self.answered += whole
            self.lost += not whole


async def test_no_request_is_lost_while_others_keep_coming(serve: Serve) -> None:
    served = await serve(BOUNDS, drain_seconds=0.5)
    load = Load(served)
    clients = [asyncio.create_task(load.run()) for _ in range(50)]
    await until(lambda: load.answered > 300)
    served.application.last = True
    began = time.monotonic()
    await served.site.stop()
    assert time.monotonic() - began < 20
    await asyncio.wait_for(asyncio.gather(*clients), DEADLINE_S)
    assert load.lost == 0


async def test_who_connected_last_may_still_ask(serve: Serve) -> None:
    served = await serve(BOUNDS, drain_seconds=2.0)
    served.application.last = True
    idle = await served.connect()
    stopping = asyncio.create_task(served.site.stop())
    await asyncio.sleep(0)
    reader, writer = await served.connect()
    idle[1].close()
    writer.write(GET + b"\r\n")
    assert (await asyncio.wait_for(reader.read(), DEADLINE_S)).endswith(b"ok")
    await asyncio.wait_for(stopping, DEADLINE_S)
    writer.close()


async def test_silent_connections_do_not_hold_up_the_end(serve: Serve) -> None:
    served = await serve(BOUNDS, drain_seconds=0.2, grace_seconds=30.0)
    silent = [await served.connect() for _ in range(20)]
    began = time.monotonic()
    await served.site.stop()
    assert time.monotonic() - began < 10
    for _, writer in silent:
        writer.close()
