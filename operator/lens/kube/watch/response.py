"""The response under kopf: lists and watches of what Lens counts are taken out of it as they pass.

Everything else that kopf asks for (discovery, the server's version) goes through untouched, but for
errors, of which kopf gets only what it can digest.
"""

import asyncio
import email.utils
import logging
import math
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

import aiohttp
import msgspec
from aiohttp.connector import Connection
from multidict import CIMultiDict, CIMultiDictProxy

from lens.kube.client.lines import LineSplitter, LineTooLongError
from lens.kube.watch.batched_reader import BatchedReader
from lens.kube.watch.reflector import GONE, Reflector, UnusableListError

PAGE_REST = 1.0
"""Times as long as a page took of the processor, for which other threads have Python to themselves once the
figures are known: then nobody waits for a list."""

LONGEST_REST = 1.0
"""Seconds."""

LONGEST_RETRY_AFTER = 30
"""Seconds; kopf would sleep for as long as it is told to."""

_log = logging.getLogger(__name__)


class StatusDetails(msgspec.Struct, rename="camel"):
    """The part of a Status' details that kopf looks at."""

    retry_after_seconds: int = 0


class Status(msgspec.Struct):
    """The body of an apiserver's error (meta/v1 Status)."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: StatusDetails | None = None


class KubeResponse(aiohttp.ClientResponse):
    """A response that knows which paths are lists and watches to take in."""

    reflectors: ClassVar[Mapping[str, Reflector[Any, Any]]] = {}
    """By the URL's path; a session's own subclass has its own."""

    _digestible_headers: CIMultiDictProxy[str] | None = None
    _page: bytes | None = None
    _received_in = 0.0

    @property
    def reflector(self) -> Reflector[Any, Any] | None:
        """Return who takes this response in, if anybody."""
        return self.reflectors.get(self.url.path) if self.method == "GET" else None

    @property
    def is_watch(self) -> bool:
        """Tell whether a watch was asked for."""
        return self.url.query.get("watch") == "true"

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """Return the headers, with a Retry-After that is a number of seconds."""
        return self._headers if self._digestible_headers is None else self._digestible_headers

    async def start(self, connection: Connection) -> Self:
        """Receive the headers; from a watch's 200 on its lines are taken in."""
        await super().start(connection)
        retry_after = self._headers.get("Retry-After")
        if retry_after is not None:
            headers = CIMultiDict(self._headers)
            headers["Retry-After"] = str(_seconds(retry_after))
            self._digestible_headers = CIMultiDictProxy(headers)
        if self.status == 200 and self.is_watch and (reflector := self.reflector) is not None:
            self.content = WatchContent(self.content, BatchedReader(self), reflector)  # type: ignore[assignment]
        return self

    def close(self) -> None:
        """Close the connection, under TLS at once: the server's goodbye may outlast kopf's loop."""
        transport = self.connection.transport if self.connection is not None else None
        if transport is not None and transport.get_extra_info("ssl_object") is not None:
            transport.abort()
        super().close()

    def say_gone(self) -> None:
        """Let this refusal of a watch look like a watch that says 410: kopf then lists anew."""
        self.release()
        self.status = 200
        self.content = GoneContent(self.content)  # type: ignore[assignment]

    async def receive(self, longest: int) -> bool:
        """Receive a list's page; return whether it has no more bytes than that. One that has more is dropped.

        Raise ClientConnectionError if the session is closed meanwhile.
        """
        began = time.thread_time()
        received = bytearray()
        fits = (self.content_length or 0) <= longest
        try:
            while fits and (part := await self.content.readany()):
                received += part
                fits = len(received) <= longest
            if fits:
                self._page = bytes(received)
        except RuntimeError as error:
            raise aiohttp.ClientConnectionError(str(error)) from error
        finally:
            self._received_in = time.thread_time() - began
            if self._page is None:
                self.close()
        return fits

    async def json(self, **options: Any) -> Any:
        """Return the body; of a list that is taken in only its metadata. Raise ClientPayloadError."""
        if self.status >= 400:
            return await self._error()
        if (reflector := self.reflector) is None:
            return await super().json(**options)
        try:
            page = await self.read() if self._page is None else self._page
            is_synced, began = reflector.store.synced, time.thread_time()
            told = reflector.page(page, first="continue" not in self.url.query)
            took = self._received_in + time.thread_time() - began
        except UnusableListError as error:
            _log.warning("a list is of no use; listing anew", extra={"error": str(error)})
            raise aiohttp.ClientPayloadError(str(error)) from error
        if is_synced:
            await asyncio.sleep(min(PAGE_REST * took, LONGEST_REST))
        return told

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
            status.details.retry_after_seconds = min(asked, LONGEST_RETRY_AFTER)
        return {"kind": "Status", "code": self.status, **msgspec.to_builtins(status)}


class _Content:
    """A response's content, but for the lines that kopf reads of it."""

    def __init__(self, stream: aiohttp.StreamReader) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class GoneContent(_Content):
    """The content of a watch that is over before it began."""

    async def iter_chunked(self, _size: int) -> AsyncIterator[bytes]:
        """Give the one line."""
        yield GONE


class WatchContent(_Content):
    """The content of a watch whose lines are taken in as kopf reads on."""

    def __init__(
        self, stream: aiohttp.StreamReader, reader: BatchedReader, reflector: Reflector[Any, Any]
    ) -> None:
        """Take a watch that has just been answered with 200."""
        super().__init__(stream)
        self._reader = reader
        self._reflector = reflector
        self._owed = reflector.opened()

    def iter_chunked(self, _size: int) -> "WatchChunks":
        """Go through what kopf is told."""
        return WatchChunks(self._reader, self._reflector, self._owed)


class WatchChunks:
    """Lines for kopf, in chunks. A tail that no newline ended is no line and falls away."""

    def __init__(self, reader: BatchedReader, reflector: Reflector[Any, Any], owed: bytes) -> None:
        """Take what kopf is to be told before the first line."""
        self._reader = reader
        self._reflector = reflector
        self._owed = owed
        self._splitter = LineSplitter()
        self._over = False

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> bytes:
        """Take in lines until there is something to tell kopf."""
        if self._owed:
            owed, self._owed = self._owed, b""
            return owed
        while not self._over and (chunk := await self._received()):
            if told := self._taken(chunk):
                return told
        raise StopAsyncIteration

    async def _received(self) -> bytes:
        try:
            return await self._reader.read()
        except RuntimeError as error:
            # What a reader is told that comes to a connection which a new login has just closed.
            raise aiohttp.ClientConnectionError(str(error)) from error

    def _taken(self, chunk: bytes) -> bytes:
        try:
            lines = list(self._splitter.feed(chunk))
        except LineTooLongError as error:
            _log.warning("a watch is of no use; watching anew", extra={"error": str(error)})
            self._over = True
            return b""
        if not lines:
            return b""
        told, goes_on = self._reflector.lines(lines)
        self._over = not goes_on
        return told


def _seconds(retry_after: str) -> int:
    """Read a Retry-After, which is seconds or a date (RFC 9110, 10.2.3); 1 for what is neither."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            moment = email.utils.parsedate_to_datetime(retry_after)
            seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
        # The parser lets out more than it says, as for a year or a zone too large for an integer of C.
        except (ValueError, OverflowError, TypeError, IndexError):
            return 1
    return max(1, min(LONGEST_RETRY_AFTER, math.ceil(seconds))) if math.isfinite(seconds) else 1
