"""``/api/v1/realtime/stream``: server-sent events, a first picture and then what changes.

One task compares states and writes each difference into a ring, once for all; a stream is a number in that
ring. So one that reads slowly costs nothing but gets several changes at a time, or the whole picture anew,
and in the end its leave.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator

from aiohttp import web

from lens.api.access.auth import Caller, bearer_token
from lens.api.access.auth_throttle import AuthThrottle
from lens.api.endpoints.peers import PeerAnswers, PeerStream
from lens.api.errors import ApiError, not_found, too_many_requests, too_many_streams, unavailable
from lens.api.parameters import StreamParameters
from lens.api.rate_limit import RateLimiter
from lens.api.request_context import REQUEST_CONTEXT
from lens.api.stream.changes import changes, is_other
from lens.api.stream.pictures import GOOD_SECONDS, Picture, Pictures
from lens.api.stream.ring import Ring
from lens.api.stream.telling import Entry, View, event
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState
from lens.model.k8s import timestamps
from lens.model.peer import CLUSTER_FIELD, PeerFailedError
from lens.supervisor import Supervisor

LOOK_SECONDS = 0.1
"""How often the state is compared; with the watch's own pace a change is told within 250 ms."""

REST = 2.0
"""How many times as long as telling all streams took is waited before they are told again."""

BEAT_SECONDS = 10.0
"""For so long nothing is told before a heartbeat is."""

ACCESS_SECONDS = 60.0
SLOW_SECONDS = 30.0
"""For so long a stream may take nothing at all."""

KEPT = 128
"""How many differences are kept for those who fall behind or come back."""

