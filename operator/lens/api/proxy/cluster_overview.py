"""The status of every cluster, local and peers', with figures that can be added up."""

import asyncio
from collections.abc import Callable
from typing import Literal

import msgspec
from aiohttp import web

from lens.api.access.auth import Caller
from lens.api.cache.epochs import Epochs
from lens.api.endpoints.clusters import ClusterStatus, Figures
from lens.api.endpoints.status import status
from lens.api.errors import ApiError, PeerBusyError
from lens.api.parameters.status import StatusParameters
from lens.api.proxy.peer_proxy import PeerProxy
from lens.api.request_context import REQUEST_CONTEXT
from lens.http.cache_control import max_age_of_request

TIMEOUT_SECONDS = 1.0
"""How long a request waits for the peers; a later response is cached for the next request."""

STATUS_PATH = "/api/v1/realtime/status"


class _PeerStatus(msgspec.Struct):
    data: Figures


class ClusterOverview:
    """Collects the status of all clusters."""

    def __init__(
        self, name: str, epochs: Epochs, proxy: PeerProxy, clock: Callable[[], float], stale_after: float
    ) -> None:
        """Take the local cluster and the peers; figures older than ``stale_after`` seconds are stale."""
        self._name = name
        self._epochs = epochs
        self._proxy = proxy
        self._clock = clock
        self._stale_after = stale_after
        self._pending: set[asyncio.Task[ClusterStatus]] = set()

    async def statuses(self, request: web.BaseRequest, caller: Caller) -> list[ClusterStatus]:
        """Return the status of the local cluster, then of the peers, with what the caller may see."""
        tasks = {}
        for name in self._proxy.clusters(request.headers):
            task = tasks[name] = asyncio.create_task(self._peer(request, caller, name))
            self._pending.add(task)
            task.add_done_callback(self._finished)
        if tasks:
            await asyncio.wait(tasks.values(), timeout=TIMEOUT_SECONDS)
        return [
            self._local(request, caller),
            *(
                task.result() if task.done() else ClusterStatus(name, False, "unreachable", reason="TIMEOUT")
                for name, task in tasks.items()
            ),
        ]

    def _local(self, request: web.BaseRequest, caller: Caller) -> ClusterStatus:
        now, context = self._clock(), request[REQUEST_CONTEXT]
        asker, limit = (caller.name, request.remote), max_age_of_request(request.headers)
        try:
            epoch = self._epochs.get(asker, context.route.encode(), limit, now, context.waited())
        except ApiError:
            return ClusterStatus(self._name, True, "syncing")
        figures = msgspec.convert(status(epoch.view, StatusParameters(cluster=self._name), now), type=Figures)
        return self._status(self._name, figures, epoch.latest.age(now), local=True)

    async def _peer(self, request: web.BaseRequest, caller: Caller, name: str) -> ClusterStatus:
        try:
            response = await self._proxy.get(request, caller, name, STATUS_PATH, [("cluster", name)])
            figures = msgspec.json.decode(response.pieces[0], type=_PeerStatus).data
        except ApiError as error:
            if error.status == 503 and not isinstance(error, PeerBusyError):
                return ClusterStatus(name, False, "syncing")
            reason: Literal["TIMEOUT", "FORBIDDEN", "FAILED"] = "FAILED"
            if error.status == 504:
                reason = "TIMEOUT"
            elif error.status in (401, 403):
                reason = "FORBIDDEN"
            return ClusterStatus(name, False, "unreachable", reason=reason)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return ClusterStatus(name, False, "unreachable", reason="FAILED")
        age = figures.freshness.age_seconds + max(0.0, self._clock() - response.received_at)
        return self._status(name, figures, age, local=False)

    def _status(self, name: str, figures: Figures, age: float, *, local: bool) -> ClusterStatus:
        return ClusterStatus(name, local, "stale" if age > self._stale_after else "ok", age, figures)

    def _finished(self, task: "asyncio.Task[ClusterStatus]") -> None:
        """Drop a task and retrieve its exception: its request may have timed out before."""
        self._pending.discard(task)
        if not task.cancelled():
            task.exception()
