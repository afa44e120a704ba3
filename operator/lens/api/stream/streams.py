"""``/api/v1/realtime/stream``: server-sent events, an initial snapshot and then changes.

One job compares states and adds each difference to a ring, once for all streams. A stream is a number in that
ring. So a slow reader costs nothing: it gets several changes at once, or a new snapshot, and is disconnected
when it stops reading.
"""

import asyncio
import contextlib
import logging
import re
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
from lens.api.stream.damper import Damper
from lens.api.stream.diff import diff_states
from lens.api.stream.initial_snapshots import TTL_SECONDS, InitialSnapshot, InitialSnapshots
from lens.api.stream.nodes_by_controller import NodesByController
from lens.api.stream.ring import Ring
from lens.api.stream.sse import DiffEntry, StreamFilter, encode_event
from lens.api.system.page import PAGE_FIELD
from lens.concurrency.supervisor import Supervisor
from lens.http.response.stream_writer import write
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState
from lens.model.k8s import timestamps
from lens.model.peer import CLUSTER_FIELD

DIFF_SECONDS = 0.1
"""The time between two comparisons; with the watch's own batching a change is sent within 250 ms."""

WAKE_PAUSE_FACTOR = 2.0
"""The pause after all streams were woken, as a multiple of the time that it took."""

HEARTBEAT_SECONDS = 10.0
"""The time without an event after which a heartbeat is sent."""

REAUTHORIZE_SECONDS = 60.0

RING_ENTRIES = 128
"""How many differences are kept for streams that fall behind or reconnect."""

RETRY_MILLISECONDS = 2000
_OPENS_PER_STREAM = 6
WAKE_BATCH = 50
"""How many streams are woken before other requests get their turn."""

