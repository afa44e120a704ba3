"""The Retry-After of an apiserver's answer, as it comes over a connection."""

import asyncio
import atexit
import contextlib
from functools import cache

import aiohttp

from lens.kube.watch.response import KubeResponse
from tests.fuzz.target import target
from tests.fuzz.workplace import finished


class _Server:
    """Answers every request with 429 and one field; asked over one connection that is kept."""

    field = b""

    async def start(self) -> None:
        """Listen, and open the client's session."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._url = "http://127.0.0.1:{1}/".format(*self._server.sockets[0].getsockname())
        self._session = aiohttp.ClientSession(response_class=KubeResponse)

    async def stop(self) -> None:
        """Close the session, and listen no more."""
        await self._session.close()
        self._server.close()

    async def ask(self, field: bytes) -> None:
        """Get an answer with this field."""
        self.field = field
        # aiohttp lets a ValueError out for some fields that can't be read.
        with contextlib.suppress(aiohttp.ClientError, ValueError):
            async with self._session.get(self._url) as response:
                assert 1 <= int(response.headers["Retry-After"]) <= 30

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(
                    b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nRetry-After: %b\r\n\r\n"
                    % self.field
                )
        writer.close()


@cache
def _server() -> _Server:
    server = _Server()
    finished(server.start())
    atexit.register(lambda: finished(server.stop()))
    return server


@target("retry-after", longest=2**12)
def retry_after(data: bytes) -> None:
    """Read for how long to wait."""
    finished(_server().ask(data.translate(None, b"\r\n\0").strip()))
