"""What a client has not acknowledged of its responses, in the transport's buffer and in the kernel's."""

import asyncio
import asyncio.trsock
import contextlib
import fcntl
import socket
import struct
import termios
from collections.abc import Callable

from lens.transports import break_cycle

_ABORT = struct.pack("ii", 1, 0)


class SendBuffer:
    """The send buffer of one connection, which has no transport before it is open and after it is lost."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start without a transport. ``clock`` returns seconds."""
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._socket: asyncio.trsock.TransportSocket | None = None
        self._size = 0
        self.progressed_at = clock()
        """When the client last read something, or had nothing to read."""

    def open(self, transport: asyncio.Transport) -> None:
        """Begin with a transport."""
        break_cycle(transport)
        self._transport, self._socket = transport, transport.get_extra_info("socket")

    def lose(self) -> None:
        """Forget the transport, which has closed."""
        self._transport = None

    def progressed(self) -> None:
        """Note that the client has read something."""
        self.progressed_at = self._clock()

    def size(self) -> int:
        """Return the bytes that the client has not acknowledged."""
        # A transport that is closing stays until its buffer is empty.
        if self._transport is None or self._socket is None or self._socket.fileno() < 0:
            return 0
        queued = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        return (_buffered(self._transport) or 0) + int.from_bytes(queued, "little")

    def update(self) -> int:
        """Return the size, and note progress if it has fallen since the last time."""
        size = self.size()
        if not size or size < self._size:
            self.progressed()
        self._size = size
        return size

    def stalled(self, seconds: float) -> bool:
        """Return whether, by the last update, the client has read nothing for so many seconds."""
        return self._size > 0 and self._clock() - self.progressed_at > seconds

    def abort(self) -> None:
        """Abort the connection, and drop what is not acknowledged."""
        if self._transport is None or self._socket is None:
            return
        if self.size():
            # So that the kernel drops its buffer too.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        if _buffered(self._transport) is None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._transport.abort()


def _buffered(transport: asyncio.Transport) -> int | None:
    """Return the bytes in a transport's buffer.

    None for a TLS transport that was closed twice: from Python 3.12 on it has lost its protocol, and can't
    be aborted any more.
    """
    try:
        return transport.get_write_buffer_size()
    except AttributeError:
        return None
