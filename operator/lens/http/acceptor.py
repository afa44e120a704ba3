"""Accepts connections within bounds, and until the socket closes all that were established."""

import asyncio
import contextlib
import ctypes
import errno
import logging
import socket
import ssl
import struct
from asyncio import sslproto
from collections.abc import Callable

from lens.bounds import HANDSHAKE_SECONDS, READ_BYTES, RECEIVE_BUFFER_BYTES, SEND_BUFFER_BYTES
from lens.http.connection import Connection
from lens.http.listener import Listener

_MAX_PER_ITERATION = 64
_RETRY_SECONDS = 0.05
_ESTABLISHED_SECONDS = 0.1
"""Time for TCP handshakes that are under way when new ones are refused."""

_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_SO_ATTACH_FILTER = getattr(socket, "SO_ATTACH_FILTER", 26)
# Classic BPF (socket(7), linux/filter.h) on a TCP header: drop segments with SYN, accept all others.
_FLAGS, _SYN = 13, 0x02
_REFUSE_NEW = b"".join(
    struct.pack("=HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, _FLAGS),  # A = byte of the flags
        (0x45, 0, 1, _SYN),  # if not A & SYN: skip one
        (0x06, 0, 0, 0),  # drop
        (0x06, 0, 0, 0xFFFFFFFF),  # accept
    )
)

_log = logging.getLogger("lens.http")


class Acceptor:
    """One listening socket of a Listener."""

    def __init__(
        self,
        listener: Listener,
        listening: socket.socket,
        tls: ssl.SSLContext | None,
    ) -> None:
        """Take the listening socket, and the TLS context if there is one."""
        self._listener = listener
        self._listening = listening
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._closed = False

    def start(self) -> None:
        """Start to accept."""
        self._listening.setblocking(False)
        if self._tls is not None:
            # asyncio's read buffer for each TLS connection, by default 256 KiB; it has no option for it.
            sslproto.SSLProtocol.max_size = READ_BYTES
        # Connections inherit these from their listening socket.
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self._loop.add_reader(self._listening.fileno(), self._accept)

    async def close(self) -> None:
        """Refuse new connections, accept all that are established, and close the listening socket.

        A listening socket that is closed resets the established connections in its backlog, and their
        requests are lost. First the kernel drops new handshakes; their clients are refused after the close.
        """
        if self._closed:
            return
        self._closed = True
        program = ctypes.create_string_buffer(_REFUSE_NEW)
        size = len(_REFUSE_NEW) // 8
        with contextlib.suppress(OSError):
            self._listening.setsockopt(
                socket.SOL_SOCKET,
                _SO_ATTACH_FILTER,
                struct.pack("@HP", size, ctypes.addressof(program)),
            )
            await asyncio.sleep(_ESTABLISHED_SECONDS)
        while self._accept():
            pass
        if self._retry is not None:
            self._retry.cancel()
        self._loop.remove_reader(self._listening.fileno())
        self._listening.close()
        if self._beginning:
            await asyncio.wait(self._beginning, timeout=_ESTABLISHED_SECONDS)

    def _accept(self) -> bool:
        """Accept some connections. Return whether there may be more."""
        for _ in range(_MAX_PER_ITERATION):
            try:
                client, address = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                return False
            except ConnectionError:
                continue
            except OSError as error:
                self._pause(error)
                return False
            client.setblocking(False)
            connection = self._listener.connection(address[0])
            if connection is None:
                client.close()
                continue
            task = self._loop.create_task(self._begin(client, connection))
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)
        return True

    def _pause(self, error: OSError) -> None:
        """Stop accepting for a moment: the socket would fail again at once."""
        self._listener.refusals["files"] += 1
        _log.warning("a connection can't be accepted: %s", error.strerror)
        if error.errno in _NO_ROOM:
            self._listener.table.close_idle(_MAX_PER_ITERATION // 4)
        if self._closed or self._retry is not None:
            return
        self._loop.remove_reader(self._listening.fileno())
        self._retry = self._loop.call_later(_RETRY_SECONDS, self._resume)

    def _resume(self) -> None:
        self._retry = None
        if not self._closed:
            self._loop.add_reader(self._listening.fileno(), self._accept)

    async def _begin(self, client: socket.socket, connection: Connection) -> None:
        task = asyncio.current_task()
        assert task is not None
        cut: Callable[[], object] = task.cancel
        connection.cut_handshake = cut
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                client,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if self._tls else None,
            )
        except (OSError, TimeoutError, asyncio.CancelledError):
            # Also ssl.SSLError. Not logged: anybody can cause it.
            if connection.transport is None:
                self._listener.refusals["handshake"] += 1
        finally:
            connection.cut_handshake = None
            if connection.transport is None:
                # Whatever the error was, this is no longer a connection.
                self._listener.table.remove(connection)
                client.close()
