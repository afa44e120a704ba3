"""A server at one address: accepts, tends, parts, ends."""

import asyncio
import logging
import socket
from collections import Counter
from functools import partial
from typing import Any

from lens.bounds import PATIENCE_SECONDS, Bounds
from lens.http.acceptor import Acceptor
from lens.http.connection import Answerer
from lens.http.listener import Listener
from lens.http.refusals import Refusals
from lens.server_certificate import ServerCertificate
from lens.supervisor import CountFailures, Supervisor, uncounted

BACKLOG = 1024

_TEND_SECONDS = 1.0
_LOOK_SECONDS = 0.02
_TELL_SECONDS = 60.0

_log = logging.getLogger("lens.http")


class Site:
    """Serve an Answerer within bounds. Made and run on one event loop."""

    def __init__(
        self,
        answerer: Answerer,
        bounds: Bounds,
        refusals: Refusals,
        certificate: ServerCertificate | None = None,
        *,
        grace_seconds: float = 10.0,
        patience_seconds: float = PATIENCE_SECONDS,
        parting_seconds: float = 0.0,
        count_failures: CountFailures = uncounted,
        **options: Any,
    ) -> None:
        """Take who answers, what may be taken, where refusals are counted, and aiohttp's own options.

        ``grace_seconds`` is what running requests get to finish in, ``patience_seconds`` how long a client
        may take to send a request; three times that it may take nothing of an answer. For
        ``parting_seconds`` connections that are kept stay open for one more request, and as long again
        those that were accepted last. ``count_failures`` counts the job ``connections``.
        """
        self._answerer = answerer
        self._bounds = bounds if certificate is None else bounds.over_tls()
        self._refusals = refusals
        self._certificate = certificate
        self._grace_seconds = grace_seconds
        self._patience_seconds = patience_seconds
        self._parting_seconds = parting_seconds
        self._count_failures = count_failures
        self._options = options
        self._listener: Listener | None = None
        self._acceptor: Acceptor | None = None
        self._supervisor: Supervisor | None = None

    @property
    def connections(self) -> int:
        """Return how many are open."""
        return 0 if self._listener is None else len(self._listener.crowd.connected)

    def start(self, listening: socket.socket) -> None:
        """Serve whoever connects to a socket that listens."""
        self._listener = Listener(
            self._answerer,
            self._bounds.within_open_files(),
            self._refusals,
            self._patience_seconds,
            **self._options,
        )
        tls = None if self._certificate is None else self._certificate.context
        self._acceptor = Acceptor(self._listener, listening, tls)
        self._acceptor.start()
        self._supervisor = Supervisor(self._count_failures)
        self._supervisor.start("connections", partial(self._tend, self._listener))

    async def stop(self) -> None:
        """Part from who is connected, listen no more, let running requests finish, close all connections.

        Whoever answers says by now, with each answer, that it's the last.
        """
        listener, acceptor = self._listener, self._acceptor
        self._listener = None
        if listener is None or acceptor is None:
            return
        await self._part(listener)
        await acceptor.close()
        await self._part(listener)
        listener.crowd.requests.start_all()
        # aiohttp closes a connection whose request no task has taken yet.
        await asyncio.sleep(0)
        listener.pre_shutdown()
        # aiohttp waits this long for a request, and once more after it has told it to stop.
        await listener.shutdown(self._grace_seconds / 2)
        if self._supervisor is not None:
            await self._supervisor.stop()

    async def _part(self, listener: Listener) -> None:
        """Wait until nobody is connected any more, for a time."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._parting_seconds
        while clock() < until:
            if not listener.crowd.connected:
                break
            await asyncio.sleep(_LOOK_SECONDS)

    async def _tend(self, listener: Listener) -> None:
        told_at, told = float("-inf"), Counter(self._refusals)
        while True:
            await asyncio.sleep(_TEND_SECONDS)
            listener.tend()
            now = asyncio.get_running_loop().time()
            if self._refusals != told and now - told_at > _TELL_SECONDS:
                _log.warning(
                    "beyond the bounds of the server", extra={"refused": dict(self._refusals - told)}
                )
                told_at, told = now, Counter(self._refusals)
            if self._certificate is not None:
                self._certificate.reload_if_changed()
