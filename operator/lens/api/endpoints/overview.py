"""How each cluster is, the local one and the peers', in figures that can be added up."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple

import msgspec
from aiohttp import web

from lens.api import schemas
from lens.api.access.auth import Caller
from lens.api.endpoints.peers import PeerAnswers
from lens.api.endpoints.status import status
from lens.api.errors import ApiError
from lens.api.parameters import StatusParameters
from lens.model.cluster_state import ClusterState, StateView

PATIENCE_SECONDS = 1.0
"""How long the peers are waited for; what comes later is there for the next one who asks."""

STATUS_PATH = "/api/v1/realtime/status"

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""Of what a peer tells no more than what all readers of JSON read exactly."""

Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e10)]


class Usage(msgspec.Struct, frozen=True):
    """A status' ``current_gpu_usage``."""

    total_gpus: Count
    allocated_gpus: Count
    utilized_gpus: Count
    utilization_rate: Percent


class Available(msgspec.Struct, frozen=True):
    """A status' ``available_resources``."""

    available_gpus: Count
    available_nodes: Count
    max_contiguous_gpu: Count


class Freshness(msgspec.Struct, frozen=True):
    """What counts of a status' ``freshness``."""

    age_seconds: Seconds


class Telemetry(msgspec.Struct, frozen=True):
    """What counts of a status' ``telemetry``."""

    coverage: Annotated[float, msgspec.Meta(ge=0, le=1)]


class Figures(msgspec.Struct, frozen=True):
    """What counts of a status."""

    current_gpu_usage: Usage
    running_tasks: Count
    available_resources: Available
    freshness: Freshness
    telemetry: Telemetry | None = None

    @property
    def reporting_gpus(self) -> float:
        """Return how many GPUs tell of their work: all, where that isn't known."""
        share = 1.0 if self.telemetry is None else self.telemetry.coverage
        return share * self.current_gpu_usage.total_gpus


def _own(told: schemas.Status) -> Figures:
    """Return what counts of our own status. What we say ourselves is no stranger's, and taken as it is."""
    usage, free = told["current_gpu_usage"], told["available_resources"]
    return Figures(
        Usage(
            usage["total_gpus"], usage["allocated_gpus"], usage["utilized_gpus"], usage["utilization_rate"]
        ),
        told["running_tasks"],
        Available(free["available_gpus"], free["available_nodes"], free["max_contiguous_gpu"]),
        Freshness(told["freshness"]["age_seconds"]),
        Telemetry(told["telemetry"]["coverage"]),
    )


class _Body(msgspec.Struct):
    data: Figures


class Standing(NamedTuple):
    """A cluster and how it is, its age in seconds; without figures while it is syncing or unreachable."""

    name: str
    local: bool
    status: Literal["ok", "stale", "syncing", "unreachable"]
    age: float | None = None
    figures: Figures | None = None
    reason: Literal["TIMEOUT", "FORBIDDEN", "FAILED"] | None = None


class Overview:
    """Looks at all clusters."""

    def __init__(
        self, name: str, state: ClusterState, peers: PeerAnswers, clock: Callable[[], float], max_age: float
    ) -> None:
        """Take the local cluster and the others; past ``max_age`` seconds figures are stale."""
        self._name = name
        self._state = state
        self._peers = peers
        self._clock = clock
        self._max_age = max_age
        self._asking: set[asyncio.Task[Standing]] = set()

    async def standings(self, request: web.BaseRequest, caller: Caller) -> list[Standing]:
        """Return the local cluster's standing, then the peers', as who asks may see them."""
        asking = {}
        for name in self._peers.names(request.headers):
            task = asking[name] = asyncio.create_task(self._peer(request, caller, name))
            self._asking.add(task)
            task.add_done_callback(self._done)
        if asking:
            await asyncio.wait(asking.values(), timeout=PATIENCE_SECONDS)
        return [
            self._local(self._state.current),
            *(
                task.result() if task.done() else Standing(name, False, "unreachable", reason="TIMEOUT")
                for name, task in asking.items()
            ),
        ]

    def _local(self, current: StateView) -> Standing:
        if not current.synced:
            return Standing(self._name, True, "syncing")
        now = self._clock()
        told = status(current, StatusParameters(cluster=self._name), now)
        return self._standing(self._name, _own(told), current.age(now), local=True)

    async def _peer(self, request: web.BaseRequest, caller: Caller, name: str) -> Standing:
        try:
            answer = await self._peers.answer(request, caller, name, STATUS_PATH, [("cluster", name)])
            figures = msgspec.json.decode(answer.body, type=_Body).data
        except ApiError as error:
            if error.status == 503:
                return Standing(name, False, "syncing")
            reason: Literal["TIMEOUT", "FORBIDDEN", "FAILED"] = "FAILED"
            if error.status == 504:
                reason = "TIMEOUT"
            elif error.status in (401, 403):
                reason = "FORBIDDEN"
            return Standing(name, False, "unreachable", reason=reason)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return Standing(name, False, "unreachable", reason="FAILED")
        age = figures.freshness.age_seconds + max(0.0, self._clock() - answer.made_at)
        return self._standing(name, figures, age, local=False)

    def _standing(self, name: str, figures: Figures, age: float, *, local: bool) -> Standing:
        return Standing(name, local, "stale" if age > self._max_age else "ok", age, figures)

    def _done(self, task: "asyncio.Task[Standing]") -> None:
        """Let go of a task, and look at its outcome: nobody may wait for it any more."""
        self._asking.discard(task)
        if not task.cancelled():
            task.exception()
