"""aiohttp's connections, with this API's words where aiohttp has its own."""

import asyncio
import socket
import struct
from typing import Any

from aiohttp import web

from lens.api.dispatch import Dispatcher

_AT_ONCE = struct.pack("ii", 1, 0)

# The kernel takes a long answer in pieces of a megabyte or so: a slow line shows no progress for a while.
_PATIENCE_WITH_ANSWERS = 3


class Connection(web.RequestHandler):
    """A connection whose requests are answered by a Dispatcher, also those that can't be parsed."""

    def __init__(self, listener: "Listener", dispatcher: Dispatcher, **options: Any) -> None:
        """Take who answers; the rest is aiohttp's."""
        super().__init__(listener, **options)
        self._dispatcher = dispatcher
        self._clock = asyncio.get_running_loop().time
        self._answering = False
        self._asking_since: float | None = None
        self._taking_since = 0.0
        self._unsent = 0

    def data_received(self, data: bytes) -> None:
        """Note since when a request is coming in."""
        if data and self._asking_since is None:
            self._asking_since = self._clock()
        super().data_received(data)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request, whose head is in by now."""
        self._answering = True
        try:
            return await self._dispatcher(request)
        finally:
            self._answering = False
            self._asking_since = None

    def cut_if_slow(self, patience: float) -> None:
        """Hang up on who has sent no whole head of a request for so long, or taken nothing of an answer."""
        transport = self.transport
        if transport is None:
            return
        now, unsent = self._clock(), transport.get_write_buffer_size()
        if not self._unsent or unsent < self._unsent:
            self._taking_since = now
        self._unsent = unsent
        asking_since = now if self._answering or self._asking_since is None else self._asking_since
        if now - asking_since > patience or now - self._taking_since > _PATIENCE_WITH_ANSWERS * patience:
            # The kernel shall not keep what is unsent either.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer in the envelope what the parser refused; a Dispatcher lets no other error out."""
        return self._dispatcher.refuse(request, exc)


class Listener(web.Server):
    """Make a Connection for each client."""

    def __init__(self, dispatcher: Dispatcher, **options: Any) -> None:
        """Take who answers, and the options of aiohttp's request handler."""
        super().__init__(_answer)
        self._dispatcher = dispatcher
        self._options = options

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return Connection(self, self._dispatcher, loop=asyncio.get_running_loop(), **self._options)

    def cut_slow(self, patience: float) -> None:
        """Hang up on clients that let others wait for longer than ``patience`` seconds."""
        for connection in self.connections:
            assert isinstance(connection, Connection)
            connection.cut_if_slow(patience)


async def _answer(request: web.BaseRequest) -> web.StreamResponse:
    connection = request.protocol
    assert isinstance(connection, Connection)
    return await connection.answer(request)
