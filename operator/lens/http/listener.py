"""Makes connections, and looks after them."""

import asyncio
from typing import Any

from aiohttp import web

from lens.bounds import MAX_FIELD_BYTES, MAX_FIELDS, MAX_LINE_BYTES, Bounds
from lens.http.connection import Answerer, Connection
from lens.http.crowd import Crowd, neighbourhood
from lens.http.refusals import Refusals

# Longer than the 60 s after which common proxies let go of an idle connection, so that it is they who do.
_KEEP_ALIVE_SECONDS = 75.0
_LINGER_SECONDS = 2.0
_READ_BYTES = 4096


class Listener(web.Server):
    """The connections of one server. Who answers one that is lost is cancelled."""

    def __init__(
        self, answerer: Answerer, bounds: Bounds, refusals: Refusals, patience: float, **options: Any
    ) -> None:
        """Take who answers, and the options of aiohttp's request handler."""
        super().__init__(_answer, handler_cancellation=True)
        self.answerer = answerer
        self.refusals = refusals
        self.crowd = Crowd(bounds, refusals)
        self._patience = patience
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
        """Return the protocol of a new connection from ``host``; None where there is no room for it."""
        address = neighbourhood(host)
        if not self.crowd.admits(address):
            self.refusals["full"] += 1
            return None
        made = Connection(self, address, self._patience, loop=asyncio.get_running_loop(), **self._options)
        self.crowd.enter(made)
        return made

    def tend(self) -> None:
        """Hang up on clients that let others wait; to be called once a second or so."""
        self.crowd.tend()


async def _answer(request: web.BaseRequest) -> web.StreamResponse:
    connection = request.protocol
    assert isinstance(connection, Connection)
    return await connection.answer(request)
