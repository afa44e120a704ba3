"""Proxies that write down what they were asked for: HTTP's CONNECT, and SOCKS5."""

import asyncio
import base64
import contextlib
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from tests.integration.client.scene import Loop


class _Proxy:
    """A proxy with the user and password that it wants; both empty: none."""

    scheme = ""

    def __init__(self, user: str, password: str, resolve: Mapping[str, str] | None = None) -> None:
        self.user, self.password, self.resolve = user, password, dict(resolve or {})
        self.asked: list[str] = []
        self._open: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def running(self, loop: Loop) -> Iterator[str]:
        """Give its URL while it runs."""
        server = loop.run(asyncio.start_server(self._accept, "127.0.0.1", 0))
        port = server.sockets[0].getsockname()[1]
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user else ""
        try:
            yield f"{self.scheme}://{login}127.0.0.1:{port}"
        finally:
            loop.run(self._stop(server))

    async def _stop(self, server: asyncio.Server) -> None:
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            target = await self.greet(reader, writer)
            if target is not None:
                self.asked.append(f"{target[0]}:{target[1]}")
                await _join(reader, writer, self.resolve.get(target[0], target[0]), target[1])

    async def greet(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        """Return what is asked for, and say yes; None for who may not."""
        raise NotImplementedError


class HttpProxy(_Proxy):
    """Takes CONNECT."""

    scheme = "http"

    async def greet(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        """Read one head."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, authority, _ = head.split(" ", 2)
        wanted = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if method != "CONNECT" or (self.user and f"\r\nProxy-Authorization: Basic {wanted}\r\n" not in head):
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return None
        writer.write(b"HTTP/1.1 200 Connection established\r\nVia: a proxy\r\n\r\n")
        host, _, port = authority.rpartition(":")
        return host, int(port)


class Socks5Proxy(_Proxy):
    """Takes SOCKS5, with a password if it has one."""

    scheme = "socks5"

    async def greet(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        """Read greeting, password and request."""
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        wanted = 2 if self.user else 0
        writer.write(bytes([5, wanted if wanted in methods else 255]))
        if wanted not in methods:
            return None
        if self.user:
            await reader.readexactly(1)
            given = [(await reader.readexactly((await reader.readexactly(1))[0])).decode() for _ in range(2)]
            is_right = given == [self.user, self.password]
            writer.write(bytes([1, 0 if is_right else 1]))
            if not is_right:
                return None
        assert await reader.readexactly(4) == b"\x05\x01\x00\x03"
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        port = int.from_bytes(await reader.readexactly(2), "big")
        writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        return host, port


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    there, back = await asyncio.open_connection(host, port)

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()

    copies = [asyncio.ensure_future(copy(reader, back)), asyncio.ensure_future(copy(there, writer))]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in copies:
            each.cancel()
        await asyncio.gather(*copies, return_exceptions=True)
        back.close()
