"""aiohttp's connections within bounds. They parse one request at a time, once its head is complete."""

import asyncio
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

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
from lens.http.application import BusyError, HeadTooLargeError, NotHttpError
from lens.http.request_body import BodyTooLargeError, MalformedBodyError
from lens.http.response.paced_body import PacedBody
from lens.http.response.send_buffer import SendBuffer

if TYPE_CHECKING:
    from lens.http.listener import Listener

CLIENT_GONE = 499
"""The status, in log and metrics, of a request whose client disconnected first (nginx's number)."""

# A byte that no valid head has.
_NO_REQUEST = b"\0"

# The memory per byte of a head: as bytes and as text, of which one wide character makes each take 4 bytes.
_KEPT_ASCII, _KEPT_WIDE = 3, 7


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
        # The bytes that aren't parsed yet, and how many of them have been searched for the end of a head.
        self._received = bytearray()
        self._searched = 0
        self._busy = False
        self._ignores_input = False
        self._body_left = 0
        self._content: Any = None
        self.body_problem: Exception | None = None
        """Why the body of the present request is incomplete."""
        self._problem: Exception | None = None
        self._receiving_since: float | None = None
        self.send_buffer = SendBuffer(self._clock)
        self.arrived_at = self._clock()
        """The event loop's time at which the head of the present request was complete."""

    # Requests

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to read."""
        self.cut_handshake = None
        assert isinstance(transport, asyncio.Transport)
        self.send_buffer.open(transport)
        if hasattr(transport, "max_size"):
            # asyncio reads 256 KiB at a time, and would keep it before any bound applies.
            transport.max_size = READ_BYTES
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Cancel the handler and drop the received bytes."""
        self._table.remove(self)
        self._ignores_input = True
        self._received.clear()
        self.send_buffer.lose()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Add received bytes. aiohttp calls this without data to parse its own remainder."""
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
            # The parser's error is queued behind the request that is being answered, which would never end.
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
        # In case the parser found nothing wrong. It answers only the first of two errors.
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
        """End an incomplete body, and ignore further input."""
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
            response = await self._listener.application(request)
            if chunked and response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and not self.body_problem:
                self._listener.refusals["body"] += 1
            # A client that waits for 100 (Continue) hasn't sent its body: its next request would count as the
            # body.
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
        unsent = self.send_buffer.size() + len(body)
        if unsent > FAIR_UNSENT_BYTES and not self._table.make_room_for(body):
            self._listener.refusals["busy"] += 1
            return self._listener.application.refuse(request, BusyError())
        assert isinstance(response, web.Response)
        if len(body) <= PIECE_BYTES:
            # Written at once. How much of it was read is checked later.
            self._table.set_unsent(self, unsent)
            return response
        response.body = PacedBody(body, self._began, self.send_buffer.progressed, self._ended)
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
        """Answer what the parser rejected. An Application raises no other errors."""
        self._ignores_input = True
        self._receiving_since = None
        return self._listener.application.refuse(request, self._problem or exc)

    # Unsent bytes

    def _began(self, body: bytes) -> None:
        self.send_buffer.progressed()
        self._table.set_active(self)
        self._table.unsent.add_body(body)
        # From now on it counts as a connection with unsent bytes.
        self._table.unsent.set_buffered(self, PIECE_BYTES)

    def _ended(self, body: bytes) -> None:
        self._table.unsent.remove_body(body)
        self._table.unsent.set_buffered(self, self.send_buffer.size())
        self._table.set_idle(self)

    def resume_writing(self) -> None:
        """Continue: the client has read most of the buffer."""
        self.send_buffer.progressed()
        super().resume_writing()

    def stalled(self, seconds: float) -> bool:
        """Return whether the client has read nothing for so many seconds."""
        self._table.set_unsent(self, self.send_buffer.update())
        return self.send_buffer.stalled(seconds)

    # The end

    def enforce_bounds(self) -> None:
        """Cut a client that sends no whole request in the timeout, or reads nothing for three times that."""
        self._table.set_unsent(self, self.send_buffer.update())
        now = self._clock()
        receiving_since = now if self._receiving_since is None else self._receiving_since
        if (
            now - receiving_since > self._client_timeout
            or now - self.send_buffer.progressed_at > SLOW_READER_FACTOR * self._client_timeout
        ):
            self._listener.refusals["slow"] += 1
            self.cut()

    def cut(self) -> None:
        """Abort the connection."""
        self._table.remove(self)
        if self.cut_handshake is not None:
            self.cut_handshake()
        self.send_buffer.abort()
