"""Batch reads of a busy watch: at once when idle, otherwise everything every 100 ms, or 60 amid changes.

To wake up for a line costs several times as much as the line. So between batches the loop sleeps, and the
kernel reports the connection as readable only when it has many bytes.
"""

import asyncio
import math
import socket
import weakref

import aiohttp

BATCH_SECONDS = 0.1
"""The time between batches."""

CHANGE_BATCH_SECONDS = 0.06
"""The time from a batch with changes to the next one. To wake up is a small part of what they cost, and
changes come together: the next pod of a job is the next line."""

LARGE_BYTES = 256 * 1024
"""From this size on a batch is read early, and followed by a pause. It is what 300 pods a second bring in
100 ms, and what asyncio receives at once. The kernel's receive buffer grows to hold it (tcp(7), tcp_rmem)."""

_FULL_BYTES = LARGE_BYTES * 7 // 8
"""What is large of the body: less than what is received, by chunks' sizes and TLS' records, of which the last
one may be incomplete. So a batch that was read early isn't taken for one that had all there was."""

PAUSE_FACTOR = 1.0
"""The pause after a large batch, as a multiple of the time that it took: other threads run meanwhile."""


class BatchedReader:
    """Read a response's body in batches."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        """Take a response whose headers have arrived. It may refer to this reader, and isn't kept by it."""
        self._content = response.content
        self._response = weakref.ref(response)
        self._received_at: float | None = None
        self._was_large = False
        self.had_changes = False
        """Whether the last batch had anything in it that shows. Set it after the batch was applied."""

    async def read(self) -> bytes:
        """Wait for bytes, and return all that have arrived; none at the end."""
        loop = asyncio.get_running_loop()
        until = 0.0 if self._received_at is None else self._pause(self._received_at, loop.time())
        if until > loop.time():
            sock = self._socket()
            _set_low_water_mark(sock, LARGE_BYTES)
            try:
                await asyncio.sleep(until - loop.time())
            finally:
                # If the body has ended meanwhile, it is another response's, which must not wait for more.
                _set_low_water_mark(sock, 1)
        received = await self._receive()
        self._received_at, self._was_large, self.had_changes = (
            loop.time(),
            len(received) >= _FULL_BYTES,
            False,
        )
        return received

    async def _receive(self) -> bytes:
        try:
            return await self._content.readany()
        except aiohttp.ClientError:
            # The content keeps the error to raise it again, and that leads to the frames that it passes, with
            # all of the response: of each watch that is cut they would stay until a collection of garbage.
            self._content.set_exception(aiohttp.ClientPayloadError("the body has ended with an error"))
            raise

    def _pause(self, received_at: float, now: float) -> float:
        """Return when the pause after the last batch ends."""
        if self._was_large:
            return now + min(PAUSE_FACTOR * (now - received_at), BATCH_SECONDS)
        # All streams are read at the same times, so that the loop wakes up once for all of them.
        period = CHANGE_BATCH_SECONDS if self.had_changes else BATCH_SECONDS
        return (math.floor(received_at / period) + 1) * period

    def _socket(self) -> socket.socket | None:
        """Return the connection's socket; None if the whole body has been received."""
        response = self._response()
        connection = response.connection if response is not None else None
        if connection is None or connection.transport is None:
            return None
        found: socket.socket | None = connection.transport.get_extra_info("socket")
        return found


def _set_low_water_mark(sock: socket.socket | None, size: int) -> None:
    """Have the kernel report a connection as readable once it has ``size`` bytes, or ends."""
    # With TLS the socket is closed when the connection is lost.
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
