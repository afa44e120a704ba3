"""Finds out whether the apiserver responds while its watches are quiet.

A watch on which nothing happens is silent, and so is one whose apiserver has gone. So the apiserver is asked
for its version once a second while nothing else comes from it. An answer, on whatever connection, shows that
a watch whose own connection stands has brought all that there was. One that was just opened may be cut before
it has: it shows nothing for a moment.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

import aiohttp

from lens.concurrency.supervisor import CountFailures, contained
from lens.kube.watch.reflector import Reflector
from lens.kube.watch.transport import PROBED, Transport

PROBE_SECONDS = 1.0
TIMEOUT_SECONDS = 5.0
MAX_BODY_BYTES = 64 * 1024
JOB = "probe"


class Liveness:
    """Signs of life of one apiserver. To be used in the loop of its watches."""

    def __init__(self, reflectors: Iterable[Reflector[Any, Any]], clock: Callable[[], float]) -> None:
        """Take the reflectors whose lists and watches are signs of life too."""
        self._reflectors = tuple(reflectors)
        self._clock = clock
        self._answered_at = 0.0

    @property
    def answered_at(self) -> float:
        """Return the epoch second of the last sign of life; 0.0 for none."""
        now = self._clock()
        signs = (self._answered_at, *(reflector.contact or 0.0 for reflector in self._reflectors))
        # A later time is from before the clock was set back.
        return max((sign for sign in signs if sign <= now), default=0.0)

    def confirmed_at(self) -> Mapping[str, float | None]:
        """Return by resource the epoch second up to which its watch is complete; None for never."""
        now, answered_at = self._clock(), self.answered_at
        return {each.resource: _confirmed_at(each, answered_at, now) for each in self._reflectors}

    async def probe(
        self, transport: Transport, on_answer: Callable[[], object], count_failures: CountFailures
    ) -> None:
        """Send requests while the watches are quiet, until cancelled."""
        count_failures(JOB, 0)
        async with contextlib.AsyncExitStack() as stack:
            session: aiohttp.ClientSession | None = None
            while True:
                await asyncio.sleep(PROBE_SECONDS)
                if not self._is_quiet():
                    continue
                with contained(JOB, count_failures):
                    # Its session is closed when the configuration names another server.
                    if session is None or session.closed:
                        session = await stack.enter_async_context(transport.session())
                    if await self._ask(session, transport.url(PROBED)):
                        on_answer()

    def _is_quiet(self) -> bool:
        return (
            any(reflector.is_watching for reflector in self._reflectors)
            and self._clock() - self.answered_at >= PROBE_SECONDS / 2
        )

    async def _ask(self, session: aiohttp.ClientSession, url: str) -> bool:
        """Return whether the apiserver has answered; a refusal is an answer."""
        began, started = self._clock(), time.monotonic()
        # The session's middleware raises RuntimeError where it has closed the session.
        with contextlib.suppress(aiohttp.ClientError, OSError, RuntimeError):
            async with asyncio.timeout(TIMEOUT_SECONDS), session.get(url, allow_redirects=False) as response:
                if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or not await _is_whole(response):
                    return False
                # If the clock was set back meanwhile, it would seem younger than it is.
                self._answered_at = min(began, self._clock() - (time.monotonic() - started))
                return True
        return False


def _confirmed_at(reflector: Reflector[Any, Any], answered_at: float, now: float) -> float | None:
    if reflector.known_at is None:
        return None
    # A later time is from before the clock was set back.
    known_at = reflector.known_at if reflector.known_at <= now else 0.0
    return max(answered_at, known_at) if reflector.is_settled else known_at


async def _is_whole(response: aiohttp.ClientResponse) -> bool:
    """Read a body to its end; return whether it had one within the bound."""
    left = MAX_BODY_BYTES
    async for chunk in response.content.iter_any():
        left -= len(chunk)
        if left < 0:
            response.close()
            return False
    return True
