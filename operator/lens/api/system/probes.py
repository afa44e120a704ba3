"""The probes: liveness and readiness."""

from collections.abc import Callable

from aiohttp import web

from lens.api import envelope
from lens.api.access.auth import Caller
from lens.api.errors import outdated, unavailable
from lens.api.parameters.base import Parameters
from lens.api.schemas.envelope import Health
from lens.model.cluster_state import ClusterState

FIRST_ROUND_SECONDS = 30.0
"""How long Lens isn't ready while the first round over all agents or exporters isn't in."""


class Probes:
    """``/healthz`` and ``/readyz``."""

    def __init__(self, state: ClusterState, max_age: float, clock: Callable[[], float]) -> None:
        """Take the state, and the age in seconds beyond which Lens isn't ready."""
        self._state = state
        self._max_age = max_age
        self._clock = clock
        self._synced_at: float | None = None
        self.draining = False

    async def healthz(self, _request: web.BaseRequest, _params: Parameters, _caller: Caller) -> web.Response:
        """Respond that the process is alive."""
        return envelope.uncached(Health(status="ok"))

    async def readyz(self, _request: web.BaseRequest, _params: Parameters, _caller: Caller) -> web.Response:
        """Respond that Lens is ready. Raise an ApiError with the reason if not."""
        current = self._state.current
        if self.draining:
            raise unavailable("Not ready: draining")
        if not current.synced:
            raise outdated("Not ready: not synced yet", current)
        now = self._clock()
        if self._synced_at is None:
            self._synced_at = now
        if not current.telemetry.complete and 0 <= now - self._synced_at < FIRST_ROUND_SECONDS:
            raise unavailable("Not ready: not all agents or exporters have been read yet")
        age = current.age(now)
        if age > self._max_age:
            raise outdated(
                f"Not ready: the data is {age:.0f} s old, over the limit of {self._max_age:g} s", current
            )
        return envelope.uncached(Health(status="ok"))
