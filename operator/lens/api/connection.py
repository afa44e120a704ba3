"""aiohttp's connections, with this API's words where aiohttp has its own."""

import asyncio
from typing import Any

from aiohttp import web

from lens.api.dispatch import Dispatcher


class Connection(web.RequestHandler):
    """A connection whose requests are answered by a Dispatcher, also those that can't be parsed."""

    def __init__(self, listener: "Listener", dispatcher: Dispatcher, **options: Any) -> None:
        """Take who answers; the rest is aiohttp's."""
        super().__init__(listener, **options)
        self._dispatcher = dispatcher

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer in the envelope what the parser refused; a Dispatcher lets no other error out."""
        return self._dispatcher.refuse(request, exc)


class Listener(web.Server):
    """Make a Connection for each client."""

    def __init__(self, dispatcher: Dispatcher, **options: Any) -> None:
        """Take who answers, and the options of aiohttp's request handler."""
        super().__init__(dispatcher)
        self._dispatcher = dispatcher
        self._options = options

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return Connection(self, self._dispatcher, loop=asyncio.get_running_loop(), **self._options)
