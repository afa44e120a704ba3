"""Creates connections and enforces their bounds."""

import asyncio
from typing import Any

from aiohttp import web

from lens.bounds import MAX_FIELD_BYTES, MAX_FIELDS, MAX_LINE_BYTES, Bounds
from lens.http.application import Application
from lens.http.connection import Connection
from lens.http.connection_table import ConnectionTable, client_network
from lens.http.refusal_counts import RefusalCounts

# Longer than common proxies' 60 s idle timeout, so that the proxy closes first.
_KEEP_ALIVE_SECONDS = 75.0
_LINGER_SECONDS = 2.0
_READ_BYTES = 4096


class Listener(web.Server):
    """The connections of one server. When a connection is lost, its handler is cancelled."""

    def __init__(
        self,
        application: Application,
        bounds: Bounds,
        refusals: RefusalCounts,
        timeout: float,
        **options: Any,
    ) -> None:
        """``options`` are those of aiohttp's request handler."""
        super().__init__(_answer, handler_cancellation=True)
        self.application = application
        self.refusals = refusals
        self.table = ConnectionTable(bounds, refusals)
        self._client_timeout = timeout
        self._options = {
            "keepalive_timeout": _KEEP_ALIVE_SECONDS,
            "lingering_time": _LINGER_SECONDS,
            "max_line_size": MAX_LINE_BYTES,
            "max_field_size": MAX_FIELD_BYTES,
            "max_headers": MAX_FIELDS,
            "read_bufsize": _READ_BYTES,
            "auto_decompress": False,
            **options,
        }

    def connection(self, host: str) -> Connection | None:
        """Return the protocol of a new connection from ``host``; None if there is no room for it."""
        address = client_network(host)
        if not self.table.make_room(address):
            self.refusals["full"] += 1
            return None
        made = Connection(
            self, address, self._client_timeout, loop=asyncio.get_running_loop(), **self._options
        )
        self.table.add(made)
        return made

    def enforce_bounds(self) -> None:
        """Cut the connections that exceed a bound; to be called about once a second."""
        self.table.enforce_bounds()


async def _answer(request: web.BaseRequest) -> web.StreamResponse:
    connection = request.protocol
    assert isinstance(connection, Connection)
    return await connection.answer(request)
