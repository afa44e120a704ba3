"""Request handlers: each returns a cached response, or one made by a view of the current state."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web

from lens.api import envelope, negotiation
from lens.api.access.auth import Caller
from lens.api.cache import Representation, ResponseCache, cache_key, max_age
from lens.api.endpoints.clusters import cluster
from lens.api.endpoints.summary import summary
from lens.api.errors import outdated
from lens.api.lists.listing import CSV, L, Listing
from lens.api.parameters import ClusterParameters, Parameters
from lens.api.proxy.cluster_overview import ClusterOverview
from lens.api.proxy.peer_proxy import PeerProxy
from lens.api.request_context import REQUEST_CONTEXT
from lens.api.schemas import Clusters
from lens.model.cluster_state import ClusterState, StateView

P = TypeVar("P", bound=Parameters)
C = TypeVar("C", bound=ClusterParameters)

Handler = Callable[[web.BaseRequest, P, Caller], Awaitable[web.StreamResponse]]
"""Answers a request whose parameters are valid and whose caller is known."""

View = Callable[[StateView, C, float], object]
"""Returns a response's data for the current state, the parameters and the present epoch second."""

AsyncView = Callable[[StateView, C, float], Coroutine[Any, Any, object]]
"""A view that works in slices, so that other requests don't wait for it."""


class Handlers:
    """The handlers of the endpoints about clusters."""

    def __init__(
        self,
        name: str,
        state: ClusterState,
        cache: ResponseCache,
        clock: Callable[[], float],
        proxy: PeerProxy,
        overview: ClusterOverview,
    ) -> None:
        """Take the local cluster's name and state, the proxy to peers, and the overview of all clusters."""
        self._name = name
        self._state = state
        self._cache = cache
        self._clock = clock
        self._proxy = proxy
        self._overview = overview
        self._async_view = asyncio.Lock()
        self._in_flight: dict[tuple[bytes, int], asyncio.Task[Representation]] = {}

    def for_view(self, view: View[C]) -> Handler[C]:
        """Return the handler that responds with a view's data. It raises ApiError."""

        async def handler(request: web.BaseRequest, params: C, caller: Caller) -> web.StreamResponse:
            if params.cluster != self._name:
                return await self._from_peer(request, params, caller)
            current, now = self._current(), self._clock()
            key = _key(request, params)
            response = self._cache.get(key, now, max_age(request.headers))
            if response is None:
                body = envelope.encode(view(current, params, now))
                response = self._cache.put(key, body, now, caller=caller.name)
            return await response.response(request.headers, now)

        return handler

    def for_async_view(self, view: AsyncView[C]) -> Handler[C]:
        """Return the handler that responds with an async view's data. It raises ApiError."""

        async def handler(request: web.BaseRequest, params: C, caller: Caller) -> web.StreamResponse:
            if params.cluster != self._name:
                return await self._from_peer(request, params, caller)
            current, now = self._current(), self._clock()
            key = _key(request, params)

            async def make() -> Representation:
                # One at a time: each holds its rows in memory until it is finished.
                async with self._async_view:
                    body = envelope.encode(await view(current, params, now))
                return self._cache.put(key, body, now, caller=caller.name)

            response = self._cache.get(key, now, max_age(request.headers))
            if response is None:
                response = await self._single_flight(key, current, make)
            return await response.response(request.headers, now)

        return handler

    def for_list(self, listing: Listing[L]) -> Handler[L]:
        """Return the handler that responds with a list as JSON or CSV. It raises ApiError."""

        async def handler(request: web.BaseRequest, params: L, caller: Caller) -> web.StreamResponse:
            media_type = negotiation.media_type(request.headers, (envelope.CONTENT_TYPE, CSV))
            if params.cluster != self._name:
                from_peer = await self._proxy.get(
                    request, caller, params.cluster, request.path, request.query.items()
                )
                if media_type == CSV:
                    from_peer = await self._proxy.csv(listing, params, caller, request.path, from_peer)
                return await from_peer.response(request.headers, self._clock())
            listing.start_after(params)
            current, now = self._current(), self._clock()
            key = _key(request, params, media_type)

            async def make() -> Representation:
                encoded = await listing.encode(current, params, request.path, media_type, caller.name)
                return self._cache.put(
                    key,
                    encoded.body,
                    now,
                    caller=caller.name,
                    digest=encoded.digest,
                    headers=encoded.headers,
                )

            response = self._cache.get(key, now, max_age(request.headers))
            if response is None:
                response = await self._single_flight(key, current, make)
            return await response.response(request.headers, now)

        return handler

    async def _from_peer(self, request: web.BaseRequest, params: C, caller: Caller) -> web.StreamResponse:
        """Respond with another cluster's response to the same request."""
        response = await self._proxy.get(request, caller, params.cluster, request.path, request.query.items())
        return await response.response(request.headers, self._clock())

    async def _single_flight(
        self, key: bytes, current: StateView, make: Callable[[], Coroutine[Any, Any, Representation]]
    ) -> Representation:
        """Return what ``make`` returns; concurrent requests of the same key share one call."""
        flight = (key, current.snapshot.sequence)
        task = self._in_flight.get(flight)
        if task is None:
            task = self._in_flight[flight] = asyncio.create_task(make())
            task.add_done_callback(lambda _: self._in_flight.pop(flight))
        return await asyncio.shield(task)

    def _current(self) -> StateView:
        current = self._state.current
        if not current.synced:
            raise outdated("Not synced yet", current)
        return current

    async def clusters(
        self, request: web.BaseRequest, _params: Parameters, caller: Caller
    ) -> web.StreamResponse:
        """Respond with all clusters, those that are syncing or unreachable included."""
        statuses = await self._overview.statuses(request, caller)
        return envelope.uncached(Clusters(clusters=[cluster(each) for each in statuses]))

    async def summary(
        self, request: web.BaseRequest, _params: Parameters, caller: Caller
    ) -> web.StreamResponse:
        """Respond with the sums over all clusters."""
        statuses = await self._overview.statuses(request, caller)
        return envelope.uncached(summary(statuses, self._clock()))


def _key(request: web.BaseRequest, params: ClusterParameters, *more: str) -> bytes:
    # The caller isn't a part of it: authorization has passed, and a view is the same for every caller.
    return cache_key(request[REQUEST_CONTEXT].route, *params.values, *more)
