"""Honest clients, in a process of their own: requests at a steady pace, and how each one fared.

Reads one line of JSON that says what to ask of whom, and writes a line for each answer: when it was due, by
the system's monotonic clock, the seconds until it was whole, counted from then, and its status; 0 is none.
A client that is kept waiting asks no more until it has its answer, but what it couldn't ask in time counts
with all of its delay.
"""

import asyncio
import contextlib
import json
import sys
import time
from itertools import count

TIMEOUT_S = 5.0
FRESH_EVERY = 10
"""Of so many requests one has a connection of its own, as a probe's has."""

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Client:
    """Asks over one connection, which it keeps."""

    def __init__(self, host: str, port: int, source: str) -> None:
        self._server = (host, port)
        self._source = source
        self._kept: Connection | None = None

    async def ask(self, request: bytes, *, fresh: bool) -> int:
        """Return the status of a whole answer, 0 if there is none in time."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                if fresh:
                    connection = await self._open()
                    try:
                        return await _answer(connection, request)
                    finally:
                        connection[1].close()
                return await self._ask_kept(request)
        except (TimeoutError, OSError, EOFError, ValueError):
            self._drop()
            return 0

    async def _ask_kept(self, request: bytes) -> int:
        if self._kept is not None:
            try:
                return await _answer(self._kept, request)
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                # A server may close an idle connection at any time; every client asks once more then.
                self._drop()
                if isinstance(error, asyncio.IncompleteReadError) and error.partial:
                    raise
        self._kept = await self._open()
        return await _answer(self._kept, request)

    async def _open(self) -> Connection:
        return await asyncio.open_connection(*self._server, local_addr=(self._source, 0))

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept[1].close()
            self._kept = None


async def _answer(connection: Connection, request: bytes) -> int:
    reader, writer = connection
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = head.partition("content-length:")[2].partition("\r\n")[0]
    await reader.readexactly(int(length))
    if "connection: close" in head:
        writer.close()
    return int(head.split(" ", 2)[1])


async def run(host: str, port: int, source: str, per_second: float, requests: list[str]) -> None:
    """Ask until stdin ends, one client for each of the requests."""
    began, numbers = time.monotonic(), count()

    async def work(client: Client, request: bytes) -> None:
        while True:
            number = next(numbers)
            due = began + number / per_second
            await asyncio.sleep(due - time.monotonic())
            status = await client.ask(request, fresh=number % FRESH_EVERY == 0)
            print(f"{due:.6f} {time.monotonic() - due:.6f} {status}", flush=True)

    working = [asyncio.create_task(work(Client(host, port, source), each.encode())) for each in requests]
    await asyncio.to_thread(sys.stdin.read)
    for task in working:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*working)


if __name__ == "__main__":
    asyncio.run(run(**json.loads(sys.stdin.readline())))
