"""The state of one request on its way through the server, and the ids of requests."""

import asyncio
import logging
import re
from dataclasses import dataclass
from itertools import count

from aiohttp import web

from lens.api.rate_limit import RateLimitState

_SERVER = "lens"
_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

UNKNOWN_ROUTE = "unknown"
UNPARSED_ROUTE = "unparsed"


@dataclass(slots=True)
class RequestContext:
    """One request's id, route, caller and rate limit. ``route`` is the route table's path: few values.

    ``arrived_at`` is the event loop's time at which the request's head had arrived.
    """

    request_id: str
    arrived_at: float
    route: str = UNKNOWN_ROUTE
    level: int = logging.INFO
    caller: str | None = None
    rate_limit: RateLimitState | None = None

    def waited(self) -> float:
        """Return the seconds since the request arrived."""
        return max(0.0, asyncio.get_running_loop().time() - self.arrived_at)

    def headers(self) -> dict[str, str]:
        """Return the header fields of every response."""
        fields = {
            "X-Request-Id": self.request_id,
            "Server": _SERVER,
            "X-Content-Type-Options": "nosniff",
        }
        if self.rate_limit is not None:
            fields["RateLimit"], fields["RateLimit-Policy"] = self.rate_limit.header_values
        return fields


REQUEST_CONTEXT = web.RequestKey("request_context", RequestContext)


class RequestIds:
    """Request ids: the client's own if it is valid, else a number of this process."""

    def __init__(self, epoch: str) -> None:
        """Take the prefix that distinguishes this process' numbers from any other's."""
        self._epoch = epoch
        self._numbers = count(1)

    def assign(self, given: str | None) -> str:
        """Return the id of a request that came with the id ``given``."""
        if given is not None and _VALID_ID.fullmatch(given):
            return given
        return f"{self._epoch}-{next(self._numbers):x}"
