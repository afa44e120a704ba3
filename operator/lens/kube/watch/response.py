"""The responses of kopf's session: the lists and watches that Lens counts are read from them.

Other responses (discovery, the server's version) reach kopf unchanged, except errors: kopf gets only errors
that it survives.
"""

import asyncio
import contextlib
import email.utils
import logging
import math
import socket
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

import aiohttp
import msgspec
from aiohttp.connector import Connection
from multidict import CIMultiDict, CIMultiDictProxy

from lens.http_client import Response
from lens.kube.client.lines import LineSplitter, LineTooLongError
from lens.kube.watch.batched_reader import BatchedReader
from lens.kube.watch.kopf_settings import PODS
from lens.kube.watch.reflector import GONE, Reflector, UnusableListError
from lens.kube.watch.turns import Turns

PAUSE_FACTOR = 1.0
"""The pause after a page, as a multiple of its CPU time: other threads run meanwhile. There is no pause
before the first complete list, which requests wait for."""

MAX_PAUSE_SECONDS = 1.0

LATE_SECONDS = 1.0
"""A timeout that comes so late says nothing of the apiserver."""

MAX_RETRY_AFTER_SECONDS = 30
"""kopf would sleep for any time that a response names."""

# Linux' names; other systems keep their own times.
_KEEPALIVE = {"TCP_KEEPIDLE": 2, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3}
"""A quiet watch is current as long as its connection is open. So a dead connection has to end within 5 s."""

_log = logging.getLogger(__name__)


class StatusDetails(msgspec.Struct, rename="camel"):
    """The part of a Status' details that kopf reads."""

    retry_after_seconds: int = 0


class Status(msgspec.Struct):
    """The body of an apiserver's error (meta/v1 Status)."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: StatusDetails | None = None


class KubeResponse(Response):
    """A response that passes lists and watches to their reflectors."""

    reflectors: ClassVar[Mapping[str, Reflector[Any, Any]]] = {}
    """The reflectors by the URL's path. Each session has a subclass with its own."""

    receiving: ClassVar[set["KubeResponse"]] = set()
    """The responses whose pages are being received. Each session has its own."""

    turns: ClassVar[Turns] = Turns()
    """Whose page is applied next. Each session has its own."""

    silence: ClassVar[float] = math.inf
    """The seconds for a byte of a watch, or its end."""

    _safe_headers: CIMultiDictProxy[str] | None = None
    _page: bytes | None = None
    _receive_seconds = 0.0

    @property
    def reflector(self) -> Reflector[Any, Any] | None:
        """Return the reflector of this response, or None."""
        return self.reflectors.get(self.url.path) if self.method == "GET" else None

    @property
    def _goes_first(self) -> bool:
        reflector = self.reflector
        return reflector is not None and reflector.resource == PODS.name

    @property
    def is_watch(self) -> bool:
        """Return whether this is the response to a watch."""
        return self.url.query.get("watch") == "true"

    @property
    def is_open(self) -> bool:
        """Return whether the connection stands, and there may come more of the body."""
        transport = self.connection.transport if self.connection is not None else None
        return transport is not None and not transport.is_closing()

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """Return the headers, with a Retry-After in seconds."""
        return self._headers if self._safe_headers is None else self._safe_headers

    async def start(self, connection: Connection) -> Self:
        """Receive the headers. The lines of a watch with status 200 go to its reflector."""
        await super().start(connection)
        retry_after = self._headers.get("Retry-After")
        if retry_after is not None:
            headers = CIMultiDict(self._headers)
            headers["Retry-After"] = str(_seconds(retry_after))
            self._safe_headers = CIMultiDictProxy(headers)
        if self.status == 200 and self.is_watch and (reflector := self.reflector) is not None:
            _keep_alive(connection)
            seconds = float(self.url.query.get("timeoutSeconds", "inf"))
            first_lines = reflector.watch_opened(lambda: self.is_open, seconds)
            chunks = WatchChunks(BatchedReader(self), reflector, first_lines, self.silence)
            self.content = WatchContent(self.content, chunks)  # type: ignore[assignment]
        return self

    def close(self) -> None:
        """Close the connection."""
        self._abort_tls()
        super().close()

    def release(self) -> Any:
        """Close the connection if there may come more of the body. kopf's cancelled watches end so."""
        self._abort_tls()
        return super().release()

    def _abort_tls(self) -> None:
        """Abort a connection with TLS, since the server may close after kopf's loop ends."""
        transport = self.connection.transport if self.connection is not None else None
        if transport is not None and transport.get_extra_info("ssl_object") is not None:
            transport.abort()

    def replace_by_gone(self) -> None:
        """Replace this error of a watch by a watch with a 410 line, after which kopf lists again."""
        self.release()
        self.status = 200
        self.content = GoneContent(self.content)  # type: ignore[assignment]

    async def receive(self, max_bytes: int) -> bool:
        """Receive a page of a list; return whether it fits into ``max_bytes``. One that doesn't is dropped.

        Raise ClientConnectionError if the session is closed meanwhile.
        """
        began = time.thread_time()
        parts: list[bytes] = []
        length = 0
        fits = (self.content_length or 0) <= max_bytes
        self.receiving.add(self)
        try:
            with self.turns.first() if self._goes_first else contextlib.nullcontext():
                while fits and (part := await self.content.readany()):
                    parts.append(part)
                    length += len(part)
                    fits = length <= max_bytes
            if fits:
                self._page = b"".join(parts)
        except RuntimeError as error:
            raise aiohttp.ClientConnectionError(str(error)) from error
        finally:
            self.receiving.discard(self)
            self._receive_seconds = time.thread_time() - began
            if self._page is None:
                self.close()
        return fits

    async def json(self, **options: Any) -> Any:
        """Return the body; for a list with a reflector only its metadata. Raise ClientPayloadError."""
        if self.status >= 400:
            return await self._error()
        if (reflector := self.reflector) is None:
            return await super().json(**options)
        try:
            page = await self.read() if self._page is None else self._page
            is_synced = reflector.store.synced
            first = "continue" not in self.url.query
            if not (is_synced or self._goes_first):
                return await self.turns.apply(reflector.page_steps(page, first=first))
            began = time.thread_time()
            metadata = reflector.apply_page(page, first=first)
            took = self._receive_seconds + time.thread_time() - began
        except UnusableListError as error:
            _log.warning("a list is unusable; listing again", extra={"error": str(error)})
            raise aiohttp.ClientPayloadError(str(error)) from error
        if is_synced:
            await asyncio.sleep(min(PAUSE_FACTOR * took, MAX_PAUSE_SECONDS))
        return metadata

    async def read(self) -> bytes:
        """Return the body's bytes. Raise ClientConnectionError if the session is closed meanwhile."""
        try:
            return await super().read()
        except RuntimeError as error:
            raise aiohttp.ClientConnectionError(str(error)) from error

    async def text(self, *_args: Any, **_options: Any) -> str:
        """Return the body as text, whatever bytes it has."""
        return (await self.read()).decode(errors="replace")

    async def _error(self) -> object:
        try:
            status = msgspec.json.decode(await self.read(), type=Status)
        except (ValueError, RecursionError, aiohttp.ClientError):
            return None
        if status.details is not None:
            asked = status.details.retry_after_seconds
            status.details.retry_after_seconds = min(asked, MAX_RETRY_AFTER_SECONDS)
        # What stands between may have answered in the apiserver's place: HTTP's own status counts.
        return {**msgspec.to_builtins(status), "kind": "Status", "code": self.status}


