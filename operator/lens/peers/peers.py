"""Requests to peers by name: one for equal concurrent requests, and none while a breaker is open."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from lens.concurrency.single_flight import SingleFlight
from lens.metrics import Metrics
from lens.model.peer import PeerAnswer, PeerFailedError, PeerRefusedError
from lens.peers import envelope
from lens.peers.breaker import Breaker
from lens.peers.peer_client import MAX_BODY_BYTES, PeerClient, PeerResponse, PeerStream
from lens.peers.request_slots import NoSlotError, RequestSlots

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Peer:
    """Another cluster's Lens.

    ``authorization`` returns this Lens' Authorization header for it, or with None the caller's is sent.
    ``trust`` returns the TLS context, or with None the system's CAs are used.
    """

    name: str
    url: str
    authorization: Callable[[], str] | None = None
    trust: Callable[[], ssl.SSLContext] | None = None
    breaker: Breaker = field(default_factory=Breaker)
    large_body: asyncio.Lock = field(default_factory=asyncio.Lock)
    slots: RequestSlots = field(default_factory=RequestSlots)


class _PeerRequest(NamedTuple):
    peer: Peer
    path: str
    max_age: float | None
    authorization: str | None


class Peers:
    """Send requests to peers. Used and closed in one event loop."""

    def __init__(
        self,
        peers: Callable[[], Mapping[str, Peer]],
        timeout: float,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        """Send requests to ``peers``, which returns the current ones by name.

        A response may take ``timeout`` seconds and ``max_body_bytes``.
        """
        self._peers = peers
        # An abandoned request holds its slot, and its outcome is for the breaker too.
        self._in_flight = SingleFlight[_PeerRequest, PeerAnswer](outlives_callers=True)
        self._queued = SingleFlight[tuple[_PeerRequest, str], PeerAnswer](outlives_callers=True)
        self._client = PeerClient(timeout, max_body_bytes)
        self._metrics = metrics
        self._clock = clock

    @property
    def names(self) -> tuple[str, ...]:
        """Return the peers' cluster names, in the order of their file."""
        return tuple(self._peers())

    async def close(self) -> None:
        """Cancel the requests in flight, and close all connections."""
        await self._queued.close()
        await self._in_flight.close()
        await self._client.close()

    async def get(
        self, name: str, path: str, *, caller: str, authorization: str | None, max_age: float | None
    ) -> PeerAnswer:
        """Return a peer's answer at ``path``, which is encoded and has the query.

        The request uses a slot of ``caller``. ``authorization`` is the caller's header, which is sent unless
        this Lens has one of its own for the peer. ``max_age`` is the largest age of the answer in seconds;
        None allows any. Raise PeerFailedError and PeerRefusedError.
        """
        peer = self._peer(name)
        request = _PeerRequest(peer, path, max_age, authorization if peer.authorization is None else None)
        if request in self._in_flight:
            return await self._share(request)
        queued = (request, caller)
        if queued not in self._queued:
            self._check_breaker(peer)
        return await self._queued.do(queued, partial(self._wait_for_slot, request, caller))

    async def open_stream(
        self, name: str, path: str, *, authorization: str | None, last_event_id: str | None
    ) -> PeerStream:
        """Return a peer's event stream at ``path``, after the event ``last_event_id``.

        ``authorization`` is as for ``get``. Raise PeerFailedError and PeerRefusedError.
        """
        peer = self._peer(name)
        self._check_breaker(peer)
        headers = _headers(peer, authorization)
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        with self._record_outcome(peer):
            stream = await self._client.open_stream(peer.url + path, headers, peer.trust)
            if isinstance(stream, PeerResponse):
                await envelope.read(stream, name, own_token=peer.authorization is not None)
                raise PeerFailedError("malformed")
            if stream.cluster != name:
                stream.close()
                raise PeerFailedError("wrong_cluster")
            return stream

    def _check_breaker(self, peer: Peer) -> None:
        """Raise PeerFailedError while the peer's breaker is open."""
        if not peer.breaker.allows(self._clock()):
            self._count(peer, "paused")
            raise PeerFailedError(peer.breaker.last_failure)

    async def _wait_for_slot(self, request: _PeerRequest, caller: str) -> PeerAnswer:
        """Send the request once the caller has a slot, or share the same one of another caller."""
        try:
            async with request.peer.slots.slot(caller):
                return await self._share(request)
        except NoSlotError:
            self._count(request.peer, "busy")
            raise PeerRefusedError(429, None) from None

    async def _share(self, request: _PeerRequest) -> PeerAnswer:
        return await self._in_flight.do(request, partial(self._send, request))

    async def _send(self, request: _PeerRequest) -> PeerAnswer:
        with self._record_outcome(request.peer):
            return await self._read_answer(request.peer, request)

    @contextmanager
    def _record_outcome(self, peer: Peer) -> Iterator[None]:
        """Record the outcome of a request in the breaker and the metrics."""
        try:
            yield
        except PeerRefusedError:
            peer.breaker.record_success()
            self._count(peer, "refused")
            raise
        except PeerFailedError as error:
            peer.breaker.record_failure(error.failure, self._clock())
            self._count(peer, error.failure)
            _log.warning("peer failed", extra={"peer": peer.name, "failure": error.failure})
            raise
        peer.breaker.record_success()
        self._count(peer, "answered")

    async def _read_answer(self, peer: Peer, request: _PeerRequest) -> PeerAnswer:
        headers = _headers(peer, request.authorization)
        if request.max_age is not None:
            headers["Cache-Control"] = f"max-age={int(request.max_age)}" if request.max_age else "no-cache"
        # The lock for large bodies is held until one is handled, so that many need no more memory than one.
        async with AsyncExitStack() as stack:
            received = await stack.enter_async_context(
                self._client.response(
                    peer.url + request.path,
                    headers,
                    peer.trust,
                    lambda: stack.enter_async_context(peer.large_body),
                )
            )
            return await envelope.read(received, peer.name, own_token=peer.authorization is not None)

    def _peer(self, name: str) -> Peer:
        peer = self._peers().get(name)
        if peer is None:
            # The peer was removed after its name was looked up.
            raise PeerRefusedError(404, None)
        return peer

    def _count(self, peer: Peer, outcome: str) -> None:
        self._metrics.peer_requests.labels(peer.name, outcome).inc()


def _headers(peer: Peer, authorization: str | None) -> dict[str, str]:
    """Return the request's headers: Authorization of this Lens, or else the caller's."""
    header = authorization if peer.authorization is None else peer.authorization()
    return {} if header is None else {"Authorization": header}
