"""Whether the apiserver is there while its watches are quiet, and whether they tell all.

A watch on which nothing happens is silent to its end, and so is one whose apiserver has gone. So the
apiserver is asked for its version once a second while nothing else comes from it. An answer, on whatever
connection, shows that a watch whose own connection stands has brought all that there was.

That may be untrue: something between may swallow what a watch tells. So once in each watch the apiserver is
also asked for the newest version in its cache (``silence``), by a list that has no object.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import aiohttp

from lens.concurrency.supervisor import CountFailures, contained
from lens.kube.watch.kopf_settings import WatchedResource
from lens.kube.watch.reflector import Reflector
from lens.kube.watch.transport import FROM_CACHE, PROBED, Transport
from lens.model.inventory.objects.decoding import read_page

PROBE_SECONDS = 1.0
TIMEOUT_SECONDS = 5.0
NEWEST_SECONDS = 0.5
NEWEST_TIMEOUT_SECONDS = 2.0
NEWEST = f"?resourceVersion={FROM_CACHE}&fieldSelector=metadata.name%3Dlens-asks-for-the-newest-version"
"""An apiserver looks up the one object and filters none."""
MAX_BODY_BYTES = 64 * 1024
JOB = "probe"


class Liveness:
    """Signs of life of one apiserver. To be used in the loop of its watches."""

    def __init__(
        self, reflectors: Mapping[WatchedResource, Reflector[Any, Any]], clock: Callable[[], float]
    ) -> None:
        """Take the reflectors whose lists and watches are signs of life too."""
        self._reflectors = dict(reflectors)
        self._clock = clock
        self._answered_at = 0.0

    @property
    def answered_at(self) -> float:
        """Return the epoch second of the last sign of life; 0.0 for none."""
        now = self._clock()
        signs = (self._answered_at, *(each.contact or 0.0 for each in self._reflectors.values()))
        # Those of the future are from before the clock was set back.
        return max((sign for sign in signs if sign <= now), default=0.0)

    def confirmed_at(self, reflector: Reflector[Any, Any]) -> float | None:
        """Return the epoch second up to which all is known that a reflector's watch tells; None for never."""
        if reflector.known_at is not None and reflector.is_settled:
            return max(self.answered_at, reflector.known_at)
        return reflector.known_at

    async def probe(
        self, transport: Transport, on_answer: Callable[[], object], count_failures: CountFailures
    ) -> None:
        """Ask until cancelled."""

        async def for_life(session: aiohttp.ClientSession) -> None:
            if self._is_quiet() and await self._ask(session, transport.url(PROBED)):
                on_answer()

        async def for_versions(session: aiohttp.ClientSession) -> None:
            await asyncio.gather(
                *(
                    _ask_for_newest(session, transport.url(resource.narrow_path) + NEWEST, reflector)
                    for resource, reflector in self._reflectors.items()
                    if reflector.is_watching and reflector.account.is_due
                )
            )

        count_failures(JOB, 0)
        async with asyncio.TaskGroup() as group:
            group.create_task(_repeat(PROBE_SECONDS, for_life, transport, count_failures))
            group.create_task(_repeat(NEWEST_SECONDS, for_versions, transport, count_failures))

    def _is_quiet(self) -> bool:
        return (
            any(reflector.is_watching for reflector in self._reflectors.values())
            and self._clock() - self.answered_at >= PROBE_SECONDS / 2
        )

    async def _ask(self, session: aiohttp.ClientSession, url: str) -> bool:
        """Return whether the apiserver has answered; a refusal is an answer."""
        began, started = self._clock(), time.monotonic()
        status, body = await _get(session, url, TIMEOUT_SECONDS)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or body is None:
            return False
        # By a clock that was set back meanwhile, it would be younger than it is.
        self._answered_at = min(began, self._clock() - (time.monotonic() - started))
        return True


async def _repeat(
    seconds: float,
    ask: Callable[[aiohttp.ClientSession], Awaitable[None]],
    transport: Transport,
    count_failures: CountFailures,
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        session: aiohttp.ClientSession | None = None
        while True:
            await asyncio.sleep(seconds)
            with contained(JOB, count_failures):
                # Its session is closed when the configuration names another server.
                if session is None or session.closed:
                    session = await stack.enter_async_context(transport.session())
                await ask(session)


async def _ask_for_newest(session: aiohttp.ClientSession, url: str, reflector: Reflector[Any, Any]) -> None:
    status, body = await _get(session, url, NEWEST_TIMEOUT_SECONDS)
    if status == HTTPStatus.OK and body is not None:
        # What isn't a list is of something between.
        with contextlib.suppress(ValueError):
            reflector.account.there_is(int(read_page(body).metadata.resource_version))


async def _get(session: aiohttp.ClientSession, url: str, seconds: float) -> tuple[int, bytes | None]:
    """Return a response's status and its body; no body if it has no end in time, or within the bound."""
    # The session's middleware raises RuntimeError where it has closed the session.
    with contextlib.suppress(aiohttp.ClientError, OSError, RuntimeError):
        async with asyncio.timeout(seconds), session.get(url, allow_redirects=False) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    response.close()
                    return response.status, None
            return response.status, bytes(body)
    return 0, None