_NUMBER = re.compile(r"\d{1,15}", re.ASCII)
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
        self._epoch = epoch
        self._clock = clock
        self._max_per_caller = max_per_caller
        self._auth = auth
        self._proxy = proxy
        self._stream_proxy = StreamProxy(proxy)
        self._heartbeat_seconds = heartbeat_seconds
        self._stale_after = stale_after
        self._idle_percent = idle_percent
        self._page = page
        self._ring: Ring[DiffEntry] = Ring(RING_ENTRIES, evicted=metrics.over_bound.labels("differences").inc)
        self._sent = self._compared = state.current
        self._damper = Damper(self._sent, cluster, time.monotonic())
        self._by_controller = NodesByController()
        self._snapshots = InitialSnapshots()
        # A client that reconnects after each break may open all its streams a few times a minute.
        opens = _OPENS_PER_STREAM * max_per_caller
        self._opens = RateLimiter("stream", opens, opens)
        self._open_by_caller: Counter[str] = Counter()
        self._waiting: list[asyncio.Future[None]] = []
        self._supervisor = Supervisor(metrics.count_job_failures)
        self._diff_job: asyncio.Task[None] | None = None
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
        if self._diff_job is not None:
            self._diff_job.cancel()
        self._stream_proxy.close()
        await self._wake_streams()

    async def _send_events(
        self, request: web.BaseRequest, response: web.StreamResponse, params: StreamParameters
    ) -> None:
        self._ensure_diff_job()
        stream_filter = StreamFilter.from_params(params)
        position = self._position(request.headers.get("Last-Event-ID", ""))
        reauthorize = _Periodically(lambda: self._authorize(request, params))
        heartbeat_at = time.monotonic() + self._heartbeat_seconds
        await response.prepare(request)
        await write(response, f"retry: {RETRY_MILLISECONDS}\n\n".encode())
        while not self._closing:
            if position is None or not self._ring.has_all_after(position):
                snapshot = self._initial_snapshot()
                position = snapshot.number
                heartbeat_at = time.monotonic() + self._heartbeat_seconds
                # With later changes in the ring, the snapshot is of its own time.
                confirmed = self._compared if position == self._ring.last else snapshot.current
                with _reading(snapshot.readers, request):
                    event_ = await snapshot.event(stream_filter, confirmed, self._clock())
                    await write(response, *event_)
            else:
                entry = self._ring.after(position)
                event = b"" if entry is None else entry.event(stream_filter)
                if not self._ring.has_all_after(position):
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
                    await write(response, self._heartbeat())
                # An idle stream must not keep an entry that the ring has dropped.
                del entry, event
            await reauthorize()
            if self._ring.last == position:
                await self._wait_for_entry()
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

    def _position(self, last_event_id: str) -> int | None:
        """Return the ring's number of an event id; None for an id of another process."""
        epoch, _, number = last_event_id.rpartition("-")
        return int(number) if epoch == self._epoch and _NUMBER.fullmatch(number) else None

    def _initial_snapshot(self) -> InitialSnapshot:
        """Return a recent snapshot; the ring has the changes since then."""
        latest = self._snapshots.latest
        number = self._ring.last
        if (
            latest is not None
            and (latest.number == number or time.monotonic() < latest.made_at + TTL_SECONDS)
            and self._ring.has_all_after(latest.number)
        ):
            return latest
        snapshot = InitialSnapshot(
            self._sent,
            number,
            self._event_id(number),
            self._cluster,
            self._clock(),
            stale_after=self._stale_after,
            idle_percent=self._idle_percent,
        )
        self._snapshots.add(snapshot)
        return snapshot

    def _event_id(self, number: int) -> str:
        return f"{self._epoch}-{number}"

    def _heartbeat(self) -> bytes:
        """Return the event that has the age of the figures while nothing changes."""
        age = round(self._compared.age(self._clock()), 3)
        timestamp = timestamps.render(self._compared.current_at)
        return encode_event("heartbeat", {"timestamp": timestamp, "age_seconds": age})

    def _ensure_diff_job(self) -> None:
        """Start the job that compares states if it has ended. Changes since it ended are unknown."""
        if self._diff_job is None or self._diff_job.done():
            self._skip_changes()
            self._diff_job = self._supervisor.start("streams", self._run_diff_job)

    def _skip_changes(self) -> None:
        """Skip all changes until now: open streams get a new snapshot instead."""
        self._sent = self._compared = self._state.current
        self._damper = Damper(self._sent, self._cluster, time.monotonic())
        self._by_controller = NodesByController()
        self._ring.skip()

    async def _run_diff_job(self) -> None:
        """Add changes to the ring until there has been no stream for a minute."""
        try:
            await self._add_diffs()
        except Exception:
            self._skip_changes()
            await self._wake_streams()
            raise

    async def _add_diffs(self) -> None:
        # So that the first workload that changes isn't sent later than others.
        await self._by_controller.advance(self._sent.snapshot)
        idle_from = time.monotonic()
        heartbeat_at = idle_from + self._heartbeat_seconds
        pause = DIFF_SECONDS
        while time.monotonic() < idle_from + REAUTHORIZE_SECONDS:
            await asyncio.sleep(pause)
            if self._open_by_caller:
                idle_from = time.monotonic()
            if not await self._add_diff() and time.monotonic() < heartbeat_at:
                continue
            started = time.monotonic()
            heartbeat_at = started + self._heartbeat_seconds
            await self._wake_streams()
            # To wake thousands of streams takes a while: then each wake-up covers more changes.
            pause = max(DIFF_SECONDS, WAKE_PAUSE_FACTOR * (time.monotonic() - started))

    async def _add_diff(self) -> bool:
        """Add what has changed to the ring. Return whether anything has."""
        current = self._state.current
        if not self._damper.has_work(current, time.monotonic()):
            self._compared = current
            return False
        sent = await self._damper.advance(self._sent, current, time.monotonic())
        diff = await diff_states(self._sent, sent, self._by_controller, self._cluster, self._clock())
        self._sent, self._compared = sent, current
        if not diff.has_changes:
            return False
        self._ring.add(DiffEntry(diff, self._event_id(self._ring.last + 1), self._ring.trim))
        return True

    async def _wait_for_entry(self) -> None:
        """Wait until the streams are woken; a lost connection cancels this."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    async def _wake_streams(self) -> None:
        """Wake all waiting streams in batches, so that other requests get their turn."""
        waiting, self._waiting = self._waiting, []
        for number, waiter in enumerate(waiting, start=1):
            if not waiter.done():
                waiter.set_result(None)
            if number % WAKE_BATCH == 0:
                await asyncio.sleep(0)


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
