"""From a view of the state to an answer: a kept one while it is good, else one of what is known now."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web

from lens.api import envelope, negotiation
from lens.api.access.auth import Caller
from lens.api.cache import Representation, ResponseCache, key, wanted_age
from lens.api.endpoints.clusters import cluster
from lens.api.endpoints.overview import Overview
from lens.api.endpoints.peers import PeerAnswers
from lens.api.endpoints.summary import summary
from lens.api.errors import unavailable
from lens.api.lists.pages import CSV, L, Listing
from lens.api.parameters import ClusterParameters, Parameters
from lens.api.request_context import REQUEST_CONTEXT
from lens.api.schemas import Clusters
from lens.model.cluster_state import ClusterState, StateView

P = TypeVar("P", bound=Parameters)
C = TypeVar("C", bound=ClusterParameters)

Handler = Callable[[web.BaseRequest, P, Caller], Awaitable[web.StreamResponse]]
"""Answers a request whose parameters were read and whose caller is known."""

View = Callable[[StateView, C, float], object]
"""Makes an answer's data of the current state, the parameters and the present epoch second."""

LongView = Callable[[StateView, C, float], Coroutine[Any, Any, object]]
"""The same, in slices."""


class Answers:
    """The endpoints that tell of clusters."""

    def __init__(
        self,
        name: str,
        state: ClusterState,
        cache: ResponseCache,
        clock: Callable[[], float],
        peers: PeerAnswers,
        overview: Overview,
    ) -> None:
        """Take the local cluster's name and its state, and who knows of the others."""
        self._name = name
        self._state = state
        self._cache = cache
        self._clock = clock
        self._peers = peers
        self._overview = overview
        self._turn = asyncio.Lock()
        self._making: dict[tuple[bytes, int], asyncio.Task[Representation]] = {}

    def of(self, view: View[C]) -> Handler[C]:
        """Return the handler that answers with ``view``. It raises an ApiError for what can't be answered."""

        async def handler(request: web.BaseRequest, asked: C, caller: Caller) -> web.StreamResponse:
            if asked.cluster != self._name:
                return await self._told(request, asked, caller)
            current, now = self._current(), self._clock()
            question = _question(request, asked)
            answer = self._cache.find(question, now, wanted_age(request.headers))
            if answer is None:
                body = envelope.encode(view(current, asked, now))
                answer = self._cache.keep(question, body, now, caller=caller.name)
            return await answer.response(request.headers, now)

        return handler

    def of_many(self, view: LongView[C]) -> Handler[C]:
        """Return the handler that answers with what takes long to make. It raises as that of a view does."""

        async def handler(request: web.BaseRequest, asked: C, caller: Caller) -> web.StreamResponse:
            if asked.cluster != self._name:
                return await self._told(request, asked, caller)
            current, now = self._current(), self._clock()
            question = _question(request, asked)

            async def make() -> Representation:
                # One at a time: each keeps what it has made so far.
                async with self._turn:
                    body = envelope.encode(await view(current, asked, now))
                return self._cache.keep(question, body, now, caller=caller.name)

            answer = self._cache.find(question, now, wanted_age(request.headers))
            if answer is None:
                answer = await self._once(question, current, make)
            return await answer.response(request.headers, now)

        return handler

    def listed(self, listing: Listing[L]) -> Handler[L]:
        """Return the handler that answers with a list. It raises an ApiError as that of a view does."""

        async def handler(request: web.BaseRequest, asked: L, caller: Caller) -> web.StreamResponse:
            media_type = negotiation.media_type(request.headers, (envelope.CONTENT_TYPE, CSV))
            if asked.cluster != self._name:
                told = await self._peers.answer(
                    request, caller, asked.cluster, request.path, request.query.items()
                )
                if media_type == CSV:
                    told = await self._peers.table(listing, asked, caller, request.path, told)
                return await told.response(request.headers, self._clock())
            listing.after(asked)
            current, now = self._current(), self._clock()
            question = _question(request, asked, media_type)

            async def make() -> Representation:
                made = await listing.content(current, asked, request.path, media_type, caller.name)
                return self._cache.keep(
                    question,
                    made.body,
                    now,
                    caller=caller.name,
                    digest=made.digest,
                    described=made.headers,
                )

            answer = self._cache.find(question, now, wanted_age(request.headers))
            if answer is None:
                answer = await self._once(question, current, make)
            return await answer.response(request.headers, now)

        return handler

    async def _told(self, request: web.BaseRequest, asked: C, caller: Caller) -> web.StreamResponse:
        """Answer with what the Lens of another cluster says."""
        told = await self._peers.answer(request, caller, asked.cluster, request.path, request.query.items())
        return await told.response(request.headers, self._clock())

    async def _once(
        self, question: bytes, current: StateView, make: Callable[[], Coroutine[Any, Any, Representation]]
    ) -> Representation:
        """Return what is made; who asks meanwhile waits for the same."""
        once = (question, current.snapshot.sequence)
        making = self._making.get(once)
        if making is None:
            making = self._making[once] = asyncio.create_task(make())
            making.add_done_callback(lambda _: self._making.pop(once))
        return await asyncio.shield(making)

    def _current(self) -> StateView:
        current = self._state.current
        if not current.synced:
            raise unavailable("Not synced yet")
        return current

    async def clusters(
        self, request: web.BaseRequest, _asked: Parameters, caller: Caller
    ) -> web.StreamResponse:
        """Say which clusters there are, also while they can't be asked for yet."""
        standings = await self._overview.standings(request, caller)
        return envelope.uncached(Clusters(clusters=[cluster(each) for each in standings]))

    async def summary(
        self, request: web.BaseRequest, _asked: Parameters, caller: Caller
    ) -> web.StreamResponse:
        """Add all clusters up."""
        standings = await self._overview.standings(request, caller)
        return envelope.uncached(summary(standings, self._clock()))


def _question(request: web.BaseRequest, asked: ClusterParameters, *more: str) -> bytes:
    # What callers may not see they may not ask for, so who asks makes no difference.
    return key(request[REQUEST_CONTEXT].route, *asked.values, *more)