RETRY_MILLISECONDS = 2000
PIECE_BYTES = 64 * 1024
_OPENS = 6
WOKEN_AT_ONCE = 50
"""Streams that write before other requests have their turn."""

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
        most_per_caller: int,
        auth: AuthThrottle,
        peers: PeerAnswers,
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        """Take what to tell of, the door at which a stream's caller is asked again from time to time,
        who listens to other clusters, and after how long without a change a heartbeat is told.
        """
        self._cluster = cluster
        self._state = state
        self._metrics = metrics
        self._epoch = epoch
        self._clock = clock
        self._most = most_per_caller
        self._auth = auth
        self._peers = peers
        self._beat_seconds = beat_seconds
        self._heard: set[PeerStream] = set()
        self._ring: Ring[Entry] = Ring(KEPT, dropped=metrics.over_bound.labels("differences").inc)
        self._current = state.current
        self._pictures = Pictures()
        # Who comes back after each break has their streams again a few times a minute.
        self._opens = RateLimiter("stream", _OPENS * most_per_caller, _OPENS * most_per_caller)
        self._callers: Counter[str] = Counter()
        self._waiting: list[asyncio.Future[None]] = []
        self._supervisor = Supervisor(metrics.count_job_failures)
        self._looking: asyncio.Task[None] | None = None
        self._closing = False

    async def handler(
        self, request: web.BaseRequest, asked: StreamParameters, caller: Caller
    ) -> web.StreamResponse:
        """Answer with a stream that ends when the client goes, lags too far, or Lens is stopped."""
        is_own = asked.cluster == self._cluster
        if not is_own and asked.cluster not in self._peers.names(request.headers):
            raise not_found("Cluster")
        if is_own and not self._state.current.synced:
            raise unavailable("Not synced yet")
        if self._closing:
            raise unavailable("Being stopped")
        opens = self._opens.consume(caller.name, self._clock())
        if opens.exceeded:
            raise too_many_requests(opens)
        if self._callers[caller.name] >= self._most:
            raise too_many_streams(self._most)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                # Proxies that would gather the events are asked not to (nginx's word for it).
                "X-Accel-Buffering": "no",
                CLUSTER_FIELD: asked.cluster,
                **request[REQUEST_CONTEXT].headers(),
            }
        )
        if request.method == "HEAD":
            return response
        self._callers[caller.name] += 1
        self._metrics.streams.inc()
        try:
            await (self._tell if is_own else self._relay)(request, response, asked)
        except (ConnectionError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
        except ApiError as error:
            if not response.prepared:
                raise
            with contextlib.suppress(ConnectionError, TimeoutError):
                await _send(response, event("error", {"code": error.code, "message": error.message}))
                await response.write_eof()
        except Exception:
            if not response.prepared:
                raise
            # The answer has begun: nothing else can be said.
            _log.exception("a stream failed", extra={"request_id": request[REQUEST_CONTEXT].request_id})
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._metrics.streams.dec()
            self._callers[caller.name] -= 1
            if not self._callers[caller.name]:
                del self._callers[caller.name]
        return response

    async def close(self) -> None:
        """End all streams, between two events each."""
        self._closing = True
        if self._looking is not None:
            self._looking.cancel()
        for heard in self._heard:
            heard.close()
        await self._wake()

    async def _tell(
        self, request: web.BaseRequest, response: web.StreamResponse, asked: StreamParameters
    ) -> None:
        self._look_on()
        view = View.of(asked)
        place = self._place(request.headers.get("Last-Event-ID", ""))
        access_until = time.monotonic() + ACCESS_SECONDS
        beat_at = time.monotonic() + self._beat_seconds
        await response.prepare(request)
        await _send(response, f"retry: {RETRY_MILLISECONDS}\n\n".encode())
        while not self._closing:
            if place is None or not self._ring.reaches(place):
                picture = self._picture()
                place = picture.number
                beat_at = time.monotonic() + self._beat_seconds
                await self._show(picture, view, request, response)
            else:
                entry = self._ring.following(place)
                told = b"" if entry is None else entry.for_view(view)
                if not self._ring.reaches(place):
                    # Made into an event it took more than there is room for.
                    continue
                if entry is not None:
                    place += 1
                if entry is not None and told:
                    beat_at = time.monotonic() + self._beat_seconds
                    with _reading(entry.readers, request):
                        await _send(response, told)
                # Of a busy cluster's changes none may be in this view.
                elif entry is None or time.monotonic() >= beat_at:
                    beat_at = time.monotonic() + self._beat_seconds
                    await _send(response, self._beat())
                # What the ring has no more shall not be kept here while there is nothing new.
                del entry, told
            if time.monotonic() >= access_until:
                await self._authorize(request, asked)
                access_until = time.monotonic() + ACCESS_SECONDS
            if self._ring.last == place:
                await self._woken()
        await response.write_eof()

    async def _relay(
        self, request: web.BaseRequest, response: web.StreamResponse, asked: StreamParameters
    ) -> None:
        """Pass on what a peer tells, which need not tell it faster than the client reads."""
        heard = await self._peers.listen(request, asked.cluster)
        self._heard.add(heard)
        try:
            await response.prepare(request)
            access_until = time.monotonic() + ACCESS_SECONDS
            # However it ends, clients take no heed of an event that isn't whole, and come back.
            with contextlib.suppress(PeerFailedError):
                while not self._closing and (piece := await heard.read()):
                    await _send(response, piece)
                    if time.monotonic() >= access_until:
                        try:
                            await self._authorize(request, asked)
                            if asked.cluster not in self._peers.names(request.headers):
                                raise not_found("Cluster")
                        except ApiError:
                            # Only between events is there room for the one that says why a stream ends.
                            if piece.endswith(b"\n\n"):
                                raise
                            break
                        access_until = time.monotonic() + ACCESS_SECONDS
            await response.write_eof()
        finally:
            self._heard.discard(heard)
            heard.close()

    async def _authorize(self, request: web.BaseRequest, asked: StreamParameters) -> None:
        """Raise an ApiError if the caller may not listen any more."""
        token = bearer_token(request.headers)
        caller = await self._auth.authenticate(token, request.remote, self._clock())
        await caller.authorize(request[REQUEST_CONTEXT].route, asked.scope)

    def _place(self, last_event_id: str) -> int | None:
        """Return the number in the ring that an event's id stands for; None if it isn't of this ring."""
        epoch, _, number = last_event_id.rpartition("-")
        return int(number) if epoch == self._epoch and _NUMBER.fullmatch(number) else None

    def _picture(self) -> Picture:
        """Return what tells all that there is, as it was a moment ago: the ring has what came after."""
        latest = self._pictures.latest
        number = self._ring.last
        if (
            latest is not None
            and (latest.number == number or time.monotonic() < latest.made_at + GOOD_SECONDS)
            and self._ring.reaches(latest.number)
        ):
            return latest
        made = Picture(self._current, number, self._id(number), self._cluster, self._clock())
        self._pictures.add(made)
        return made

    async def _show(
        self, picture: Picture, view: View, request: web.BaseRequest, response: web.StreamResponse
    ) -> None:
        with _reading(picture.readers, request):
            await _send(response, *await picture.event(view))

    def _id(self, number: int) -> str:
        return f"{self._epoch}-{number}"

    def _beat(self) -> bytes:
        """Return the event that tells how old the figures are while nothing changes."""
        current = self._state.current
        age = round(current.age(self._clock()), 3)
        return event("heartbeat", {"timestamp": timestamps.render(current.current_at), "age_seconds": age})

    def _look_on(self) -> None:
        """See to it that the state is compared. What changed while nobody did can't be told any more."""
        if self._looking is None or self._looking.done():
            self._skip()
            self._looking = self._supervisor.start("streams", self._look)

    def _skip(self) -> None:
        """Leave out what changed until now: who listens is told all that there is instead."""
        self._current = self._state.current
        self._ring.skip()

    async def _look(self) -> None:
        """Write what changes into the ring, for as long as anybody listens, or has just done so."""
        try:
            await self._write_changes()
        except Exception:
            self._skip()
            await self._wake()
            raise

    async def _write_changes(self) -> None:
        idle_from = time.monotonic()
        beat_at = idle_from + self._beat_seconds
        pause = LOOK_SECONDS
        while time.monotonic() < idle_from + ACCESS_SECONDS:
            await asyncio.sleep(pause)
            current = self._state.current
            if self._callers:
                idle_from = time.monotonic()
            if is_other(current, self._current):
                changed = await changes(self._current, current, self._cluster, self._clock())
                self._current = current
                self._ring.add(Entry(changed, self._id(self._ring.last + 1), self._ring.trim))
            elif time.monotonic() < beat_at:
                continue
            began = time.monotonic()
            beat_at = began + self._beat_seconds
            await self._wake()
            # Telling thousands takes a while: then they are told of more at a time.
            pause = max(LOOK_SECONDS, REST * (time.monotonic() - began))

    async def _woken(self) -> None:
        """Wait for what is to be told; a connection that is lost cancels it."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    async def _wake(self) -> None:
        """Let all streams that wait go on, some at a time, so that other requests have their turns."""
        waiting, self._waiting = self._waiting, []
        for number, waiter in enumerate(waiting, start=1):
            if not waiter.done():
                waiter.set_result(None)
            if number % WOKEN_AT_ONCE == 0:
                await asyncio.sleep(0)


@contextlib.contextmanager
def _reading(readers: set[asyncio.Transport], request: web.BaseRequest) -> Iterator[None]:
    """Be among the readers of what many are sent. Raise ConnectionResetError for a client that has gone."""
    reader = request.transport
    if reader is None:
        raise ConnectionResetError("the client has gone")
    readers.add(reader)
    try:
        yield
    finally:
        readers.discard(reader)


async def _send(response: web.StreamResponse, *pieces: bytes) -> None:
    """Write as fast as the client reads. Raise TimeoutError for one that has stopped."""
    for piece in pieces:
        for start in range(0, len(piece), PIECE_BYTES):
            async with asyncio.timeout(SLOW_SECONDS):
                await response.write(piece[start : start + PIECE_BYTES])
