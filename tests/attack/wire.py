"""Connections of attackers: raw, from an address of their own, and bounded in number."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from typing import Any, NamedTuple

SOURCE = "127.0.0.3"
HOST = "127.0.0.1"
TIMEOUT_S = 10.0


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    head: str
    body: bytes


NO_ANSWER = Answer(0, "", b"")


class Connection:
    """An open connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> bool:
        """Send as much as is taken in time; tell whether all was."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                self.writer.write(data)
                await self.writer.drain()
        except (OSError, TimeoutError):
            return False
        return True

    async def is_open(self, within_s: float = 0.01) -> bool:
        """Tell whether the other side still keeps it."""
        try:
            async with asyncio.timeout(within_s):
                return bool(await self.reader.read(1))
        except TimeoutError:
            return True
        except OSError:
            return False

    def reset(self) -> None:
        """Break it off."""
        self.writer.transport.abort()


async def connect(
    port: int, source: str = SOURCE, *, reads: bool = True, timeout_s: float = TIMEOUT_S
) -> Connection | None:
    """Open a connection, None where there is none to be had. Who never reads has a small window."""
    sock = socket.socket()
    sock.setblocking(False)
    if not reads:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    try:
        sock.bind((source, 0))
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().sock_connect(sock, (HOST, port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=2**16)
    except (OSError, TimeoutError):
        sock.close()
        return None
    if not reads:
        transport = writer.transport
        assert isinstance(transport, asyncio.ReadTransport)
        transport.pause_reading()
    return Connection(reader, writer)


@contextlib.asynccontextmanager
async def connected(port: int, count: int, *, reads: bool = True) -> AsyncIterator[list[Connection]]:
    """Give as many connections as are let in, at most `count`; break them off in the end."""
    opened: list[Connection] = []
    try:
        for _ in range(count):
            if (connection := await connect(port, reads=reads, timeout_s=1.0)) is None:
                break
            opened.append(connection)
        yield opened
    finally:
        for connection in opened:
            connection.reset()


def request(
    path: str,
    token: str | None = None,
    fields: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    body: bytes = b"",
) -> bytes:
    """Write a request."""
    known = {"Host": "lens", **(fields or {})}
    if token is not None:
        known["Authorization"] = f"Bearer {token}"
    if body:
        known["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in known.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def mcp_request(port: int, body: bytes) -> bytes:
    """Write a request to an MCP server."""
    fields = {
        "Host": f"{HOST}:{port}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
    }
    return request("/mcp", None, fields, method="POST", body=body)


async def ask(port: int, written: bytes, source: str = SOURCE, timeout_s: float = TIMEOUT_S) -> Answer:
    """Send a request on a connection of its own and read the answer; NO_ANSWER where there is none."""
    connection = await connect(port, source)
    if connection is None:
        return NO_ANSWER
    try:
        async with asyncio.timeout(timeout_s):
            connection.writer.write(written)
            head = (await connection.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = head.lower().partition("content-length:")[2].partition("\r\n")[0]
            body = await connection.reader.readexactly(int(length or 0))
    except (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError):
        return NO_ANSWER
    finally:
        connection.reset()
    return Answer(int(head.split(" ", 2)[1]), head, body)


async def paced(
    steps: Iterable[Coroutine[Any, Any, object]], per_second: float, seconds: float, at_once: int = 64
) -> None:
    """Begin one after another at a pace, for so long, `at_once` at most; wait for the last of them."""
    loop = asyncio.get_running_loop()
    began, begun = loop.time(), 0
    room = asyncio.Semaphore(at_once)
    unfinished: set[Coroutine[Any, Any, object]] = set()

    async def do(step: Coroutine[Any, Any, object]) -> None:
        try:
            await step
        finally:
            unfinished.discard(step)
            room.release()

    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                unfinished.add(step)
                await asyncio.sleep(began + begun / per_second - loop.time())
                await room.acquire()
                if loop.time() > began + seconds:
                    break
                group.create_task(do(step))
                begun += 1
    finally:
        # Those that haven't begun: the last, and what was cancelled.
        for step in unfinished:
            step.close()
