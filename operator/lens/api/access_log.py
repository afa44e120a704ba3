"""The access log and the metrics of each response."""

import asyncio
import logging
from functools import cache
from time import time as now

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from lens.api.request_context import REQUEST_CONTEXT, UNPARSED_ROUTE
from lens.metrics import Metrics

_MAX_PATH = 256
_FLUSH_SECONDS = 0.05
_FLUSH_LINES = 64


class AccessLog(AbstractAccessLogger):
    """Log and measure each response. The query and the headers, which may hold secrets, are never logged.

    Lines are written in batches, a moment later: one by one between requests they would cost about as much
    CPU as the responses do.
    """

    def __init__(self, metrics: Metrics, logger: logging.Logger) -> None:
        """Take the metrics and the logger."""
        super().__init__(logger, log_format="")
        self._requests = cache(metrics.http_requests.labels)
        self._seconds = cache(metrics.http_seconds.labels)
        self._lines: list[dict[str, object]] = []

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Log a response that took ``time`` seconds."""
        context = request[REQUEST_CONTEXT]
        self._requests(context.route, response.status).inc()
        self._seconds(context.route).observe(time)
        if not self.logger.isEnabledFor(context.level):
            return
        parsed = context.route != UNPARSED_ROUTE
        line = {
            "name": self.logger.name,
            "levelno": context.level,
            "levelname": logging.getLevelName(context.level),
            "created": now(),
            "msg": "request",
            "request_id": context.request_id,
            "method": request.method if parsed else None,
            "path": request.path[:_MAX_PATH] if parsed else None,
            "route": context.route,
            "status": response.status,
            "milliseconds": round(time * 1000, 3),
            "bytes": response.body_length,
            "caller": context.caller,
            "remote": request.remote,
        }
        self._lines.append(line)
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)
        elif len(self._lines) >= _FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write the lines of the current batch."""
        lines, self._lines = self._lines, []
        for line in lines:
            self.logger.handle(logging.makeLogRecord(line))
