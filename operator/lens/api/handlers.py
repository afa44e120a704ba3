"""Request handlers: each returns a cached response, or one made by a view of the present epoch's state."""

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from math import inf
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from lens.api import envelope, negotiation
from lens.api.access.auth import Caller
from lens.api.cache.epochs import REBUILD_SECONDS, Epoch, Epochs
from lens.api.cache.representation import Representation
from lens.api.cache.response_cache import ResponseCache, cache_key
from lens.api.endpoints.clusters import cluster
from lens.api.endpoints.summary import summary
from lens.api.lists.listing import CSV, L, Listing, V
from lens.api.parameters.base import Parameters
from lens.api.parameters.cluster import CapacityParameters, ClusterParameters
from lens.api.parameters.lists import ListParameters
from lens.api.proxy.cluster_overview import ClusterOverview
from lens.api.proxy.peer_proxy import PeerProxy, peer_query
from lens.api.request_context import REQUEST_CONTEXT
from lens.api.schemas.clusters import Clusters
from lens.concurrency.single_flight import SingleFlight
from lens.http.cache_control import max_age_of_request
from lens.model.cluster_state import StateView

P = TypeVar("P", bound=Parameters)
C = TypeVar("C", bound=ClusterParameters)

Handler = Callable[[web.BaseRequest, P, Caller], Awaitable[web.StreamResponse]]
"""Answers a request whose parameters are valid and whose caller is known."""

View = Callable[[StateView, C], Mapping[str, Any]]
"""Returns a response's data for a state and the parameters."""

AsyncView = Callable[[StateView, C], Coroutine[Any, Any, Mapping[str, Any]]]
"""A view that works in slices, so that other requests don't wait for it.

A value that changes with time may be a function of the last two arguments of CurrentFields.
"""

CurrentFields = Callable[[StateView, StateView, float], Mapping[str, Any]]
"""Returns the fields of a view's data that change with time, such as ages.

Its arguments are the view's state, the latest state with the same snapshot, and the epoch second.
"""

_encode = msgspec.json.Encoder().encode

_MARK = b"\0"
"""The placeholder of such a field's value in a body. JSON has no such byte."""


