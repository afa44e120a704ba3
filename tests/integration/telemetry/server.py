"""Agents and exporters over real HTTP, that do to their reader whatever a test has them do."""

import asyncio
import itertools
import ssl
from collections.abc import Awaitable, Callable
from typing import Self

from lens_sim.apiserver.accepting import stop_accepting
from tests.unit.telemetry.reports import Object, gpu, report, written

Behaviour = Callable[["Connection"], Awaitable[None]]


class Request:
    """A request's head: its path, and its headers by their names in small letters."""

    def __init__(self, head: bytes) -> None:
        first, *lines = head.decode().split("\r\n")
        self.path = first.split()[1]
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
        }


class Connection:
    """A connection on which a request has just come."""

    def __init__(self, server: "FakeServer", request: Request, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.request = request
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        self.server.sent_bytes += len(data)
        await self._writer.drain()

    async def answer(self, body: bytes, status: str = "200 OK", **headers: str) -> None:
        """Send a whole answer."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join([*lines, "", ""]).encode() + body)


class FakeServer:
    """A server on 127.0.0.1 whose behaviour a test can change at any time.

    It may be another of loopback's addresses, with a port that servers on several of them have in common.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.behaviour = behaviour
        self.host = host
        self.requests: list[Request] = []
        self.connections = 0
        self.sent_bytes = 0
        self._tls = tls
        self._asked_port = port
        self._handlers: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port that the system has picked."""
        return int(self._server.sockets[0].getsockname()[1])

    def url(self, path: str = "/v1/devices") -> str:
        """Return the address of a path."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}{path}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self._asked_port, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        await stop_accepting(self._server.sockets)
        self._server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                request = Request(head)
                self.requests.append(request)
                await self.behaviour(Connection(self, request, writer))
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the reader has gone, or the test is over
        finally:
            writer.close()
            self._handlers.discard(task)


def says(raw: object, **headers: str) -> Behaviour:
    """ScrapeResponse with a document."""
    return sends(written(raw), **headers)


def sends(body: bytes, status: str = "200 OK", **headers: str) -> Behaviour:
    """ScrapeResponse with a body."""

    async def behave(connection: Connection) -> None:
        await connection.answer(body, status, **headers)

    return behave


def agent(node: str, percent: float = 80.0, gpus: int = 1, **fields: object) -> Behaviour:
    """ScrapeResponse as a healthy node's agent does, with a new sample each time."""
    rounds = itertools.count()

    async def behave(connection: Connection) -> None:
        at = 1000.0 + next(rounds)
        await connection.answer(written(node_report(node, percent, gpus, at) | fields))

    return behave


def node_report(node: str, percent: float = 80.0, gpus: int = 1, at: float = 1000.0) -> Object:
    """Return a healthy node's report, with uuids of its own."""
    each = [
        gpu(index=index, uuid=f"GPU-{node}-{index}", utilization_percent=percent, sampled_at=at)
        for index in range(gpus)
    ]
    return report(*each, node=node, sampled_at=at)


def guarded(token: str, behaviour: Behaviour) -> Behaviour:
    """Let only those in who bear the token."""

    async def behave(connection: Connection) -> None:
        if connection.request.headers.get("authorization") == f"Bearer {token}":
            await behaviour(connection)
        else:
            await connection.answer(b"{}", "401 Unauthorized", WWW_Authenticate="Bearer")

    return behave


async def hang(connection: Connection) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def drip(connection: Connection) -> None:
    """ScrapeResponse a letter at a time, for ever."""
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        await connection.send(b" ")
        await asyncio.sleep(0.01)


async def drip_the_head(connection: Connection) -> None:
    """Send the headers a letter at a time, for ever."""
    await connection.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        await connection.send(b"x")
        await asyncio.sleep(0.01)


async def flood(connection: Connection) -> None:
    """ScrapeResponse without an end."""
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        await connection.send(b"[" * 65536)


async def flood_in_chunks(connection: Connection) -> None:
    """ScrapeResponse without an end, in chunks."""
    await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await connection.send(b"10000\r\n" + b" " * 65536 + b"\r\n")


async def flood_the_head(connection: Connection) -> None:
    """Send headers without an end."""
    await connection.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await connection.send(b"X-More: x\r\n" * 1000)


async def put_off(connection: Connection) -> None:
    """Say that there is going to be an answer, without an end."""
    while True:
        await connection.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)


async def promise_a_gigabyte(connection: Connection) -> None:
    """Announce 1 GB, and begin with it."""
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n{")
    await asyncio.Event().wait()


async def hang_up(connection: Connection) -> None:
    """Close in the middle."""
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    raise EOFError


async def speak_otherwise(connection: Connection) -> None:
    """Speak no HTTP."""
    await connection.send(b"220 smtp.example ESMTP ready\r\n\r\n")
