"""A time by which something has to be done, whatever the other side sends meanwhile."""

import io
import socket
import time
from typing import IO, Any


class Deadline:
    """Ends ``seconds`` from its making. Its clock doesn't jump with the system's."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, more than 0. Raise TimeoutError at the end."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.expired()
        return left

    def expired(self) -> TimeoutError:
        """Return the error of its end."""
        return TimeoutError(f"no answer within {self.seconds:g} s")


class BoundedSocket:
    """What http.client needs of a socket, each operation within one deadline.

    A socket's own timeout bounds each read alone: a server that sends a byte now and then would hold a
    client forever.
    """

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self.socket = connected
        self.deadline: Deadline | None = deadline
        """None: no end, for streams, whose own bound is ``idle_seconds``."""
        self.idle_seconds: float | None = None
        self._readers, self._closed = 0, False

    def _bound(self) -> None:
        self.socket.settimeout(self.deadline.left() if self.deadline else self.idle_seconds)

    def sendall(self, data: Any) -> None:
        """Send all of it."""
        self._bound()
        self.socket.sendall(data)

    def recv_into(self, buffer: Any) -> int:
        """Receive what is there, up to the buffer's size; 0 at the end."""
        self._bound()
        return self.socket.recv_into(buffer)

    def makefile(self, mode: str) -> IO[bytes]:
        """Return a reader. It can go on after ``close``, as that of a socket: http.client closes early."""
        assert mode == "rb"
        self._readers += 1
        return io.BufferedReader(_Reader(self), 64 * 1024)

    def close(self) -> None:
        """Close the connection, when its readers are closed too."""
        self._closed = True
        self._close_if_unused()

    def reader_closed(self) -> None:
        """Note that a reader is closed."""
        self._readers -= 1
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self._closed and self._readers <= 0:
            self.socket.close()


class _Reader(io.RawIOBase):
    def __init__(self, source: BoundedSocket) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.recv_into(buffer)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._source.reader_closed()
