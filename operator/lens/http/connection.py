"""aiohttp's connections, within bounds: no head is parsed before it is whole, and one request at a time."""

import asyncio
import asyncio.trsock
import contextlib
import fcntl
import socket
import struct
import termios
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

from lens.bounds import (
    FAIR_UNSENT_BYTES,
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    PIECE_BYTES,
    READ_BYTES,
    SLOW_READER_FACTOR,
)
from lens.http import request_body, request_head
from lens.http.paced_body import PacedBody
from lens.http.request_body import BodyTooLargeError, MalformedBodyError

if TYPE_CHECKING:
    from lens.http.listener import Listener

CLIENT_GONE = 499
"""The status, in log and metrics, of a request whose client disconnected first (nginx's number)."""

_ABORT = struct.pack("ii", 1, 0)

# No request has this anywhere in its head.
_NO_REQUEST = b"\0"

# The memory per byte of a head: as bytes and as text, of which one wide character makes each take 4 bytes.
_KEPT_ASCII, _KEPT_WIDE = 3, 7


class HeadTooLargeError(Exception):
    """A request's head is over MAX_HEAD_BYTES."""


class NotHttpError(Exception):
    """What was received begins with no request line of HTTP/1."""


class BusyError(Exception):
    """There is no room for a response: clients have not read others."""


class Answerer(Protocol):
    """Answers requests, and what the parser rejected."""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request whose head is complete."""
        ...

    def refuse(self, request: web.BaseRequest, error: BaseException | None) -> web.StreamResponse:
        """Answer what can't be parsed or exceeds a bound. The connection ends after it."""
        ...


