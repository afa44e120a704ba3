"""kopf's HTTP session: authorization, pauses, and failures replaced by those that kopf survives."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
from yarl import URL

from lens import __version__
from lens.kube.client.kubeconfig import Connection, ConnectionFailedError
from lens.kube.client.restarts import RESET_SECONDS, Restarts
from lens.kube.watch.outage import Outage, cause_of_error, cause_of_status
from lens.kube.watch.reflector import Reflector
from lens.kube.watch.resources.optional_resource import OptionalResource
from lens.kube.watch.response import KubeResponse
from lens.kube.watch.turns import Turns
from lens.metrics import Metrics
from lens.resolver import Resolver

PASSED_ON = frozenset({401, 403, 429})
"""The errors that kopf itself handles: it logs in again, or repeats the request."""

SERVED = frozenset({200, 410})
"""The statuses of an apiserver that serves Lens. 410 is for a resourceVersion that has expired."""

UNREACHABLE = frozenset({502, 503})
"""A load balancer's responses for an apiserver that is gone. An overloaded apiserver returns 429."""

PROBED = "/version"
"""The path of the probes. Their failures are no outage: kopf's own requests show those."""

RELOAD_SECONDS = 1.0
"""The least time between two loads of the configuration, which may run a program for the credentials."""

Handler = Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]

_log = logging.getLogger(__name__)


class _Connector(aiohttp.TCPConnector):
    """Closes the pages that are being received with itself.

    kopf closes the session on a 401, and those responses that it knows. Who reads another one, aiohttp lets
    wait until the request's timeout.
    """

    def __init__(self, receiving: Collection[KubeResponse], **options: Any) -> None:
        super().__init__(**options)
        self._receiving = receiving

    async def close(self, *, abort_ssl: bool = False) -> None:
        for response in tuple(self._receiving):
            response.close()
        await super().close(abort_ssl=abort_ssl)


