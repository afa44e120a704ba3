"""The server: listens, drains, stops."""

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable

from aiohttp import web

from lens.api.answers import Answers
from lens.api.auth import Anybody, Authenticator
from lens.api.cache import ResponseCache
from lens.api.connection import Listener
from lens.api.dispatch import MAX_FIELD_BYTES, MAX_FIELDS, MAX_LINE_BYTES, Dispatcher
from lens.api.exchange import AccessLog, RequestIds
from lens.api.exposition import Exposition
from lens.api.probes import Probes
from lens.api.routes import table
from lens.api.tokens import StaticTokens
from lens.config import ServeSettings
from lens.metrics import Metrics
from lens.model.board import Board

# Longer than the 60 s after which common proxies let go of an idle connection, so that it is they who do.
_KEEP_ALIVE_SECONDS = 75.0
_LINGER_SECONDS = 2.0
_BACKLOG = 1024


class ListenError(OSError):
    """The address can't be listened on; the message is one line that names the setting and the reason."""

    def __str__(self) -> str:
        """Return the line, without the number that OSError puts before it."""
        return self.strerror or ""


class Server:
    """Serve the API of one board. Made and run on one event loop."""

    def __init__(
        self,
        settings: ServeSettings,
        board: Board,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
        *,
        grace_seconds: float = 10.0,
    ) -> None:
        """Take what to serve. ``grace_seconds`` is what running requests get to finish in.

        Raise SettingsError when the tokens file can't be used.
        """
        self._settings = settings
        self._grace_seconds = grace_seconds
        self._access_log = AccessLog(metrics, logging.getLogger("lens.access"))
        epoch = secrets.token_hex(4)
        self._probes = Probes(board, settings.ready_max_age_seconds, clock)
        cache = ResponseCache(settings.cache_seconds, epoch)
        self._dispatcher = Dispatcher(
            table(
                Answers(settings.cluster, board, cache, clock, settings.ready_max_age_seconds),
                self._probes,
                Exposition(metrics.registry, board, clock),
                metrics_open=settings.metrics_open,
            ),
            _authenticator(settings, clock),
            self._probes,
            RequestIds(epoch),
        )
        self._runner: web.ServerRunner | None = None
        self._port = settings.listen.port

    @property
    def port(self) -> int:
        """Return the port; once started, the one that the system picked for 0."""
        return self._port

    @property
    def address(self) -> str:
        """Return ``host:port``, an IPv6 host in brackets."""
        return f"{self._settings.listen.rpartition(':')[0]}:{self._port}"

    @property
    def url(self) -> str:
        """Return where it is reached, without a slash at the end."""
        return f"http://{self.address}"

    async def start(self) -> None:
        """Listen. Raise ListenError."""
        listening = self._listen()
        self._port = listening.getsockname()[1]
        listener = Listener(
            self._dispatcher,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            lingering_time=_LINGER_SECONDS,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_FIELD_BYTES,
            max_headers=MAX_FIELDS,
            auto_decompress=False,
            access_log=self._access_log.logger,
            access_log_class=lambda *_: self._access_log,
        )
        # aiohttp waits this long for a request, and once more after it has told it to stop.
        self._runner = web.ServerRunner(listener, shutdown_timeout=self._grace_seconds / 2)
        await self._runner.setup()
        await web.SockSite(self._runner, listening, backlog=_BACKLOG).start()

    def drain(self) -> None:
        """Say on ``/readyz`` that no requests should come any more, and answer those that do."""
        self._probes.draining = True

    async def stop(self) -> None:
        """Drain, accept nothing more, let running requests finish in time, close all connections."""
        self.drain()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            self._access_log.flush()

    def _listen(self) -> socket.socket:
        listen = self._settings.listen
        ipv6 = ":" in listen.host
        try:
            return socket.create_server(
                (listen.host, listen.port),
                family=socket.AF_INET6 if ipv6 else socket.AF_INET,
                backlog=_BACKLOG,
                dualstack_ipv6=listen.host == "::" and socket.has_dualstack_ipv6(),
            )
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise ListenError(error.errno, f"LENS_LISTEN: can't listen on {listen}: {reason}") from error


def _authenticator(settings: ServeSettings, clock: Callable[[], float]) -> Authenticator:
    if settings.auth == "static":
        assert settings.tokens_file is not None, "the settings ask for one"
        return StaticTokens(settings.tokens_file, clock)
    return Anybody()
