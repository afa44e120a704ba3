"""Whether to send requests here, and whether the process is well."""

from collections.abc import Callable

from aiohttp import web

from lens.api import envelope, schemas
from lens.api.access.auth import Caller
from lens.api.errors import unavailable
from lens.api.parameters import Parameters
from lens.model.cluster_state import Board


class Probes:
    """``/healthz`` and ``/readyz``."""

    def __init__(self, board: Board, max_age: float, clock: Callable[[], float]) -> None:
        """Take what to judge by. ``max_age`` is in seconds."""
        self._board = board
        self._max_age = max_age
        self._clock = clock
        self.draining = False

    async def healthz(self, _request: web.BaseRequest, _asked: Parameters, _caller: Caller) -> web.Response:
        """Say that the process answers."""
        return envelope.uncached(schemas.Health(status="ok"))

    async def readyz(self, _request: web.BaseRequest, _asked: Parameters, _caller: Caller) -> web.Response:
        """Say that answers are worth having. Raise an ApiError with the reason why not."""
        notice = self._board.notice
        if self.draining:
            raise unavailable("Not ready: draining")
        if not notice.synced:
            raise unavailable("Not ready: not synced yet")
        age = notice.age(self._clock())
        if age > self._max_age:
            raise unavailable(
                f"Not ready: the data is {age:.0f} s old, over the limit of {self._max_age:g} s"
            )
        return envelope.uncached(schemas.Health(status="ok"))