class Transport:
    """Create sessions to one apiserver, and be their middleware."""

    def __init__(
        self,
        connection: Connection,
        reflectors: Mapping[str, Reflector[Any, Any]],
        metrics: Metrics,
        backoff: Restarts,
        outage: Outage,
        timeout: float,
        head: float,
        silence: float,
        optional: Mapping[str, OptionalResource[Any, Any]] | None = None,
    ) -> None:
        """Take the reflectors by path below the server's base URL, such as ``/api/v1/pods``.

        ``timeout`` is the timeout of kopf's requests, ``head`` that of the head of a watch's response, and
        ``silence`` that of each byte of it, in seconds. ``optional`` has, by path, the resources whose
        failures are no outage.
        """
        self._connection = connection
        self._reflectors = reflectors
        self._metrics = metrics
        self._backoff = backoff
        self._outage = outage
        self._timeout = timeout
        self._head = head
        self._silence = silence
        self._optional = optional or {}
        self._loading = asyncio.Lock()
        self._loaded_at = -math.inf
        self._is_loaded = False
        self._proxies: WeakKeyDictionary[aiohttp.ClientSession, str | None] = WeakKeyDictionary()

    def url(self, path: str) -> str:
        """Return the URL of a ``path`` below the server's."""
        return self._connection.server.rstrip("/") + path

    def session(self) -> aiohttp.ClientSession:
        """Return a new session. Call this in the loop that uses it."""
        base = URL(self._connection.server).path.rstrip("/")
        receiving: set[KubeResponse] = set()
        response_class = type(
            "KubeResponse",
            (KubeResponse,),
            {
                "reflectors": {base + path: reflector for path, reflector in self._reflectors.items()},
                "receiving": receiving,
                "turns": Turns(),
                "silence": self._silence,
            },
        )
        proxy = self._connection.proxy
        session = aiohttp.ClientSession(
            connector=_Connector(receiving, limit=0, resolver=Resolver(), ssl=self._connection.tls()),
            response_class=response_class,
            middlewares=[self._send],
            proxy=proxy,
            read_bufsize=2**20,
            # The apiserver is near: compressing lists would cost both sides more than it saves.
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": f"lens/{__version__}",
            },
        )
        self._proxies[session] = proxy
        return session

    async def close(self) -> None:
        """Close all sessions. kopf, once its tasks have been cancelled, doesn't."""
        for session in tuple(self._proxies):
            await session.close()

    async def _send(self, request: aiohttp.ClientRequest, handler: Handler) -> aiohttp.ClientResponse:
        path = self._relative(request.url)
        reflector, optional = self._reflectors.get(path), self._optional.get(path)
        failed, succeeded = self._recorders(path)
        if reflector is not None:
            reflector.request_sent()
            await self._pause(request.url, 0.0 if optional is None else optional.pause)
        request.server_hostname = self._connection.server_name
        sent = time.monotonic()
        try:
            if "watch" in request.url.query:
                response = await self._begun(request, handler)
            elif reflector is None or "limit" not in request.url.query:
                response = await self._authorized(request, handler)
            else:
                response = await self._paged(request, handler, reflector)
        except aiohttp.ClientConnectionError as error:
            self._metrics.kube_requests.labels("error").inc()
            # Where another request's 401 has closed the session, this one says nothing of the apiserver.
            if not request.session.closed:
                failed(path, cause_of_error(error))
            if reflector is not None:
                reflector.unreachable()
            raise
        except aiohttp.ClientError as error:
            # A response that isn't HTTP would end kopf.
            self._metrics.kube_requests.labels("error").inc()
            failed(path, f"{request.method} {path}: {error}")
            raise aiohttp.ClientPayloadError(str(error)) from error
        except asyncio.CancelledError:
            # kopf's timeout cancels a request too.
            if time.monotonic() - sent > 0.9 * self._timeout:
                failed(path, f"no response to {request.method} {path} in {self._timeout:g} s")
            raise
        if 300 <= response.status < 400:
            # An apiserver doesn't redirect, and no other server may get the token.
            response.close()
            failed(path, f"HTTP {response.status} to {request.method} {path}: not followed")
            raise aiohttp.ClientConnectionError(f"HTTP {response.status} from {path}")
        if response.status in SERVED:
            succeeded(path)
        else:
            failed(path, cause_of_status(request.method, path, response.status))
            if optional is not None:
                optional.is_forbidden = response.status == HTTPStatus.FORBIDDEN
        if reflector is not None:
            if response.status in UNREACHABLE:
                reflector.unreachable()
            if not _is_usable(response):
                self._restart(response, logging.WARNING if optional is None else logging.DEBUG)
        return response

    def _recorders(self, path: str) -> tuple[Callable[[str, str], object], Callable[[str], object]]:
        """Return what records the failures and the successes of requests for a path."""
        if (optional := self._optional.get(path)) is not None:
            return optional.failed, optional.succeeded
        return _ignored if path == PROBED else self._outage.failed, self._outage.succeeded

    def _relative(self, url: URL) -> str:
        """Return a URL's path below the server's."""
        return url.path.removeprefix(URL(self._connection.server).path.rstrip("/"))

    async def _pause(self, url: URL, shortest: float) -> None:
        if "continue" in url.query:
            return
        what = (url.path, url.query.get("watch"))
        # A watch that lasts half its time is none that ends at once.
        reset = min(RESET_SECONDS, float(url.query.get("timeoutSeconds", "inf")) / 2)
        pause = max(shortest, self._backoff.delay(what, time.monotonic(), reset))
        if pause:
            await asyncio.sleep(pause)

    async def _begun(self, request: aiohttp.ClientRequest, handler: Handler) -> aiohttp.ClientResponse:
        """Request a watch, which an apiserver begins at once. Raise ServerTimeoutError if it doesn't."""
        try:
            async with asyncio.timeout(self._head):
                return await self._authorized(request, handler)
        except TimeoutError as error:
            raise aiohttp.ServerTimeoutError(f"no response to a watch in {self._head:g} s") from error

    async def _paged(
        self, request: aiohttp.ClientRequest, handler: Handler, reflector: Reflector[Any, Any]
    ) -> aiohttp.ClientResponse:
        """Request a page, with fewer objects until it fits into the bound."""
        size = reflector.page_size
        while True:
            request.url = request.url.update_query(limit=size.objects)
            response = await self._authorized(request, handler)
            if response.status != 200 or not isinstance(response, KubeResponse):
                return response
            if await response.receive(size.max_bytes):
                return response
            self._metrics.over_bound.labels("page").inc()
            if not size.exceeded():
                raise aiohttp.ClientPayloadError(
                    f"an object of {reflector.resource} is over {size.max_bytes} bytes"
                )

    async def _authorized(self, request: aiohttp.ClientRequest, handler: Handler) -> aiohttp.ClientResponse:
        """Send with the current credentials; if the server refuses them, once more with reloaded ones."""
        try:
            response = await self._respond(request, handler)
        except aiohttp.ClientSSLError:
            # The CA may have been rotated: from the next attempt on, the one on disk is trusted.
            await self._reload()
            raise
        if response.status == 401 and await self._reload():
            response.release()
            response = await self._respond(request, handler)
        return response

    async def _respond(self, request: aiohttp.ClientRequest, handler: Handler) -> aiohttp.ClientResponse:
        await self._authorize(request)
        try:
            response = await handler(request)
        except aiohttp.ClientHttpProxyError as error:
            # Not the apiserver has answered. Any other error would end kopf.
            raise aiohttp.ClientConnectionError(f"the proxy refuses: HTTP {error.status}") from error
        self._metrics.kube_requests.labels(str(response.status)).inc()
        return response

    async def _authorize(self, request: aiohttp.ClientRequest) -> None:
        try:
            header = await asyncio.to_thread(self._connection.authorization)
        except ConnectionFailedError as error:
            raise aiohttp.ClientConnectionError(str(error)) from error
        if header is not None:
            request.headers["Authorization"] = header
        server, proxy = URL(self._connection.server).origin(), self._connection.proxy
        if request.url.origin() != server or self._proxies[request.session] != proxy:
            # The configuration names another one now. If the session is closed, kopf logs in again.
            await request.session.close()
        if request.session.closed:
            # Another request's 401 may have closed it during a wait. aiohttp would fail an assertion here,
            # and kopf handles this error.
            raise RuntimeError("Session is closed")

    async def _reload(self) -> bool:
        """Load the configuration, unless another request has just had that done; return whether it can be."""
        async with self._loading:
            if time.monotonic() - self._loaded_at >= RELOAD_SECONDS:
                try:
                    await asyncio.to_thread(self._connection.load)
                    self._is_loaded = True
                except ConnectionFailedError as error:
                    _log.warning("the configuration can't be read", extra={"error": str(error)})
                    self._is_loaded = False
                self._loaded_at = time.monotonic()
            return self._is_loaded

    def _restart(self, response: aiohttp.ClientResponse, level: int) -> None:
        """Have kopf list again: this list or watch can't continue."""
        _log.log(
            level,
            "an unusable response of the apiserver; listing again",
            extra={"path": response.url.path, "status": response.status},
        )
        if isinstance(response, KubeResponse) and response.is_watch:
            response.replace_by_gone()
            return
        response.release()
        raise aiohttp.ClientPayloadError(f"HTTP {response.status} to a list")


def _ignored(path: str, cause: str) -> None:
    """Record nothing: a failed probe is no outage."""


def _is_usable(response: aiohttp.ClientResponse) -> bool:
    """Return whether a list or watch can continue with this response, or with a repeated request.

    A request with a continue token isn't repeated when the apiserver fails: the token may be the cause, such
    as one from before etcd was restored.
    """
    if response.status >= 500:
        return "continue" not in response.url.query
    return response.status == 200 or response.status in PASSED_ON
