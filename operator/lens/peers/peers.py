"""The peers by name: asked once however many want to know, and left alone for a while when they fail."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lens.metrics import Metrics
from lens.model.peer import PeerAnswer, PeerFailedError, PeerRefusedError
from lens.peers import envelope
from lens.peers.breaker import Breaker
from lens.peers.client import LONGEST_BODY, Client, Received, Stream
from lens.peers.slots import NoSlotError, Slots

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Peer:
    """A cluster with a Lens of its own.

    ``authorization`` returns the header that this Lens shows it, ``trust`` whose certificates are good; with
    None it is the caller's token, and the system's authorities.
    """

    name: str
    url: str
    authorization: Callable[[], str] | None = None
    trust: Callable[[], ssl.SSLContext] | None = None
    breaker: Breaker = field(default_factory=Breaker)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    slots: Slots = field(default_factory=Slots)
    asking: "dict[_Question, asyncio.Task[PeerAnswer]]" = field(default_factory=dict)
    waiting: "dict[tuple[_Question, str], asyncio.Task[PeerAnswer]]" = field(default_factory=dict)


class _Question(NamedTuple):
    path: str
    max_age: float | None
    authorization: str | None


class Peers:
    """Asks peers. To be used in one loop, and closed in it."""

    def __init__(
        self,
        present: Callable[[], Mapping[str, Peer]],
        timeout: float,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        longest: int = LONGEST_BODY,
    ) -> None:
        """Take whom there is to ask at present, by name.

        ``timeout`` is in seconds, ``longest`` in bytes, and both are for one answer.
        """
        self._present = present
        self._under_way: set[asyncio.Task[PeerAnswer]] = set()
        self._client = Client(timeout, longest)
        self._metrics = metrics
        self._clock = clock

    @property
    def names(self) -> tuple[str, ...]:
        """Return the peers' clusters, in the order of their file."""
        return tuple(self._present())

    async def close(self) -> None:
        """Ask no more, and close all connections."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._client.close()

    async def ask(
        self, name: str, path: str, *, caller: str, authorization: str | None, max_age: float | None
    ) -> PeerAnswer:
        """Return what a peer answers at ``path``, an encoded one with its query.

        ``caller`` is whose turn it takes. ``authorization`` is the caller's header, sent where the peer gets
        none of this Lens'. ``max_age`` is the age in seconds from which on the answer is too old; None is for
        any. Raise PeerFailedError and PeerRefusedError.
        """
        peer = self._peer(name)
        question = _Question(path, max_age, authorization if peer.authorization is None else None)
        asking = peer.asking.get(question) or peer.waiting.get((question, caller))
        if asking is None:
            self._admit(peer)
            asking = peer.waiting[question, caller] = self._begin(self._wait(peer, question, caller))
        try:
            # Whoever goes away takes nothing from those who wait for the same.
            return await asyncio.shield(asking)
        finally:
            # A failure's traceback leads here, and from here to the failure: what was read would stay.
            del asking

    async def listen(
        self, name: str, path: str, *, authorization: str | None, last_event_id: str | None
    ) -> Stream:
        """Return what a peer goes on telling at ``path`` from the event ``last_event_id`` on.

        ``authorization`` is as of ``ask``. Raise PeerFailedError and PeerRefusedError.
        """
        peer = self._peer(name)
        self._admit(peer)
        headers = _headers(peer, authorization)
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        with self._noted(peer):
            heard = await self._client.listen(peer.url + path, headers, peer.trust)
            if isinstance(heard, Received):
                await envelope.read(heard, name, own_token=peer.authorization is not None)
                raise PeerFailedError("malformed")
            if heard.cluster != name:
                heard.close()
                raise PeerFailedError("wrong_cluster")
            return heard

    def _admit(self, peer: Peer) -> None:
        """Raise PeerFailedError while the peer is left alone."""
        if not peer.breaker.admits(self._clock()):
            self._count(peer, "paused")
            raise PeerFailedError(peer.breaker.last)

    def _begin(self, asking: Coroutine[Any, Any, PeerAnswer]) -> "asyncio.Task[PeerAnswer]":
        task = asyncio.create_task(asking)
        self._under_way.add(task)
        task.add_done_callback(self._heed)
        return task

    async def _wait(self, peer: Peer, question: _Question, caller: str) -> PeerAnswer:
        """Ask when it is the caller's turn: nobody else waits for that, who wants to know the same."""
        try:
            async with peer.slots.slot(caller):
                asking = peer.asking.get(question)
                if asking is None:
                    asking = peer.asking[question] = self._begin(self._ask(peer, question))
                try:
                    return await asking
                finally:
                    del asking
        except NoSlotError:
            self._count(peer, "busy")
            raise PeerRefusedError(503, None) from None
        finally:
            del peer.waiting[question, caller]

    async def _ask(self, peer: Peer, question: _Question) -> PeerAnswer:
        try:
            with self._noted(peer):
                return await self._answer(peer, question)
        finally:
            del peer.asking[question]

    @contextmanager
    def _noted(self, peer: Peer) -> Iterator[None]:
        """Take note of what comes of asking."""
        try:
            yield
        except PeerRefusedError:
            peer.breaker.succeeded()
            self._count(peer, "refused")
            raise
        except PeerFailedError as error:
            peer.breaker.failed(error.failure, self._clock())
            self._count(peer, error.failure)
            _log.warning("peer failed", extra={"peer": peer.name, "failure": error.failure})
            raise
        peer.breaker.succeeded()
        self._count(peer, "answered")

    async def _answer(self, peer: Peer, question: _Question) -> PeerAnswer:
        headers = _headers(peer, question.authorization)
        if question.max_age is not None:
            headers["Cache-Control"] = f"max-age={int(question.max_age)}" if question.max_age else "no-cache"
        # Large answers have their turn until they are dealt with, so that many take no more room than one.
        async with AsyncExitStack() as turn:
            received = await turn.enter_async_context(
                self._client.answer(
                    peer.url + question.path,
                    headers,
                    peer.trust,
                    lambda: turn.enter_async_context(peer.turn),
                )
            )
            return await envelope.read(received, peer.name, own_token=peer.authorization is not None)

    def _peer(self, name: str) -> Peer:
        peer = self._present().get(name)
        if peer is None:
            # It was there when its name was looked up.
            raise PeerRefusedError(404, None)
        return peer

    def _heed(self, asked: "asyncio.Task[PeerAnswer]") -> None:
        """Look at the outcome: all who wanted to know may have gone, and asyncio would complain."""
        self._under_way.discard(asked)
        if not asked.cancelled():
            asked.exception()

    def _count(self, peer: Peer, outcome: str) -> None:
        self._metrics.peer_requests.labels(peer.name, outcome).inc()


def _headers(peer: Peer, authorization: str | None) -> dict[str, str]:
    """Return what a peer is shown: this Lens' own token, or else the caller's header."""
    shown = authorization if peer.authorization is None else peer.authorization()
    return {} if shown is None else {"Authorization": shown}