class _Content:
    """A response's content, with other chunks for kopf."""

    def __init__(self, stream: aiohttp.StreamReader) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class GoneContent(_Content):
    """The content of a watch that consists of a 410 line."""

    async def iter_chunked(self, _size: int) -> AsyncIterator[bytes]:
        """Yield the line."""
        yield GONE


class WatchContent(_Content):
    """The content of a watch, whose lines go to the reflector when kopf reads."""

    def __init__(self, stream: aiohttp.StreamReader, chunks: "WatchChunks") -> None:
        """Take the stream of a watch whose status is 200, and what kopf reads in its place."""
        super().__init__(stream)
        self._chunks = chunks

    def iter_chunked(self, _size: int) -> "WatchChunks":
        """Iterate over the lines for kopf."""
        return self._chunks


class WatchChunks:
    """Lines for kopf, in chunks. An incomplete last line is dropped."""

    def __init__(
        self, reader: BatchedReader, reflector: Reflector[Any, Any], first_lines: bytes, silence: float
    ) -> None:
        """Take the lines for kopf before the watch's own first one, and the seconds for a byte or the end."""
        self._silence = silence
        self._reader = reader
        self._reflector = reflector
        self._first_lines = first_lines
        self._splitter = LineSplitter()
        self._over = False

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> bytes:
        """Apply lines until there is one for kopf."""
        if self._first_lines:
            lines, self._first_lines = self._first_lines, b""
            return lines
        while not self._over:
            # kopf's own timeout ends kopf if a line comes at that very moment.
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._silence):
                    chunk = await self._receive()
            except TimeoutError:
                if time.monotonic() - began > self._silence + LATE_SECONDS:
                    # It was this process that stood still. What came meanwhile is read now.
                    continue
                self._reflector.watch_silent()
                break
            if not chunk:
                self._over = True
                if last := self._reflector.watch_ended():
                    return last
                break
            if lines := self._apply(chunk):
                return lines
        raise StopAsyncIteration

    async def _receive(self) -> bytes:
        try:
            return await self._reader.read()
        except RuntimeError as error:
            # A new login has closed the connection just before this read.
            raise aiohttp.ClientConnectionError(str(error)) from error

    def _apply(self, chunk: bytes) -> bytes:
        try:
            lines = list(self._splitter.feed(chunk))
        except LineTooLongError as error:
            _log.warning("a watch is unusable; watching again", extra={"error": str(error)})
            self._over = True
            return b""
        if not lines:
            return b""
        for_kopf, continues = self._reflector.apply_lines(lines)
        self._reader.changes = self._reflector.changes
        self._over = not continues
        return for_kopf


def _keep_alive(connection: Connection) -> None:
    """Have the kernel close a watch's connection within seconds once the other side is gone (tcp(7))."""
    sock = connection.transport.get_extra_info("socket") if connection.transport is not None else None
    if sock is None:
        return
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _seconds(retry_after: str) -> int:
    """Return the seconds of a Retry-After, which has seconds or a date (RFC 9110, 10.2.3); 1 if invalid."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            moment = email.utils.parsedate_to_datetime(retry_after)
            seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
        # The parser raises undocumented errors, for example for a year that is too large for a C integer.
        except (ValueError, OverflowError, TypeError, IndexError):
            return 1
    return max(1, min(MAX_RETRY_AFTER_SECONDS, math.ceil(seconds))) if math.isfinite(seconds) else 1
