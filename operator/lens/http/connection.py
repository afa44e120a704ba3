"""aiohttp's connections, within bounds: no head is parsed before it is whole, and one request at a time."""

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Callable
from functools import partial
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
from lens.http import heads
from lens.http.pieces import Pieces

if TYPE_CHECKING:
    from lens.http.listener import Listener

CLIENT_GONE = 499
"""The status, in log and metrics, of what nobody waited for (nginx's number)."""

_AT_ONCE = struct.pack("ii", 1, 0)

# What no request has, anywhere in its head.
_NO_REQUEST = b"\0"

# As bytes, and as text of which one character may make all others take four bytes each.
_KEPT_ASCII, _KEPT_WIDE = 3, 7


class HeadTooLargeError(Exception):
    """A request's head is over MAX_HEAD_BYTES."""


class BusyError(Exception):
    """There is no room for an answer: others have not been taken."""


class Answerer(Protocol):
    """Who answers requests, and what was to be one."""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request, whose head is in."""
        ...

    def refuse(self, request: web.BaseRequest, error: BaseException | None) -> web.StreamResponse:
        """Answer what can't be parsed, or is beyond a bound; the connection ends with it."""
        ...


class Connection(web.RequestHandler):
    """One client's connection."""

    def __init__(self, listener: "Listener", address: str, patience: float, **options: Any) -> None:
        """Take who answers and the client's address; the rest is aiohttp's."""
        super().__init__(listener, **options)
        self.address = address
        self.cut_handshake: Callable[[], object] | None = None
        self._listener = listener
        self._crowd = listener.crowd
        self._patience = patience
        self._clock = asyncio.get_running_loop().time
        # What was received and not been parsed, and how much of it has no end of a head.
        self._ahead = bytearray()
        self._looked_at = 0
        self._busy = False
        self._deaf = False
        self._body_left = 0
        self._content: Any = None
        self.body_cut = False
        self._problem: Exception | None = None
        self._asking_since: float | None = None
        self.taken_at = self._clock()
        self._unsent = 0

    # What comes in.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.cut_handshake = None
        if hasattr(transport, "max_size"):
            # asyncio reads 256 KiB at a time, which would be kept before anything can be said of it.
            transport.max_size = READ_BYTES
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End: whoever answers is cancelled, and nothing of the client is kept."""
        self._crowd.leave(self)
        self._deaf = True
        self._ahead.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come; aiohttp calls it with nothing to have its own rest looked at."""
        if self._deaf or not data:
            if not self._deaf:
                super().data_received(data)
            return
        if self._body_left:
            part, data = data[: self._body_left], data[self._body_left :]
            self._body_left -= len(part)
            if not self._body_left:
                self._asking_since = None
            super().data_received(part)
            if self._busy and not self._is_sending():
                self._crowd.work(self)
            if not data:
                return
        self._ahead += data
        if not self._busy:
            self._next()
        elif self._content is not None:
            # A body without a length, and more of it than there may be.
            self._refuse_body()
        elif len(self._ahead) > MAX_HEAD_BYTES and self.transport is not None:
            self.transport.pause_reading()

    def _next(self) -> None:
        """Give the next head to the parser if it is whole."""
        ahead = self._ahead
        if not self._looked_at:
            del ahead[: len(ahead) - len(ahead.lstrip(b"\r\n"))]
        if self._asking_since is None:
            self._asking_since = self._clock()
        if not ahead:
            return
        if heads.is_hopeless(ahead, self._looked_at):
            self._give_up()
            return
        end = heads.end(ahead, self._looked_at)
        self._looked_at = len(ahead)
        if (len(ahead) if end is None else end) > MAX_HEAD_BYTES:
            self._refuse(HeadTooLargeError(), "head")
        elif end is None:
            if not self._crowd.keep_head(self, len(ahead)):
                self._listener.refusals["heads"] += 1
                self.cut()
        else:
            self._parse(end)

    def _parse(self, end: int) -> None:
        """Give a whole head to the parser."""
        head = bytes(self._ahead[:end])
        del self._ahead[:end]
        self._looked_at = 0
        self._busy = True
        if self._crowd.keep_head(self, len(head) * (_KEPT_ASCII if head.isascii() else _KEPT_WIDE)):
            self._crowd.work(self)
            self._crowd.requests.add(self.address, partial(self._start, head))
        else:
            self._refuse(BusyError(), "heads")

    def _start(self, head: bytes) -> None:
        """Have a request answered, unless its client has gone while it waited."""
        if not self._deaf and self.transport is not None:
            super().data_received(head)

    def _give_up(self) -> None:
        """Have the parser say what is wrong with the line, and take nothing more."""
        line = bytes(self._ahead[: self._ahead.find(b"\n", 0, heads.LONGEST_LINE) + 1 or heads.LONGEST_LINE])
        self._ahead.clear()
        self._deaf = True
        super().data_received(line)
        # Should it have found nothing wrong; of two errors the first is answered.
        super().data_received(_NO_REQUEST)

    def _refuse(self, problem: Exception, reason: str) -> None:
        """Have aiohttp answer with ``handle_error``: the parser has seen nothing of this request."""
        self._listener.refusals[reason] += 1
        self._problem = problem
        self._ahead.clear()
        self._asking_since = None
        self._crowd.work(self)
        super().data_received(_NO_REQUEST)
        self._deaf = True

    def _refuse_body(self) -> None:
        self._listener.refusals["body"] += 1
        self._deaf = True
        self._ahead.clear()
        self._asking_since = None
        self.body_cut = True
        self._content.feed_eof()

    # What is answered.

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request, whose head is in by now."""
        began = self._clock()
        self._asking_since = None
        chunked = request.body_exists and request.content_length is None
        if request.body_exists:
            self._await_body(request, chunked=chunked)
        try:
            response = await self._listener.answerer(request)
            if chunked or self._deaf:
                response.force_close()
            return self._paced(request, response)
        except asyncio.CancelledError:
            if self.transport is None:
                # aiohttp logs only what it could answer.
                begun = request.writer is not None and request.writer.output_size > 0
                self.log_access(request, web.Response(status=200 if begun else CLIENT_GONE), began)
            raise
        finally:
            self._answered()

    def _paced(self, request: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
        """Have a body written if there is room for it, a long one as fast as it's taken."""
        body = response.body if isinstance(response, web.Response) else None
        if not isinstance(body, bytes) or response.prepared:
            return response
        unsent = self._in_flight() + len(body)
        if unsent > FAIR_UNSENT_BYTES and not self._crowd.has_room(body):
            self._listener.refusals["busy"] += 1
            return self._listener.answerer.refuse(request, BusyError())
        assert isinstance(response, web.Response)
        if len(body) <= PIECE_BYTES:
            # Written at once. How much of it was taken is looked at later.
            self._crowd.owe(self, unsent)
            return response
        response.body = Pieces(body, self._began, self._progressed, self._ended)
        return response

    def _await_body(self, request: web.BaseRequest, *, chunked: bool) -> None:
        """Let the parser have a body, if it may be that long; of one without a length, its pieces too."""
        length = 2 * MAX_BODY_BYTES if chunked else request.content_length or 0
        if length > MAX_BODY_BYTES and not chunked:
            self._listener.refusals["body"] += 1
            self._deaf = True
            self._ahead.clear()
            return
        self._content = request.content if chunked else None
        self._body_left = length
        self._asking_since = self._clock()
        early = bytes(self._ahead)
        self._ahead.clear()
        if early:
            self.data_received(early)
        if self._is_sending():
            # As with an unfinished head.
            self._crowd.rest(self)

    def _is_sending(self) -> bool:
        """Tell whether a body isn't whole yet."""
        return self._body_left > 0 and not (self._content is not None and self._content.is_eof())

    def _answered(self) -> None:
        self._crowd.keep_head(self, 0)
        if self._content is not None:
            # Where it ends only the parser knows.
            self._deaf = True
        self._busy = False
        if self._body_left:
            self._asking_since = self._clock() if self._asking_since is None else self._asking_since
        else:
            self._asking_since = None
        self._crowd.rest(self)
        if self._ahead and not self._deaf and not self._body_left:
            self._next()
        if self.transport is not None and len(self._ahead) <= MAX_HEAD_BYTES:
            self.transport.resume_reading()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what the parser refused; an Answerer lets no other error out."""
        self._deaf = True
        self._asking_since = None
        return self._listener.answerer.refuse(request, self._problem or exc)

    # What is taken.

    def _began(self, body: bytes) -> None:
        self.taken_at = self._clock()
        self._crowd.work(self)
        self._crowd.outgoing.hold(body)
        # It is known from now on as one that has something to take.
        self._crowd.outgoing.buffer(self, PIECE_BYTES)

    def _progressed(self) -> None:
        self.taken_at = self._clock()

    def _ended(self, body: bytes) -> None:
        self._crowd.outgoing.release(body)
        self._crowd.outgoing.buffer(self, self._in_flight())
        self._crowd.rest(self)

    def resume_writing(self) -> None:
        """Go on: most of what waited has been taken."""
        self._progressed()
        super().resume_writing()

    def stalled(self, seconds: float) -> bool:
        """Tell whether nothing was taken for so long."""
        self._look()
        return self._unsent > 0 and self._clock() - self.taken_at > seconds

    def _look(self) -> None:
        """Note whether something was taken of what waits."""
        unsent = self._in_flight()
        if not unsent or unsent < self._unsent:
            self.taken_at = self._clock()
        self._unsent = unsent
        self._crowd.owe(self, unsent)

    def _in_flight(self) -> int:
        """Return how many bytes the client has not taken, of ours and of the kernel's."""
        transport = self.transport
        # One that is being closed stays until what it has was taken.
        own = None if transport is None else transport.get_extra_info("socket")
        if transport is None or own is None or own.fileno() < 0:
            return 0
        queued = fcntl.ioctl(own.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        return transport.get_write_buffer_size() + int.from_bytes(queued, "little")

    # How it ends.

    def tend(self) -> None:
        """Hang up on who has sent no whole request for the patience, or for three times that took nothing."""
        self._look()
        now = self._clock()
        asking_since = now if self._asking_since is None else self._asking_since
        if now - asking_since > self._patience or now - self.taken_at > SLOW_READER_FACTOR * self._patience:
            self._listener.refusals["slow"] += 1
            self.cut()

    def cut(self) -> None:
        """Hang up at once."""
        self._crowd.leave(self)
        if self.cut_handshake is not None:
            self.cut_handshake()
        transport = self.transport
        if transport is None:
            return
        if self._in_flight():
            # The kernel shall not keep it either.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        transport.abort()
