"""Single objects, asked of the apiserver within bounds, and not again where that has just failed.

What was refused or unanswered for one object would be for its siblings, so a refusal speaks for its family:
the resource in a namespace, or a document of discovery.
"""

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

import aiohttp
from yarl import URL

from lens import __version__
from lens.config import SettingsError
from lens.metrics import Metrics
from lens.model.ancestry import KEPT_SECONDS, Reason

if TYPE_CHECKING:
    from lens.kube.connection import Connection

TIMEOUT_SECONDS = 10.0

LONGEST_BODY = 2 * 2**20
"""Bytes. etcd takes objects of up to 1.5 MiB; some servers can't tell the metadata alone."""

FORBIDDEN_SECONDS = 120.0
FIRST_SECONDS = 1.0
LONGEST_SECONDS = 120.0
"""Until a family is asked again that is forbidden, or doesn't answer: then each time twice as long."""

MOST_FAMILIES = 4096
"""Users name families by what they write into their pods, so there may be any number."""

_log = logging.getLogger("lens.kube.getter")

_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class UnreadError(Exception):
    """There is no answer; ``seconds`` is the time after which to ask again.

    ``asked`` tells whether this time anybody was asked.
    """

    def __init__(self, reason: Reason, seconds: float, *, asked: bool = True) -> None:
        """Take why."""
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds
        self.asked = asked


class _Trouble(NamedTuple):
    reason: Reason
    until: float
    pause: float


class Getter:
    """Gets documents with Lens' own credentials. A context manager, to be used in one loop."""

    def __init__(
        self,
        connection: "Callable[[], Connection]",
        metrics: Metrics,
        timeout: float = TIMEOUT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take how to make the connection, which is called in a thread; ``timeout`` is in seconds."""
        self._clock = clock
        self._make_connection = connection
        self._metrics = metrics
        self._timeout = timeout
        self._opening = asyncio.Lock()
        self._opened: tuple[Connection, aiohttp.ClientSession] | None = None
        self._troubles: OrderedDict[str, _Trouble] = OrderedDict()

    async def __aenter__(self) -> Self:
        """Return itself; the session is opened by the first request."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened[1].close()

    async def get(self, path: str, accept: str, family: str) -> bytes | None:
        """Return what is there, None for nothing. Raise UnreadError.

        ``path`` is below the server's URL, and encoded.
        """
        now = self._clock()
        trouble = self._troubles.get(family)
        if trouble is not None and now < trouble.until:
            raise UnreadError(trouble.reason, trouble.until - now, asked=False)
        try:
            async with asyncio.timeout(self._timeout):
                status, body = await self._answer(path, accept)
        # aiohttp lets a ValueError out for some headers that can't be read.
        except (TimeoutError, SettingsError, aiohttp.ClientError, OSError, ValueError) as error:
            self._metrics.kube_requests.labels("error").inc()
            raise self._trouble(family, "UNREACHABLE", str(error) or type(error).__name__) from None
        self._metrics.kube_requests.labels(str(status)).inc()
        if status == HTTPStatus.OK and body is not None:
            self._troubles.pop(family, None)
            return body
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status in _REFUSED:
            raise self._trouble(family, "FORBIDDEN", f"HTTP {status}")
        if status == HTTPStatus.OK or HTTPStatus.BAD_REQUEST <= status < HTTPStatus.TOO_MANY_REQUESTS:
            raise UnreadError("UNREADABLE", KEPT_SECONDS)
        raise self._trouble(family, "UNREACHABLE", f"HTTP {status}")

    def _trouble(self, family: str, reason: Reason, problem: str) -> UnreadError:
        """Remember that a family is in trouble, and say so once."""
        now = self._clock()
        before = self._troubles.pop(family, None)
        if before is not None and now < before.until:
            # Of several that were under way together only the first lengthens the pause.
            pause = before.pause
        elif reason == "FORBIDDEN":
            pause = FORBIDDEN_SECONDS
        else:
            pause = min(LONGEST_SECONDS, 2 * before.pause) if before is not None else FIRST_SECONDS
        if before is None or before.reason != reason:
            _log.warning("owners can't be read", extra={"path": family, "error": problem})
        self._troubles[family] = _Trouble(reason, now + pause, pause)
        if len(self._troubles) > MOST_FAMILIES:
            self._troubles.popitem(last=False)
        return UnreadError(reason, pause)

    async def _answer(self, path: str, accept: str) -> tuple[int, bytes | None]:
        """Return a status and a 200's body, None for one that is too large."""
        connection, session = await self._open()
        with contextlib.suppress(aiohttp.ClientSSLError):
            status, body = await self._ask(connection, session, path, accept)
            if status != HTTPStatus.UNAUTHORIZED:
                return status, body
        # Token or CA may have been rotated.
        await asyncio.to_thread(connection.load)
        return await self._ask(connection, session, path, accept)

    async def _ask(
        self, connection: "Connection", session: aiohttp.ClientSession, path: str, accept: str
    ) -> tuple[int, bytes | None]:
        url, headers = URL(connection.server + path, encoded=True), {"Accept": accept}
        authorization = await asyncio.to_thread(connection.authorization)
        if authorization is not None:
            headers["Authorization"] = authorization
            # aiohttp takes no header beside a password in the URL, which would be a second credential.
            url = url.with_user(None)
        async with session.get(
            url,
            headers=headers,
            proxy=connection.proxy,
            server_hostname=connection.server_name,
            # A token that follows a redirect is a token given away.
            allow_redirects=False,
        ) as response:
            if response.status != HTTPStatus.OK:
                return response.status, None
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > LONGEST_BODY:
                    response.close()
                    return response.status, None
            return response.status, bytes(body)

    async def _open(self) -> "tuple[Connection, aiohttp.ClientSession]":
        async with self._opening:
            if self._opened is None:
                connection = self._make_connection
                opened = await asyncio.to_thread(lambda: _loaded(connection()))
                self._opened = opened, _session(opened)
            return self._opened


def _loaded(connection: "Connection") -> "Connection":
    connection.load()
    return connection


def _session(connection: "Connection") -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=connection.tls()),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity", "User-Agent": f"lens/{__version__}"},
    )
