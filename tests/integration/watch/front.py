"""A server in front of the simulated apiserver that can be told to misbehave.

It speaks raw bytes, so that what it does wrong can be wrong at every level: no HTTP, half a page, silence.
Each request has a connection of its own and a kind: ``list pods``, ``page pods`` (a continued list),
``watch pods``, and for everything else its path.
"""

import asyncio
import contextlib
import ssl
import urllib.parse
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lens_sim.apiserver.accepting import stop_accepting

PIECE = 65536

WATCHED = ("pods", "nodes", "resourceclaims", "resourceslices", "deviceclasses", "devicetaintrules")
"""The resources whose requests have kinds of their own, whatever their version."""


@dataclass(frozen=True)
class Request:
    """What a client asked, and when (in the loop's time)."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    moment: float
    body: bytes = b""

    @property
    def kind(self) -> str:
        """Return what sort of request it is."""
        resource = self.path.rpartition("/")[2]
        if resource not in WATCHED:
            return self.path
        if self.query.get("watch") == "true":
            return f"watch {resource}"
        return f"page {resource}" if "continue" in self.query else f"list {resource}"


@dataclass
class Exchange:
    """A request that waits for its answer."""

    request: Request
    upstream: tuple[str, int]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    changed_query: dict[str, str] = field(default_factory=dict)

    async def send(self, data: bytes) -> None:
        """Send raw bytes."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Break the connection off."""
        self.writer.transport.abort()

    async def hold(self) -> None:
        """Say nothing more until the client hangs up."""
        while await self.reader.read(PIECE):
            pass

    async def forward(self) -> None:
        """Let the simulated apiserver answer."""
        async with self._asked() as (theirs, _):
            hung_up = asyncio.ensure_future(self.hold())
            copied = asyncio.ensure_future(self._copy(theirs))
            try:
                await asyncio.wait({hung_up, copied}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (hung_up, copied):
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                        await task

    async def answer_of_upstream(self) -> tuple[bytes, bytes]:
        """Return the head and the body with which the simulated apiserver answers a list."""
        async with self._asked() as (theirs, _):
            head, _, body = (await theirs.read()).partition(b"\r\n\r\n")
        return head + b"\r\n\r\n", body

    @contextlib.asynccontextmanager
    async def _asked(self) -> Any:
        reader, writer = await asyncio.open_connection(*self.upstream)
        query = urllib.parse.urlencode({**self.request.query, **self.changed_query})
        kept = {name: text for name, text in self.request.headers.items() if name != "connection"}
        lines = [f"{self.request.method} {self.request.path}?{query} HTTP/1.1"]
        lines += [f"{name}: {text}" for name, text in (kept | {"connection": "close"}).items()]
        try:
            writer.write("\r\n".join((*lines, "", "")).encode() + self.request.body)
            await writer.drain()
            yield reader, writer
        finally:
            writer.transport.abort()

    async def _copy(self, theirs: asyncio.StreamReader) -> None:
        while piece := await theirs.read(PIECE):
            await self.send(piece)


Fault = Callable[[Exchange], Awaitable[None]]


class Front:
    """Listens on 127.0.0.1 and passes on to a server there, but for the faults that it is told."""

    def __init__(self, upstream_port: int, tls: ssl.SSLContext | None = None) -> None:
        """Take the port of the server behind it."""
        self.requests: list[Request] = []
        self.prefix = ""
        self.page_size: int | None = None
        self.watch_seconds: int | None = None
        self.port = 0
        self._upstream_port = upstream_port
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._scripts: dict[str, deque[Fault]] = {}
        self._habits: dict[str, Fault] = {}
        self._open: dict[asyncio.Task[None], Exchange] = {}
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def url(self) -> str:
        """Return the base address."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen, on the same port as before; with other certificates if some are given."""
        self._tls = tls or self._tls
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Break off all connections and listen no more."""
        if self._server is None:
            return
        await stop_accepting(self._server.sockets)
        self._server.close()
        serving = list(self._serving.items())
        for task, writer in serving:
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(
            *(task for task, _ in serving),
            *(writer.wait_closed() for _, writer in serving),
            return_exceptions=True,
        )
        await self._server.wait_closed()
        self._server = None

    def script(self, kind: str, *faults: Fault) -> None:
        """Do this to the next requests of that kind, one fault each."""
        self._scripts.setdefault(kind, deque()).extend(faults)

    def always(self, kind: str, fault: Fault | None) -> None:
        """Do this to all requests of that kind from now on; None ends it."""
        if fault is None:
            self._habits.pop(kind, None)
        else:
            self._habits[kind] = fault

    def cut(self, kind: str) -> None:
        """Break off the open requests of that kind; of all kinds for an empty one."""
        for exchange in self._open.values():
            if kind in ("", exchange.request.kind):
                exchange.reset()

    @property
    def scripted(self) -> int:
        """Return how many faults are still to be done."""
        return sum(map(len, self._scripts.values()))

    def seen(self, kind: str, since: float = 0.0) -> int:
        """Return how many requests of that kind came since a moment."""
        return sum(request.kind == kind and request.moment >= since for request in self.requests)

    def span(self, kind: str) -> float:
        """Return the seconds between the first request of that kind and the last."""
        moments = [request.moment for request in self.requests if request.kind == kind]
        return moments[-1] - moments[0]

    @property
    def open_requests(self) -> list[Request]:
        """Return the requests that are being answered."""
        return [exchange.request for exchange in self._open.values()]

    def open(self, kind: str) -> int:
        """Return how many requests of that kind are being answered."""
        return sum(exchange.request.kind == kind for exchange in self._open.values())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving[task] = writer
        try:
            exchange = await self._received(reader, writer)
            if exchange is None:
                return
            self._open[task] = exchange
            kind = exchange.request.kind
            script = self._scripts.get(kind)
            fault = script.popleft() if script else self._habits.get(kind, Exchange.forward)
            await fault(exchange)
        except (ConnectionError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._open.pop(task, None)
            writer.close()
            # TLS says goodbye and waits for the client's: `stop` ends that too.
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            del self._serving[task]

    async def _received(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *rest = head.decode().split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        path, _, query = target.partition("?")
        headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in rest)}
        request = Request(
            method=method,
            path=path.removeprefix(self.prefix),
            query=dict(urllib.parse.parse_qsl(query)),
            headers=headers,
            moment=asyncio.get_running_loop().time(),
            body=await reader.readexactly(int(headers.get("content-length", "0"))),
        )
        self.requests.append(request)
        exchange = Exchange(request, ("127.0.0.1", self._upstream_port), reader, writer)
        if self.page_size is not None and "limit" in request.query:
            exchange.changed_query["limit"] = str(self.page_size)
        if self.watch_seconds is not None and "timeoutSeconds" in request.query:
            exchange.changed_query["timeoutSeconds"] = str(self.watch_seconds)
        return exchange
