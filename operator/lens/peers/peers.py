"""The peers by name: asked once however many want to know, and left alone for a while when they fail."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import NamedTuple

from lens.metrics import Metrics
from lens.model.peer import PeerAnswer, PeerFailedError, PeerRefusedError
from lens.peers import envelope
from lens.peers.breaker import Breaker
from lens.peers.client import LONGEST_BODY, Client

MOST_ASKING = 32
"""Different requests to one peer under way at once."""

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
    asking: "dict[_Question, asyncio.Task[PeerAnswer]]" = field(default_factory=dict)


class _Question(NamedTuple):
    path: str
    max_age: float | None
    authorization: str | None


class Peers:
    """Asks peers. To be used in one loop, and closed in it."""

    def __init__(
        self,
        peers: Iterable[Peer],
        timeout: float,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        longest: int = LONGEST_BODY,
    ) -> None:
        """Take whom to ask; ``timeout`` is in seconds, ``longest`` in bytes, and both are for one answer."""
        self._peers = {peer.name: peer for peer in peers}
        self._client = Client(timeout, longest)
        self._metrics = metrics
        self._clock = clock

    @property
    def names(self) -> tuple[str, ...]:
        """Return the peers' clusters, in the order of the settings."""
        return tuple(self._peers)

    async def close(self) -> None:
        """Ask no more, and close all connections."""
        under_way = [task for peer in self._peers.values() for task in peer.asking.values()]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._client.close()

    async def ask(
        self, name: str, path: str, *, authorization: str | None, max_age: float | None
    ) -> PeerAnswer:
        """Return what a peer answers at ``path``, an encoded one with its query.

        ``authorization`` is the caller's header, sent where the peer gets none of this Lens'. ``max_age`` is
        the age in seconds from which on the answer is too old; None is for any. Raise PeerFailedError and
        PeerRefusedError.
        """
        peer = self._peers[name]
        question = _Question(path, max_age, authorization if peer.authorization is None else None)
        asking = peer.asking.get(question)
        if asking is None:
            if len(peer.asking) >= MOST_ASKING:
                self._count(peer, "busy")
                raise PeerRefusedError(503, None)
            if not peer.breaker.admits(self._clock()):
                self._count(peer, "paused")
                raise PeerFailedError(peer.breaker.last)
            asking = peer.asking[question] = asyncio.create_task(self._ask(peer, question))
            asking.add_done_callback(_heed)
        try:
            # Whoever goes away takes nothing from those who wait for the same.
            return await asyncio.shield(asking)
        finally:
            # A failure's traceback leads here, and from here to the failure: what was read would stay.
            del asking

    async def _ask(self, peer: Peer, question: _Question) -> PeerAnswer:
        try:
            answer = await self._answer(peer, question)
        except PeerRefusedError:
            peer.breaker.succeeded()
            self._count(peer, "refused")
            raise
        except PeerFailedError as error:
            peer.breaker.failed(error.failure, self._clock())
            self._count(peer, error.failure)
            _log.warning("peer failed", extra={"peer": peer.name, "failure": error.failure})
            raise
        finally:
            del peer.asking[question]
        peer.breaker.succeeded()
        self._count(peer, "answered")
        return answer

    async def _answer(self, peer: Peer, question: _Question) -> PeerAnswer:
        headers = {}
        own = peer.authorization() if peer.authorization is not None else None
        if authorization := own or question.authorization:
            headers["Authorization"] = authorization
        if question.max_age is not None:
            headers["Cache-Control"] = f"max-age={int(question.max_age)}" if question.max_age else "no-cache"
        # Large answers have their turn until they are dealt with, so that many take no more room than one.
        async with AsyncExitStack() as turn:
            received = await self._client.get(
                peer.url + question.path,
                headers,
                peer.trust,
                lambda: turn.enter_async_context(peer.turn),
            )
            return await envelope.read(received, peer.name, own_token=own is not None)

    def _count(self, peer: Peer, outcome: str) -> None:
        self._metrics.peer_requests.labels(peer.name, outcome).inc()


def _heed(asked: "asyncio.Task[PeerAnswer]") -> None:
    """Look at the outcome: all who wanted to know may have gone, and asyncio would complain."""
    if not asked.cancelled():
        asked.exception()
