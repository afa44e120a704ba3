"""A stream read in gulps: at once after quiet, and while it is busy only now and then, but then all there is.

Being woken for a line costs several times what the line costs. So between gulps the connection isn't read,
what comes waits in the kernel, and the loop sleeps.
"""

import asyncio
import fcntl
import struct
import termios

import aiohttp

GULP_SECONDS = 0.07
"""The least time between gulps. With the publisher's it bounds how late a change shows."""

GULP_BYTES = 1 << 20
"""What is read at most before it is taken in; a stream that has more is read on without a pause."""

ROUNDS = 64

LONGEST_RECORD = 2**14 + 2048 + 5
"""Bytes of a TLS record at most (RFC 5246, 6.2.3).

Part of one may be all that there is, and then the socket has to be read on for the rest.
"""

CIPHERTEXT_BYTES = LONGEST_RECORD + 1024


class Gulps:
    """Reads a response's body."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        """Take a response whose headers have been received."""
        self._response = response
        self._stream = response.content
        self._next_gulp = 0.0
        transport = self._transport()
        if transport is not None and hasattr(transport, "set_read_buffer_limits"):
            # Under TLS, else, the socket would be read on until much ciphertext has gathered.
            transport.set_read_buffer_limits(high=CIPHERTEXT_BYTES, low=LONGEST_RECORD)

    async def read(self) -> bytes:
        """Wait for bytes, and return all that there are; none at the end."""
        loop = asyncio.get_running_loop()
        if (early := self._next_gulp - loop.time()) > 0:
            await self._rest(early)
        parts = [await self._stream.readany()]
        size = len(parts[0])
        for _ in range(ROUNDS):
            if not parts[0] or size >= GULP_BYTES:
                break
            await asyncio.sleep(0)  # a turn of the loop, which reads the socket
            more = self._stream.read_nowait()
            if not more and not self._in_kernel():
                break
            parts.append(more)
            size += len(more)
        self._next_gulp = 0.0 if size >= GULP_BYTES else loop.time() + GULP_SECONDS
        return b"".join(parts)

    async def _rest(self, seconds: float) -> None:
        transport = self._transport()
        if transport is None:
            await asyncio.sleep(seconds)
            return
        transport.pause_reading()
        try:
            await asyncio.sleep(seconds)
        finally:
            transport.resume_reading()

    def _transport(self) -> asyncio.Transport | None:
        """Return the transport; None once the body has been received to its end."""
        connection = self._response.connection
        return connection.transport if connection is not None else None

    def _in_kernel(self) -> int:
        """Return how many bytes have come that nobody has read from the socket yet."""
        transport = self._transport()
        socket = transport.get_extra_info("socket") if transport is not None else None
        if socket is None or socket.fileno() < 0:
            return 0
        return int(struct.unpack("i", fcntl.ioctl(socket.fileno(), termios.FIONREAD, b"\0" * 4))[0])
