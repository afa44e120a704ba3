"""A server at one address: accepts, maintains, drains and closes connections."""

import asyncio
import logging
import socket
from collections import Counter
from functools import partial
from typing import Any

from lens.bounds import CLIENT_TIMEOUT_SECONDS, Bounds
from lens.concurrency.supervisor import CountFailures, Supervisor, uncounted
from lens.files.server_certificate import ServerCertificate
from lens.http.acceptor import Acceptor
from lens.http.application import Application
from lens.http.listener import Listener
from lens.http.refusal_counts import RefusalCounts

BACKLOG = 1024

_MAINTENANCE_SECONDS = 1.0
_POLL_SECONDS = 0.02
_LOG_SECONDS = 60.0

_log = logging.getLogger("lens.http")


class Site:
    """Serves an application within bounds, on one event loop."""

    def __init__(
        self,
        application: Application,
        bounds: Bounds,
        refusals: RefusalCounts,
        certificate: ServerCertificate | None = None,
        *,
        grace_seconds: float = 10.0,
        client_timeout_seconds: float = CLIENT_TIMEOUT_SECONDS,
        drain_seconds: float = 0.0,
        count_failures: CountFailures = uncounted,
        **options: Any,
    ) -> None:
        """``options`` are aiohttp's; ``count_failures`` counts failures of the job ``connections``.

        A client has ``client_timeout_seconds`` to send a request, and may read nothing of a response for
        three times that. On shutdown, kept connections stay open for ``drain_seconds`` and one more request,
        and those accepted last for as long again; running requests then have ``grace_seconds``.
        """
        self._application = application
        self._bounds = bounds if certificate is None else bounds.over_tls()
        self._refusals = refusals
        self._certificate = certificate
        self._grace_seconds = grace_seconds
        self._client_timeout_seconds = client_timeout_seconds
        self._drain_seconds = drain_seconds
        self._count_failures = count_failures
        self._options = options
        self._listener: Listener | None = None
        self._acceptor: Acceptor | None = None
        self._supervisor: Supervisor | None = None

    @property
    def connections(self) -> int:
        """Return the number of open connections."""
        return 0 if self._listener is None else len(self._listener.table.open)

    def start(self, listening: socket.socket) -> None:
        """Serve the clients of a listening socket."""
        self._listener = Listener(
            self._application,
            self._bounds.within_open_files(),
            self._refusals,
            self._client_timeout_seconds,
            **self._options,
        )
        tls = None if self._certificate is None else self._certificate.context
        self._acceptor = Acceptor(self._listener, listening, tls)
        self._acceptor.start()
        self._supervisor = Supervisor(self._count_failures)
        self._supervisor.start("connections", partial(self._maintain, self._listener))

    async def stop(self) -> None:
        """Drain connections, close the listening socket, let running requests finish, close all connections.

        The application has to add ``Connection: close`` to each response by now.
        """
        listener, acceptor = self._listener, self._acceptor
        self._listener = None
        if listener is None or acceptor is None:
            return
        await self._drain(listener)
        await acceptor.close()
        await self._drain(listener)
        listener.table.requests.start_all()
        # aiohttp would close a connection whose request no task has started on.
        await asyncio.sleep(0)
        listener.pre_shutdown()
        # aiohttp waits this long for a running request, and once more after it has cancelled it.
        await listener.shutdown(self._grace_seconds / 2)
        if self._supervisor is not None:
            await self._supervisor.stop()

    async def _drain(self, listener: Listener) -> None:
        """Wait until no connection is open, for at most ``drain_seconds``."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._drain_seconds
        while clock() < until:
            if not listener.table.open:
                break
            await asyncio.sleep(_POLL_SECONDS)

    async def _maintain(self, listener: Listener) -> None:
        logged_at, logged = float("-inf"), Counter(self._refusals)
        while True:
            await asyncio.sleep(_MAINTENANCE_SECONDS)
            listener.enforce_bounds()
            now = asyncio.get_running_loop().time()
            if self._refusals != logged and now - logged_at > _LOG_SECONDS:
                _log.warning(
                    "beyond the bounds of the server", extra={"refused": dict(self._refusals - logged)}
                )
                logged_at, logged = now, Counter(self._refusals)
            if self._certificate is not None:
                self._certificate.reload_if_changed()