class Handlers:
    """The handlers of the endpoints about clusters."""

    def __init__(
        self,
        name: str,
        epochs: Epochs,
        cache: ResponseCache,
        clock: Callable[[], float],
        proxy: PeerProxy,
        overview: ClusterOverview,
    ) -> None:
        """Take the local cluster's name and epochs, the proxy to peers, and the overview of all clusters."""
        self._name = name
        self._epochs = epochs
        self._cache = cache
        self._clock = clock
        self._proxy = proxy
        self._overview = overview
        self._async_view = asyncio.Lock()
        self._in_flight = SingleFlight[tuple[bytes, object], Representation]()

    def for_view(self, view: View[C], current_fields: CurrentFields) -> Handler[C]:
        """Return the handler that responds with a view's data. It raises ApiError."""

        async def handler(request: web.BaseRequest, params: C, caller: Caller) -> web.StreamResponse:
            if params.cluster != self._name:
                return await self._proxy.respond(request, params, caller)
            key = _key(request, params)
            epoch, now = self._epoch(request, caller, key)
            response = self._cache.get(key, epoch.number)
            if response is None:
                response = self._put(
                    key, epoch, caller, params, view(epoch.view, params), current_fields, now
                )
            return await response.response(request.headers, now, epoch.age(now))

        return handler

    def for_async_view(self, view: AsyncView[C], current_fields: CurrentFields) -> Handler[C]:
        """Return the handler that responds with an async view's data. It raises ApiError."""

        async def handler(request: web.BaseRequest, params: C, caller: Caller) -> web.StreamResponse:
            if params.cluster != self._name:
                return await self._proxy.respond(request, params, caller)
            key = _key(request, params)
            epoch, now = self._epoch(request, caller, key)

            async def make() -> Representation:
                # One at a time: each holds its rows in memory until it is finished.
                async with self._async_view:
                    data = await view(epoch.view, params)
                return self._put(key, epoch, caller, params, data, current_fields, now)

            response = self._cache.get(key, epoch.number)
            if response is None:
                response = await self._in_flight.do((key, epoch.number), make)
            now = self._clock()
            return await response.response(request.headers, now, epoch.age(now))

        return handler

    def for_list(self, listing: Listing[L, V]) -> Handler[L]:
        """Return the handler that responds with a list as JSON or CSV. It raises ApiError."""

        async def handler(request: web.BaseRequest, params: L, caller: Caller) -> web.StreamResponse:
            media_type = _list_type(request, params)
            if params.cluster != self._name:
                # A peer's list is fetched as JSON, whatever the format of the response.
                query = [(name, value) for name, value in peer_query(request, params) if name != "format"]
                from_peer = await self._proxy.get(request, caller, params.cluster, request.path, query)
                if media_type == CSV:
                    from_peer = await self._proxy.csv(listing, params, caller, request.path, from_peer)
                return await self._proxy.pass_on(request, from_peer)
            listing.start_after(params)
            key = _key(request, params, media_type)
            epoch, now = self._epoch(request, caller, key)
            # Each row has the whole seconds that its pod has run or waited for.
            second = int(max(now, epoch.latest.current_at))
            version = epoch.number, second, listing.version(epoch.view)

            async def make() -> Representation:
                encoded = await listing.encode(
                    epoch.view,
                    params,
                    request.path,
                    media_type,
                    epoch.latest.current_at,
                    second,
                    caller.tenant,
                )
                return self._cache.put(
                    key,
                    (encoded.body,),
                    epoch.taken_at,
                    tag=_tag(epoch, media_type) + encoded.tag,
                    version=version,
                    caller=caller.tenant,
                    headers=encoded.headers,
                    seconds=_seconds(epoch),
                )

            response = self._cache.get(key, version)
            if response is None:
                response = await self._in_flight.do((key, version), make)
            return await response.response(request.headers, now, epoch.age(now))

        return handler

    def _epoch(self, request: web.BaseRequest, caller: Caller, key: bytes) -> tuple[Epoch, float]:
        now = self._clock()
        asker, waited = (caller.name, request.remote), request[REQUEST_CONTEXT].waited()
        return self._epochs.get(asker, key, max_age_of_request(request.headers), now, waited), now

    def _put(
        self,
        key: bytes,
        epoch: Epoch,
        caller: Caller,
        params: ClusterParameters,
        data: Mapping[str, Any],
        current_fields: CurrentFields,
        now: float,
    ) -> Representation:
        growing = {name: value for name, value in data.items() if callable(value)}
        # A caller that is served a cached response gets its epoch. The cache must not keep the epoch alive,
        # since it refers to everything that was counted at that time.
        kept = weakref.ref(epoch)

        def current_values(at: float) -> Sequence[bytes]:
            epoch = kept()
            assert epoch is not None
            values = {
                **current_fields(epoch.view, epoch.latest, at),
                **{name: value(epoch.latest, at) for name, value in growing.items()},
            }
            return [_encode(values[name]) for name in names]

        marks = dict.fromkeys([*current_fields(epoch.view, epoch.latest, now), *growing], msgspec.Raw(_MARK))
        names = [name for name in data if name in marks]
        return self._cache.put(
            key,
            envelope.encode({**data, **marks}).split(_MARK),
            epoch.taken_at,
            tag=_tag(epoch) + _view_tag(params),
            version=epoch.number,
            caller=caller.tenant,
            current_values=current_values,
            seconds=_seconds(epoch),
        )

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


def _list_type(request: web.BaseRequest, params: ListParameters) -> str:
    """Return the media type of a list: the one that the request names, or else the one that it prefers."""
    if params.format is not None:
        return CSV if params.format == "csv" else envelope.CONTENT_TYPE
    return negotiation.media_type(request.headers, (envelope.CONTENT_TYPE, CSV))


def _tag(epoch: Epoch, media_type: str = envelope.CONTENT_TYPE) -> str:
    """Return the part of an entity tag that is different for each epoch and media type."""
    return f"{epoch.number:x}" + ("" if media_type == envelope.CONTENT_TYPE else f"-{media_type}")


def _view_tag(params: ClusterParameters) -> str:
    """Return the part of an entity tag for a view, which has the same URL for callers that may see all."""
    return f"-{params.view}" if isinstance(params, CapacityParameters) and params.view else ""


def _seconds(epoch: Epoch) -> float:
    """Return for how long clients may cache an epoch's responses."""
    return inf if epoch.view.telemetry.complete else REBUILD_SECONDS


def _key(request: web.BaseRequest, params: ClusterParameters, *more: str) -> bytes:
    # The caller isn't a part of it: authorization has passed, and a view is the same for every caller.
    return cache_key(request[REQUEST_CONTEXT].route, *params.values, *more)
