"""Batch reads of a busy watch: at once when idle, otherwise every 120 ms, or 24 amid changes, 60 amid many.

To wake up for a line costs several times as much as the line. So between batches the loop sleeps, and the
kernel reports the connection as readable only when it has many bytes.
"""

import asyncio
import math
import socket
import weakref

import aiohttp

BATCH_SECONDS = 0.12
"""The time between batches without changes."""

CHANGE_BATCH_SECONDS = BATCH_SECONDS / 5
"""The time between batches amid changes. Each is a part of the longest, so that the loop wakes up once for
streams of several kinds."""

MANY_CHANGES = 100
"""So many a second that a batch has several anyway."""

MANY_CHANGES_BATCH_SECONDS = BATCH_SECONDS / 2
"""The time between batches amid many changes: they share what a batch costs by itself."""

RECENT_SECONDS = 0.3
"""How long a change counts. Amid changes and noise, some batches have only noise."""

QUIET_SECONDS = 0.005
FIRST_BATCH_SECONDS = 0.01
"""The time from a batch that a read waited for so many seconds to the next one, amid changes. It was read for
its first line: of a job's pods, or of what an apiserver sends that stood still for a moment. While lines come
all the time, there are some as soon as it is time."""

LARGE_BYTES = 256 * 1024
"""From this size on a batch is read early, and followed by a pause. It is what 270 pods a second bring in
120 ms, and what asyncio receives at once. The kernel's receive buffer grows to hold it (tcp(7), tcp_rmem)."""

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
        self._awaited_at = 0.0
        self._changed_at = -math.inf
        self._counted_at = 0.0
        self._received_bytes = 0
        self._was_large = False
        self._was_quiet = False
        self._changes_a_second = 0.0
        self.changes = 0
        """How many lines of the last batch changed what shows. Set it after the batch was applied."""

    async def read(self) -> bytes:
        """Wait for bytes, and return all that have arrived; none at the end."""
        loop = asyncio.get_running_loop()
        before = self._received_at
        now = loop.time()
        until = now if before is None else max(now, self._pause(before, now))
        self._awaited_at = until
        received = await (self._receive_after(until) if until > now else self._receive())
        self._received_at = loop.time()
        self._received_bytes += len(received)
        self._was_large = len(received) >= _FULL_BYTES
        self._was_quiet = self._received_at - self._awaited_at >= QUIET_SECONDS
        self.changes = 0
        return received

    async def _receive_after(self, until: float) -> bytes:
        """Receive once a pause is over, or there is much."""
        loop, sock = asyncio.get_running_loop(), self._socket()
        _set_low_water_mark(sock, LARGE_BYTES)
        timer = loop.call_at(until, self._await_line, sock)
        try:
            # What the loop has received doesn't wake it up, and others run after a large batch.
            if sock is None or self._was_large or self._content.total_bytes > self._received_bytes:
                await asyncio.sleep(until - loop.time())
                self._awaited_at = loop.time()
            return await self._receive()
        finally:
            timer.cancel()
            # If the body has ended meanwhile, it is another response's, which must not wait for more.
            _set_low_water_mark(sock, 1)

    def _await_line(self, sock: socket.socket | None) -> None:
        """Have any line wake up the loop. On a busy machine it is later than it was due."""
        self._awaited_at = asyncio.get_running_loop().time()
        _set_low_water_mark(sock, 1)

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
        self._count_changes(received_at)
        amid_changes = received_at - self._changed_at < RECENT_SECONDS
        if amid_changes and self._was_quiet:
            return received_at + FIRST_BATCH_SECONDS
        # All streams are read at the same times, so that the loop wakes up once for all of them.
        if not amid_changes:
            period = BATCH_SECONDS
        elif self._changes_a_second < MANY_CHANGES:
            period = CHANGE_BATCH_SECONDS
        else:
            period = MANY_CHANGES_BATCH_SECONDS
        return (math.floor(received_at / period) + 1) * period

    def _count_changes(self, received_at: float) -> None:
        """Count those of the last batch. One counts for a second, and less the longer ago it is."""
        passed = received_at - self._counted_at
        self._changes_a_second = self._changes_a_second * math.exp(-passed) + self.changes
        self._counted_at = received_at
        if self.changes:
            self._changed_at = received_at

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
