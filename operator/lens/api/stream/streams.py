"""``/api/v1/realtime/stream``: server-sent events, an initial snapshot and then changes.

The broadcaster adds each change to a ring, once for all streams. A stream is a number in that ring. So a slow
reader costs nothing: it gets several changes at once, or a new snapshot. It is disconnected when it stops
reading.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

from aiohttp import web

from lens.api.access.auth import Caller, bearer_token
from lens.api.access.auth_throttle import AuthThrottle
from lens.api.access.authorization import authorized
from lens.api.errors import (
    ApiError,
    ClusterNotFoundError,
    forbidden,
    outdated,
    too_many_requests,
    too_many_streams,
    unavailable,
)
from lens.api.parameters.stream import StreamParameters
from lens.api.proxy.peer_proxy import PeerProxy
from lens.api.proxy.stream_proxy import StreamProxy
from lens.api.rate_limit import RateLimiter
from lens.api.request_context import REQUEST_CONTEXT
from lens.api.stream.broadcaster import Broadcaster
from lens.api.stream.sse import StreamFilter, encode_event
from lens.api.system.page import PAGE_FIELD
from lens.http.response.stream_writer import write
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState
from lens.model.peer import CLUSTER_FIELD

HEARTBEAT_SECONDS = 10.0
"""The time without an event after which a heartbeat is sent."""

REAUTHORIZE_SECONDS = 60.0

RETRY_MILLISECONDS = 2000
_OPENS_PER_STREAM = 6

_log = logging.getLogger(__name__)


class Streams:
    """All streams of one cluster state. Made and run on one event loop."""

    def __init__(
        self,
        cluster: str,
        state: ClusterState,
        metrics: Metrics,
        epoch: str,
        clock: Callable[[], float],
        max_per_caller: int,
        auth: AuthThrottle,
        proxy: PeerProxy,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        *,
        stale_after: float,
        idle_percent: float,
        page: str,
    ) -> None:
        """Take the state, the authentication that is repeated on long streams, and the proxy to peers.

        Figures older than ``stale_after`` seconds are stale, and GPUs used up to ``idle_percent`` are idle.
        ``page`` is the digest of the page, by which one of another version knows itself.
        """
        self._cluster = cluster
        self._state = state
        self._metrics = metrics
        self._clock = clock
        self._max_per_caller = max_per_caller
        self._auth = auth
        self._proxy = proxy
        self._stream_proxy = StreamProxy(proxy)
        self._heartbeat_seconds = heartbeat_seconds
        self._page = page
        self._broadcaster = Broadcaster(
            cluster,
            state,
            metrics,
            epoch,
            clock,
            has_streams=lambda: bool(self._open_by_caller),
            heartbeat_seconds=heartbeat_seconds,
            stale_after=stale_after,
            idle_percent=idle_percent,
        )
        # A client that reconnects after each break may open all its streams a few times a minute.
        opens = _OPENS_PER_STREAM * max_per_caller
        self._opens = RateLimiter("stream", opens, opens)
        self._open_by_caller: Counter[str] = Counter()
        self._closing = False

    async def handler(
        self, request: web.BaseRequest, params: StreamParameters, caller: Caller
    ) -> web.StreamResponse:
        """Respond with a stream, which ends when the client disconnects or stops reading, or Lens stops."""
        is_local = params.cluster == self._cluster
        if not is_local and params.cluster not in self._proxy.clusters(request.headers):
            raise ClusterNotFoundError
        current = self._state.current
        if is_local and not current.synced:
            raise outdated("Not synced yet", current)
        if self._closing:
            raise unavailable("Being stopped")
        rate_limit = self._opens.consume(caller.name, self._clock())
        if rate_limit.exceeded:
            raise too_many_requests(rate_limit)
        if self._open_by_caller[caller.name] >= self._max_per_caller:
            raise too_many_streams(self._max_per_caller)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                # nginx's field: proxies must not buffer the events.
                "X-Accel-Buffering": "no",
                CLUSTER_FIELD: params.cluster,
                PAGE_FIELD: self._page,
                **request[REQUEST_CONTEXT].headers(),
            }
        )
        if request.method == "HEAD":
            return response
        self._open_by_caller[caller.name] += 1
        self._metrics.streams.inc()
        try:
            if is_local:
                await self._send_events(request, response, params)
            else:
                reauthorize = _Periodically(lambda: self._authorize_proxied(request, params))
                await self._stream_proxy.pass_on(request, response, params, reauthorize)
        except (ConnectionError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
        except ApiError as error:
            if not response.prepared:
                raise
            with contextlib.suppress(ConnectionError, TimeoutError):
                await write(response, encode_event("error", {"code": error.code, "message": error.message}))
                await response.write_eof()
        except Exception:
            if not response.prepared:
                raise
            # The response has begun: its status can't be changed.
            _log.exception("a stream failed", extra={"request_id": request[REQUEST_CONTEXT].request_id})
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._metrics.streams.dec()
            self._open_by_caller[caller.name] -= 1
            if not self._open_by_caller[caller.name]:
                del self._open_by_caller[caller.name]
        return response

    async def close(self) -> None:
        """End all streams, each between two events."""
        self._closing = True
        self._stream_proxy.close()
        await self._broadcaster.stop()

    async def _send_events(
        self, request: web.BaseRequest, response: web.StreamResponse, params: StreamParameters
    ) -> None:
        broadcaster, ring = self._broadcaster, self._broadcaster.ring
        broadcaster.ensure_running()
        stream_filter = StreamFilter.from_params(params)
        position = broadcaster.position(request.headers.get("Last-Event-ID", ""))
        reauthorize = _Periodically(lambda: self._authorize(request, params))
        heartbeat_at = time.monotonic() + self._heartbeat_seconds
        await response.prepare(request)
        await write(response, f"retry: {RETRY_MILLISECONDS}\n\n".encode())
        while not self._closing:
            if position is None or not ring.has_all_after(position):
                snapshot = broadcaster.initial_snapshot()
                position = snapshot.number
                heartbeat_at = time.monotonic() + self._heartbeat_seconds
                with _reading(snapshot.readers, request):
                    event_ = await snapshot.event(
                        stream_filter, broadcaster.confirmed(snapshot), self._clock()
                    )
                    await write(response, *event_)
                # A stream lasts for hours, and must not keep what it began with.
                del snapshot, event_
            else:
                entry = ring.after(position)
                event = b"" if entry is None else entry.event(stream_filter)
                if not ring.has_all_after(position):
                    # The encoded event made the entry larger than the ring's bound, which dropped it.
                    continue
                if entry is not None:
                    position += 1
                if entry is not None and event:
                    heartbeat_at = time.monotonic() + self._heartbeat_seconds
                    with _reading(entry.readers, request):
                        await write(response, event)
                # In a busy cluster the filter may select none of many changes.
                elif entry is None or time.monotonic() >= heartbeat_at:
                    heartbeat_at = time.monotonic() + self._heartbeat_seconds
                    await write(response, broadcaster.heartbeat())
                # An idle stream must not keep an entry that the ring has dropped.
                del entry, event
            await reauthorize()
            if ring.last == position:
                await broadcaster.wait()
        await response.write_eof()

    async def _authorize(self, request: web.BaseRequest, params: StreamParameters) -> None:
        """Raise an ApiError if the caller has lost its access since the stream was opened."""
        token = bearer_token(request.headers)
        caller = await self._auth.authenticate(token, request.remote, self._clock())
        if await authorized(params, caller, request[REQUEST_CONTEXT].route) != params:
            raise forbidden("the caller's rights have changed: open the stream again")

    async def _authorize_proxied(self, request: web.BaseRequest, params: StreamParameters) -> None:
        await self._authorize(request, params)
        if params.cluster not in self._proxy.clusters(request.headers):
            raise ClusterNotFoundError


class _Periodically:
    """Calls a check every REAUTHORIZE_SECONDS."""

    def __init__(self, check: Callable[[], Awaitable[None]]) -> None:
        self._check = check
        self._due_at = time.monotonic() + REAUTHORIZE_SECONDS

    async def __call__(self) -> None:
        """Call the check if it is due."""
        if time.monotonic() >= self._due_at:
            await self._check()
            self._due_at = time.monotonic() + REAUTHORIZE_SECONDS


@contextlib.contextmanager
def _reading(readers: set[asyncio.Transport], request: web.BaseRequest) -> Iterator[None]:
    """Be one of the readers of shared bytes. Raise ConnectionResetError for a client that has gone."""
    reader = request.transport
    if reader is None:
        raise ConnectionResetError("the client has gone")
    readers.add(reader)
    try:
        yield
    finally:
        readers.discard(reader)
