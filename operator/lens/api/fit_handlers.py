"""Request handlers of fit: each question is answered in a thread, one after another, and not cached."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from lens.api import envelope
from lens.api.access.auth import Caller
from lens.api.access.authorization import FitVisibility
from lens.api.cache.epochs import Epochs
from lens.api.errors import encoded_body, invalid_parameter, too_large, unparsable
from lens.api.fit.endpoint import FitQuestions
from lens.api.fit.record import fit_record
from lens.api.fit.visibility import without_names
from lens.api.lists.list_queue import ListQueue
from lens.api.parameters.fit import FitParameters, FitQuery, FitRecordParameters
from lens.api.proxy.peer_proxy import PeerProxy, peer_query
from lens.api.request_context import REQUEST_CONTEXT
from lens.bounds import MAX_BODY_BYTES
from lens.http import request_body
from lens.http.request_body import BodyTooLargeError, MalformedBodyError
from lens.model.cluster_state import StateView

Data = Mapping[str, Any]
Answer = Callable[[StateView, float], Data]
"""Answers a question about a state, at an epoch second. It takes some 10 ms, and up to a second."""


class FitHandlers:
    """The handlers of the endpoints of fit. They raise ApiError."""

    def __init__(
        self,
        name: str,
        epochs: Epochs,
        clock: Callable[[], float],
        proxy: PeerProxy,
        questions: FitQuestions,
        queue: ListQueue,
    ) -> None:
        """Take the local cluster's name and epochs, and the proxy to peers. Questions wait in ``queue``."""
        self._name = name
        self._epochs = epochs
        self._clock = clock
        self._proxy = proxy
        self._questions = questions
        self._queue = queue

    async def query(self, request: web.BaseRequest, params: FitQuery, caller: Caller) -> web.StreamResponse:
        """Respond to a GET, whose parameters are the question."""
        visibility = await FitVisibility.of(params, caller, request[REQUEST_CONTEXT].route)
        show = _shown(visibility, params.device_class)
        if not visibility.namespace:
            params = params.model_copy(update={"view": "capacity"})
        if params.cluster != self._name:
            return await self._from_peer(request, params, caller, show)

        def answer(state: StateView, now: float) -> Data:
            return self._questions.answer_query(state, params, now)

        return await self._respond(caller, answer, show)

    async def manifest(
        self, request: web.BaseRequest, params: FitParameters, caller: Caller
    ) -> web.StreamResponse:
        """Respond to a POST, whose body has the pods."""
        visibility = await FitVisibility.of(params, caller, request[REQUEST_CONTEXT].route)
        show = _shown(visibility)
        if not visibility.namespace:
            params = params.model_copy(update={"view": "capacity"})
        if params.cluster != self._name:
            if params.cluster in self._proxy.clusters(request.headers):
                raise invalid_parameter("cluster is another Lens': send the manifest to it")
            return await self._from_peer(request, params, caller, show)
        body = await _body(request)

        def answer(state: StateView, now: float) -> Data:
            return self._questions.answer_manifest(
                state, params, body, now, sees_others=visibility.everything
            )

        return await self._respond(caller, answer, show)

    async def record(
        self, request: web.BaseRequest, params: FitRecordParameters, caller: Caller
    ) -> web.StreamResponse:
        """Respond with the record of fit."""
        if params.cluster != self._name:
            return await self._proxy.respond(request, params, caller)
        return await self._respond(caller, lambda state, _now: fit_record(state, params))

    async def _from_peer(
        self, request: web.BaseRequest, params: FitParameters, caller: Caller, show: Callable[[Data], Data]
    ) -> web.StreamResponse:
        # The peer may know Lens' own token, which may see more than the caller.
        query = peer_query(request, params)
        return envelope.uncached(await self._proxy.data(request, caller, params.cluster, query, show))

    async def _respond(
        self, caller: Caller, answer: Answer, show: Callable[[Data], Data] = lambda data: data
    ) -> web.StreamResponse:
        async def answered() -> Data:
            async with self._queue.slot(caller.tenant):
                return await asyncio.to_thread(answer, self._epochs.current(), self._clock())

        # A client that goes away stops no thread, so the slot is held until that ends.
        return envelope.uncached(show(await asyncio.shield(asyncio.create_task(answered()))))


def _shown(visibility: FitVisibility, device_class: str | None = None) -> Callable[[Data], Data]:
    """Return a function that limits an answer to what the caller may see; it keeps the ``device_class``."""

    def show(data: Data) -> Data:
        if visibility.everything:
            return data
        return without_names(data, nodes=visibility.nodes, device_class=device_class)

    return show


async def _body(request: web.BaseRequest) -> bytes:
    """Return a request's body. Raise an ApiError: malformed 400, beyond the bound 413, compressed 415."""
    for name, plain in (("Content-Encoding", "identity"), ("Transfer-Encoding", "chunked")):
        if request.headers.get(name, "").strip().lower() not in ("", plain):
            raise encoded_body()
    try:
        return await request_body.read(request)
    except MalformedBodyError:
        raise unparsable("its body is not chunked") from None
    except BodyTooLargeError:
        raise too_large(MAX_BODY_BYTES) from None
