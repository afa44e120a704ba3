"""Accepts connections: no more than there may be, and all that were begun before the end."""

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

_AT_ONCE = 64
_AGAIN_SECONDS = 0.05
_ESTABLISHED_SECONDS = 0.1
"""In which the last of those that shake hands with the kernel when it's told to take no more are done."""

_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_SO_ATTACH_FILTER = getattr(socket, "SO_ATTACH_FILTER", 26)
# Classic BPF (socket(7), linux/filter.h) on a TCP header: drop what has SYN, take all else.
_FLAGS, _SYN = 13, 0x02
_REFUSE_NEW = b"".join(
    struct.pack("=HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, _FLAGS),  # A = byte of the flags
        (0x45, 0, 1, _SYN),  # if not A & SYN: skip one
        (0x06, 0, 0, 0),  # drop
        (0x06, 0, 0, 0xFFFFFFFF),  # take
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
        """Take where connections come in."""
        self._listener = listener
        self._listening = listening
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._again: asyncio.TimerHandle | None = None
        self._closed = False

    def start(self) -> None:
        """Accept from now on."""
        self._listening.setblocking(False)
        if self._tls is not None:
            # asyncio keeps this for each connection over TLS, by default 256 KiB, and has no option for it.
            sslproto.SSLProtocol.max_size = READ_BYTES
        # Connections have these from their listening socket.
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self._loop.add_reader(self._listening.fileno(), self._accept)

    async def close(self) -> None:
        """Take no new ones, accept all that are established, and listen no more.

        Closed while others come, a socket resets whoever the kernel had taken for it: a request is lost. So
        the kernel takes nobody from here on, and who tries is refused once nobody listens.
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
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._listening.fileno())
        self._listening.close()
        if self._beginning:
            await asyncio.wait(self._beginning, timeout=_ESTABLISHED_SECONDS)

    def _accept(self) -> bool:
        """Accept some; tell whether there may be more."""
        for _ in range(_AT_ONCE):
            try:
                client, address = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                return False
            except ConnectionError:
                continue
            except OSError as error:
                self._wait(error)
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

    def _wait(self, error: OSError) -> None:
        """Accept nothing for a moment: the socket would say at once, and again, that it can't be done."""
        self._listener.refusals["files"] += 1
        _log.warning("a connection can't be accepted: %s", error.strerror)
        if error.errno in _NO_ROOM:
            self._listener.crowd.let_some_go(_AT_ONCE // 4)
        if self._closed or self._again is not None:
            return
        self._loop.remove_reader(self._listening.fileno())
        self._again = self._loop.call_later(_AGAIN_SECONDS, self._go_on)

    def _go_on(self) -> None:
        self._again = None
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
            # Also ssl.SSLError. What strangers send is no news.
            if connection.transport is None:
                self._listener.refusals["handshake"] += 1
        finally:
            connection.cut_handshake = None
            if connection.transport is None:
                # Whatever it was that failed: it counts no longer as a connection.
                self._listener.crowd.leave(connection)
                client.close()
