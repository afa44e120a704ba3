"""A server that answers every request with what a target is about to decode."""

import asyncio
import atexit
import contextlib
from functools import cache

from tests.fuzz.workplace import finished


class AnsweringServer:
    """Answers over connections that are kept. Make it by ``answering``."""

    def __init__(self) -> None:
        """Answer with nothing yet."""
        self._head, self._body = b"", b""

    async def start(self) -> None:
        """Listen on a port of loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = "http://127.0.0.1:{1}".format(*self._server.sockets[0].getsockname())

    def stop(self) -> None:
        """Listen no more."""
        self._server.close()

    def answer(self, status: int, body: bytes = b"", fields: bytes = b"") -> None:
        """Answer so from now on; ``fields`` are header lines, each with its end."""
        self._head = b"HTTP/1.1 %d Status\r\nContent-Length: %d\r\n%b\r\n" % (status, len(body), fields)
        self._body = body

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                _, found, length = head.lower().partition(b"content-length:")
                if found:
                    await reader.readexactly(int(length.split(b"\r\n")[0]))
                writer.write(self._head + self._body)
        writer.close()


@cache
def answering() -> AnsweringServer:
    """Return the process's server: made late, since processes are forked after this is imported."""
    server = AnsweringServer()
    finished(server.start())
    atexit.register(server.stop)
    return server