class Connection(web.RequestHandler):
    """One client's connection."""

    def __init__(self, listener: "Listener", address: str, timeout: float, **options: Any) -> None:
        """Take the server and the client's address; ``options`` are aiohttp's."""
        super().__init__(listener, **options)
        self.address = address
        self.cut_handshake: Callable[[], object] | None = None
        self._listener = listener
        self._table = listener.table
        self._client_timeout = timeout
        self._clock = asyncio.get_running_loop().time
        # Received and not parsed yet, and how many bytes of it are known to have no end of a head.
        self._received = bytearray()
        self._searched = 0
        self._busy = False
        self._ignores_input = False
        self._body_left = 0
        self._content: Any = None
        self.body_problem: Exception | None = None
        """Why the body of the present request isn't whole."""
        self._problem: Exception | None = None
        self._receiving_since: float | None = None
        self.progressed_at = self._clock()
        self.arrived_at = self._clock()
        """The event loop's time at which the head of the present request was complete."""
        self._unsent = 0
        self._socket: asyncio.trsock.TransportSocket | None = None

    # Requests

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to read."""
        self.cut_handshake = None
        self._socket = transport.get_extra_info("socket")
        if hasattr(transport, "max_size"):
            # asyncio reads 256 KiB at a time, and would keep it before any bound applies.
            transport.max_size = READ_BYTES
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End: cancel the handler and drop what was received."""
        self._table.remove(self)
        self._ignores_input = True
        self._received.clear()
        if self.transport is not None:
            asyncio.get_running_loop().call_soon(_break_cycle, self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Add what was received. aiohttp calls this with no data to parse its own remainder."""
        if self._ignores_input or not data:
            if not self._ignores_input:
                super().data_received(data)
            return
        if self._body_left:
            part, data = data[: self._body_left], data[self._body_left :]
            self._body_left -= len(part)
            if not self._body_left:
                self._receiving_since = None
            super().data_received(part)
            # The parser's error is behind the request that is being answered, which nobody ends.
            if self._content is not None and self._messages and not self._content.is_eof():
                self._end_body(MalformedBodyError())
                return
            if self._busy and not self._is_sending():
                self._table.set_active(self)
            if not data:
                return
        self._received += data
        if not self._busy:
            self._next()
        elif self._content is not None:
            # A body without a length that exceeds the bound.
            self._listener.refusals["body"] += 1
            self._end_body(BodyTooLargeError())
        elif len(self._received) > MAX_HEAD_BYTES and self.transport and not self.transport.is_closing():
            self.transport.pause_reading()

    def _next(self) -> None:
        """Pass the next head to the parser if it is complete."""
        received = self._received
        if not self._searched:
            del received[: len(received) - len(received.lstrip(b"\r\n"))]
        if self._receiving_since is None:
            self._receiving_since = self._clock()
        if not received:
            return
        if request_head.is_malformed(received, self._searched):
            self._give_up()
            return
        end = request_head.length(received, self._searched)
        self._searched = len(received)
        if (len(received) if end is None else end) > MAX_HEAD_BYTES:
            self._refuse(HeadTooLargeError(), "head")
        elif end is None:
            if not self._table.set_head_bytes(self, len(received)):
                self._listener.refusals["heads"] += 1
                self.cut()
        else:
            self._parse(end)

    def _parse(self, end: int) -> None:
        """Pass a complete head to the parser, in its turn."""
        head = bytes(self._received[:end])
        del self._received[:end]
        self._searched = 0
        self._busy = True
        self.arrived_at = self._clock()
        if self._table.set_head_bytes(self, len(head) * (_KEPT_ASCII if head.isascii() else _KEPT_WIDE)):
            self._table.set_active(self)
            self._table.requests.add(self.address, partial(self._start, head))
        else:
            self._refuse(BusyError(), "heads")

    def _start(self, head: bytes) -> None:
        """Parse a head, unless its client has disconnected meanwhile."""
        if not self._ignores_input and self.transport is not None:
            super().data_received(head)

    def _give_up(self) -> None:
        """Let the parser report what is wrong with the request line, and ignore further input."""
        line = bytes(
            self._received[
                : self._received.find(b"\n", 0, request_head.LONGEST_LINE) + 1 or request_head.LONGEST_LINE
            ]
        )
        self._received.clear()
        self._ignores_input = True
        if line.endswith(b"\n") or line[0] < 0x21:
            self._problem = NotHttpError()
        super().data_received(line)
        # In case it found nothing wrong. Of two errors the first is answered.
        super().data_received(_NO_REQUEST)

    def _refuse(self, problem: Exception, reason: str) -> None:
        """Let aiohttp call ``handle_error``: the parser has not seen this request."""
        self._listener.refusals[reason] += 1
        self._problem = problem
        self._received.clear()
        self._receiving_since = None
        self._table.set_active(self)
        super().data_received(_NO_REQUEST)
        self._ignores_input = True

    def _end_body(self, problem: Exception) -> None:
        """End a body that isn't whole, and ignore further input."""
        self._ignores_input = True
        self._received.clear()
        self._receiving_since = None
        self.body_problem = problem
        self._content.feed_eof()

    # Responses

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request whose head is complete."""
        began = self._clock()
        self._receiving_since = None
        chunked = request.body_exists and request.content_length is None
        if request.body_exists:
            self._await_body(request, chunked=chunked)
        try:
            response = await self._listener.answerer(request)
            if chunked and response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and not self.body_problem:
                self._listener.refusals["body"] += 1
            # A client that wasn't asked for its body sends none, and its next request would be taken for it.
            unasked = self._body_left > 0 and request_body.expects_continue(request)
            if chunked or self._ignores_input or unasked:
                response.force_close()
            return self._within_bounds(request, response)
        except asyncio.CancelledError:
            if self.transport is None:
                # aiohttp logs only the requests that it answers.
                begun = request.writer is not None and request.writer.output_size > 0
                self.log_access(request, web.Response(status=200 if begun else CLIENT_GONE), began)
            raise
        finally:
            self._answered()

    def _within_bounds(self, request: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
        """Return the response if there is room for its body. A long body is paced by the client."""
        body = response.body if isinstance(response, web.Response) else None
        if not isinstance(body, bytes) or response.prepared:
            return response
        unsent = self._in_flight() + len(body)
        if unsent > FAIR_UNSENT_BYTES and not self._table.make_room_for(body):
            self._listener.refusals["busy"] += 1
            return self._listener.answerer.refuse(request, BusyError())
        assert isinstance(response, web.Response)
        if len(body) <= PIECE_BYTES:
            # Written at once. How much of it was read is checked later.
            self._table.set_unsent(self, unsent)
            return response
        response.body = PacedBody(body, self._began, self._progressed, self._ended)
        return response

    def _await_body(self, request: web.BaseRequest, *, chunked: bool) -> None:
        """Accept a body within the bound; the framing of a chunked one counts too."""
        length = 2 * MAX_BODY_BYTES if chunked else request.content_length or 0
        if length > MAX_BODY_BYTES and not chunked:
            self._listener.refusals["body"] += 1
            self._ignores_input = True
            self._received.clear()
            return
        self._content = request.content if chunked else None
        self._body_left = length
        self._receiving_since = self._clock()
        early = bytes(self._received)
        self._received.clear()
        if early:
            self.data_received(early)
        if self._is_sending():
            # As with an unfinished head.
            self._table.set_idle(self)

    def _is_sending(self) -> bool:
        """Return whether the client is still sending a body."""
        return self._body_left > 0 and not (self._content is not None and self._content.is_eof())

    def _answered(self) -> None:
        self._table.set_head_bytes(self, 0)
        if self._content is not None:
            # Only the parser knows where it ends.
            self._ignores_input = True
        self._busy = False
        if self._body_left:
            self._receiving_since = self._clock() if self._receiving_since is None else self._receiving_since
        else:
            self._receiving_since = None
        self._table.set_idle(self)
        if self._received and not self._ignores_input and not self._body_left:
            self._next()
        if len(self._received) <= MAX_HEAD_BYTES and self.transport and not self.transport.is_closing():
            self.transport.resume_reading()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what the parser rejected. An Answerer raises no other errors."""
        self._ignores_input = True
        self._receiving_since = None
        return self._listener.answerer.refuse(request, self._problem or exc)

    # Unsent bytes

    def _began(self, body: bytes) -> None:
        self.progressed_at = self._clock()
        self._table.set_active(self)
        self._table.unsent.add_body(body)
        # From now on it counts as a connection with unsent bytes.
        self._table.unsent.set_buffered(self, PIECE_BYTES)

    def _progressed(self) -> None:
        self.progressed_at = self._clock()

    def _ended(self, body: bytes) -> None:
        self._table.unsent.remove_body(body)
        self._table.unsent.set_buffered(self, self._in_flight())
        self._table.set_idle(self)

    def resume_writing(self) -> None:
        """Continue: the client has read most of the buffer."""
        self._progressed()
        super().resume_writing()

    def stalled(self, seconds: float) -> bool:
        """Return whether the client has read nothing for so many seconds."""
        self._update_unsent()
        return self._unsent > 0 and self._clock() - self.progressed_at > seconds

    def _update_unsent(self) -> None:
        """Measure the unsent bytes, and note progress if there are fewer."""
        unsent = self._in_flight()
        if not unsent or unsent < self._unsent:
            self.progressed_at = self._clock()
        self._unsent = unsent
        self._table.set_unsent(self, unsent)

    def _in_flight(self) -> int:
        """Return the bytes that the client has not acknowledged, in our buffer and the kernel's."""
        # A transport that is closing stays until its buffer is empty.
        if self.transport is None or self._socket is None or self._socket.fileno() < 0:
            return 0
        queued = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        return (_buffered(self.transport) or 0) + int.from_bytes(queued, "little")

    # The end

    def enforce_bounds(self) -> None:
        """Cut a client that sends no whole request in the timeout, or reads nothing for three times that."""
        self._update_unsent()
        now = self._clock()
        receiving_since = now if self._receiving_since is None else self._receiving_since
        if (
            now - receiving_since > self._client_timeout
            or now - self.progressed_at > SLOW_READER_FACTOR * self._client_timeout
        ):
            self._listener.refusals["slow"] += 1
            self.cut()

    def cut(self) -> None:
        """Abort the connection."""
        self._table.remove(self)
        if self.cut_handshake is not None:
            self.cut_handshake()
        if self.transport is None or self._socket is None:
            return
        if self._in_flight():
            # So that the kernel drops its buffer too.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        if _buffered(self.transport) is None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self.transport.abort()


def _break_cycle(transport: asyncio.BaseTransport) -> None:
    """Have a transport that is closed freed at once.

    asyncio's has one of its own methods as an attribute. Of long-lived garbage (`lens.garbage`) thousands of
    transports would be the most. That below TLS can't be reached.
    """
    getattr(transport, "__dict__", {}).pop("_read_ready_cb", None)


def _buffered(transport: asyncio.Transport) -> int | None:
    """Return the bytes in a transport's buffer.

    None for a TLS transport that was closed twice: from Python 3.12 on it has lost its protocol, and can't
    be aborted any more.
    """
    try:
        return transport.get_write_buffer_size()
    except AttributeError:
        return None
