"""What is noted of a request on its way, and the log and metrics that come of it."""

import asyncio
import logging
import re
from dataclasses import dataclass
from functools import cache
from itertools import count
from time import time as now

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from lens.api.access.limits import Standing
from lens.metrics import Metrics

_MAX_PATH = 256
_SERVER = "lens"
_FLUSH_SECONDS = 0.05
_FLUSH_LINES = 64
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

UNKNOWN_ROUTE = "unknown"
UNPARSED_ROUTE = "unparsed"


@dataclass(slots=True)
class Exchange:
    """One request and its answer. ``route`` is the table's path, so of few values."""

    request_id: str
    route: str = UNKNOWN_ROUTE
    level: int = logging.INFO
    caller: str | None = None
    standing: Standing | None = None

    def headers(self) -> dict[str, str]:
        """Return the fields that every answer has."""
        fields = {
            "X-Request-Id": self.request_id,
            "Server": _SERVER,
            "X-Content-Type-Options": "nosniff",
        }
        if self.standing is not None:
            fields["RateLimit"], fields["RateLimit-Policy"] = self.standing.fields
        return fields


EXCHANGE = web.RequestKey("exchange", Exchange)


class RequestIds:
    """Ids of requests: the caller's own where it is sane, else a number of this process's."""

    def __init__(self, epoch: str) -> None:
        """Take what tells this process's numbers from any other's."""
        self._epoch = epoch
        self._numbers = count(1)

    def of(self, given: str | None) -> str:
        """Return the id for a request that came with the id ``given``."""
        if given is not None and _SANE_ID.fullmatch(given):
            return given
        return f"{self._epoch}-{next(self._numbers):x}"


class AccessLog(AbstractAccessLogger):
    """Log and measure each answer: never the query, which may hold what nobody should read, nor headers.

    Lines are written some at a time and a moment later: written one by one between requests they cost
    about as much as the answers do.
    """

    def __init__(self, metrics: Metrics, logger: logging.Logger) -> None:
        """Take the instruments and where to log."""
        super().__init__(logger, log_format="")
        self._requests = cache(metrics.http_requests.labels)
        self._seconds = cache(metrics.http_seconds.labels)
        self._lines: list[dict[str, object]] = []

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Take an answer that was written within ``time`` seconds."""
        exchange = request[EXCHANGE]
        self._requests(exchange.route, response.status).inc()
        self._seconds(exchange.route).observe(time)
        if not self.logger.isEnabledFor(exchange.level):
            return
        parsed = exchange.route != UNPARSED_ROUTE
        line = {
            "name": self.logger.name,
            "levelno": exchange.level,
            "levelname": logging.getLevelName(exchange.level),
            "created": now(),
            "msg": "request",
            "request_id": exchange.request_id,
            "method": request.method if parsed else None,
            "path": request.path[:_MAX_PATH] if parsed else None,
            "route": exchange.route,
            "status": response.status,
            "milliseconds": round(time * 1000, 3),
            "bytes": response.body_length,
            "caller": exchange.caller,
            "remote": request.remote,
        }
        self._lines.append(line)
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)
        elif len(self._lines) >= _FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write the lines that wait."""
        lines, self._lines = self._lines, []
        for line in lines:
            self.logger.handle(logging.makeLogRecord(line))
