"""Batch reads of a busy watch: at once when idle, otherwise everything every 100 ms.

Being woken for a line costs several times what the line costs. So between batches the kernel is told not to
report what comes until it is much, and the loop sleeps.
"""

import asyncio
import math
import socket

import aiohttp

BATCH_SECONDS = 0.1
"""The time between batches. With the publisher's it bounds how late a change shows."""

LARGE_BYTES = 128 * 1024
"""So much is reported at once, and read on after a rest; a receive buffer holds it (tcp(7), tcp_rmem)."""

REST = 1.0
"""Times as long as it took to take in so much, for which the other threads have Python for themselves."""


class BatchedReader:
    """Reads a response's body."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        """Take a response whose headers have been received."""
        self._response = response
        self._rested_until = 0.0
        self._given_at: float | None = None

    async def read(self) -> bytes:
        """Wait for bytes, and return all that there are; none at the end."""
        loop = asyncio.get_running_loop()
        if self._given_at is not None:
            took, self._given_at = loop.time() - self._given_at, None
            self._rested_until = loop.time() + min(REST * took, BATCH_SECONDS)
        if self._rested_until > loop.time():
            self._report_from(LARGE_BYTES)
            try:
                await asyncio.sleep(self._rested_until - loop.time())
            finally:
                self._report_from(1)
        got = await self._response.content.readany()
        if len(got) < LARGE_BYTES:
            # All streams are read in the same instants: one waking serves them all.
            self._rested_until = (math.floor(loop.time() / BATCH_SECONDS) + 1) * BATCH_SECONDS
        else:
            self._given_at = loop.time()
        return got

    def _report_from(self, size: int) -> None:
        """Have the kernel report the connection as readable once it has so many bytes, or an end."""
        connection = self._response.connection
        if connection is None or connection.transport is None:
            return  # the body has been received to its end
        own: socket.socket | None = connection.transport.get_extra_info("socket")
        if own is not None and own.fileno() >= 0:  # TLS gives its socket away when the connection is lost
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
