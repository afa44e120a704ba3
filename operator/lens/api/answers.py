"""From a view of the notice to an answer: a kept one while it is good, else one of what is known now."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web

from lens.api import envelope
from lens.api.auth import Caller
from lens.api.cache import ResponseCache, wanted_age
from lens.api.clusters import cluster
from lens.api.errors import not_found, unavailable
from lens.api.parameters import ClusterParameters, Parameters
from lens.api.schemas import Clusters
from lens.model.board import Board, Notice

P = TypeVar("P", bound=Parameters)
C = TypeVar("C", bound=ClusterParameters)

Handler = Callable[[web.BaseRequest, P, Caller], Awaitable[web.StreamResponse]]
"""Answers a request whose parameters were read and whose caller is known."""

View = Callable[[Notice, C, float], object]
"""Makes an answer's data of a notice, the parameters and the present epoch second."""


class Answers:
    """The endpoints that tell of clusters."""

    def __init__(
        self, name: str, board: Board, cache: ResponseCache, clock: Callable[[], float], max_age: float
    ) -> None:
        """Take the cluster's name and where its notices hang; past ``max_age`` seconds they are stale."""
        self._name = name
        self._board = board
        self._cache = cache
        self._clock = clock
        self._max_age = max_age

    def of(self, view: View[C]) -> Handler[C]:
        """Return the handler that answers with ``view``. It raises an ApiError for what can't be answered."""

        async def handler(request: web.BaseRequest, asked: C, caller: Caller) -> web.StreamResponse:
            if asked.cluster != self._name:
                raise not_found("Cluster")
            notice = self._board.notice
            if not notice.synced:
                raise unavailable("Not synced yet")
            now = self._clock()
            key = (view, asked, caller.view)
            answer = self._cache.find(key, now, wanted_age(request.headers))
            if answer is None:
                answer = self._cache.keep(key, envelope.encode(view(notice, asked, now)), now)
            return answer.response(request.headers, now)

        return handler

    async def clusters(
        self, _request: web.BaseRequest, _asked: Parameters, _caller: Caller
    ) -> web.StreamResponse:
        """Say which clusters there are, also while they can't be asked for yet."""
        entry = cluster(self._name, self._board.notice, self._clock(), self._max_age)
        return envelope.uncached(Clusters(clusters=[entry]))
