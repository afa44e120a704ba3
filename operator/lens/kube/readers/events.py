"""The apiserver's Events of GPU pods and nodes: all listed once, and the warnings watched from then on.

Of a busy cluster's tens of thousands of Events few are of GPUs, and no field selector can tell which. So the
apiserver leaves out what has no use here whatever it regards, and what comes is filtered page by page. A
failure costs Events and nothing else.

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import aiohttp

from lens.changes import Changes
from lens.config import SettingsError
from lens.kube.client.api_client import ApiClient
from lens.kube.client.backoff import Backoff
from lens.kube.client.lines import LineSplitter, LineTooLongError
from lens.kube.client.paging import LARGEST_PAGE, PageSize
from lens.metrics import Metrics
from lens.model.cluster_state import StateView
from lens.model.events.involved_objects import EventFilter
from lens.model.events.kube_events import KubeEvent, read_event, read_event_line
from lens.model.events.transitions import Event
from lens.model.inventory.decoding import read_line, read_marker, read_page

if TYPE_CHECKING:
    from lens.kube.client.kubeconfig import Connection

PATH = "/api/v1/events"

WARNINGS = "type=Warning"
ALL = ",".join(
    f"reason!={reason}"
    for reason in ("Created", "Killing", "Pulled", "Pulling", "SuccessfulCreate", "SuccessfulDelete")
)
"""All but the most frequent reasons of which nothing is told."""

REQUEST_SECONDS = 30.0
WATCH_SECONDS = 600
EASY_SECONDS = 10.0
"""How long a watch lasts, and from when on it was one."""

SILENCE_SECONDS = WATCH_SECONDS + 30.0
RECONSIDER_SECONDS = 1.0

FORBIDDEN_SECONDS = 120.0
FIRST_SECONDS = 1.0
LONGEST_SECONDS = 120.0
"""Until Events are asked for again that are forbidden, or don't come: then each time twice as long."""

_HEADERS = {"Accept": "application/json"}

_log = logging.getLogger("lens.kube.events")


class _StaleError(Exception):
    """A list or a watch can't go on; another list can."""


class _UnreadError(Exception):
    """Events can't be read; ``forbidden`` tells that Lens may not."""

    def __init__(self, problem: str, *, forbidden: bool = False) -> None:
        super().__init__(problem)
        self.forbidden = forbidden


class Events:
    """Reads Events for as long as it runs. To be used in one loop."""

    def __init__(
        self,
        current: Callable[[], StateView],
        changes: Changes,
        tell: Callable[[list[Event]], object],
        connection: "Callable[[], Connection]",
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take where the pods and nodes are and what wakes when they change, and who is told of Events.

        ``connection`` is called in a thread.
        """
        self._current = current
        self._changes = changes
        self._tell = tell
        self._client = ApiClient(connection, LARGEST_PAGE)
        self._requests = metrics.kube_requests
        self._over_bound = metrics.over_bound
        self._clock = clock
        self._filter = EventFilter(metrics.over_bound.labels("events").inc)
        self._backoff = Backoff()
        self._selector = ALL
        self._pause = FIRST_SECONDS
        self._problem: str | None = None

    async def run(self) -> None:
        """Read until cancelled."""
        try:
            while True:
                await self._changes.until(lambda: self._current().synced)
                try:
                    await self._list_and_watch()
                except _StaleError:
                    await asyncio.sleep(self._next_pause())
                except _UnreadError as error:
                    self._say(str(error))
                    await asyncio.sleep(FORBIDDEN_SECONDS if error.forbidden else self._next_pause())
        finally:
            await self._client.close()

    def _next_pause(self) -> float:
        pause, self._pause = self._pause, min(LONGEST_SECONDS, 2 * self._pause)
        return pause

    def _say(self, problem: str) -> None:
        """Log what is wrong, once until a list succeeds."""
        if self._problem is None:
            self._problem = problem
            _log.warning(
                "Events can't be read; recent_events has what Lens sees itself", extra={"error": problem}
            )

    async def _list_and_watch(self) -> None:
        """Go on for as long as that is possible. Raise _StaleError or _UnreadError."""
        version = await self._list()
        # What was told before Lens began is known by now.
        self._selector, self._problem = WARNINGS, None
        while True:
            await asyncio.sleep(self._backoff.delay("watch", time.monotonic()))
            began = time.monotonic()
            try:
                version = await self._watch(version)
            finally:
                # One that was quiet to its end raises too.
                if time.monotonic() - began >= EASY_SECONDS:
                    self._pause = FIRST_SECONDS

    # The list

    async def _list(self) -> str:
        """Read what there is, page by page; return its resourceVersion. Raise as ``_list_and_watch``."""
        self._filter.forget_list()
        size, token = PageSize(), ""
        while True:
            query = {"fieldSelector": self._selector, "limit": str(size.objects)}
            if token:
                query["continue"] = token
            body = await self._page(query)
            if body is None:
                self._over_bound.labels("page").inc()
                if not size.exceeded():
                    raise _UnreadError("an Event is too large")
                continue
            size.fitted(len(body))
            # In a thread: a page, or what has changed since the last, may be too long a turn for this loop.
            version, token, told = await asyncio.to_thread(self._take_page, body)
            self._tell(told)
            if not token:
                return version

    def _take_page(self, body: bytes) -> tuple[str, str, list[Event]]:
        """Return the list's version, what to continue with, and what is told."""
        try:
            page = read_page(body)
        except ValueError as error:
            raise _UnreadError(f"no list of Events: {error}") from None
        self._filter.update(self._current().snapshot)
        now = self._clock()
        told = list(self._filter.listed(_each(read_event(raw, now) for raw in page.items or ())))
        token = page.metadata.continue_ or ""
        if not token:
            told += self._filter.list_ended()
        return page.metadata.resource_version, token, told

    async def _page(self, query: dict[str, str]) -> bytes | None:
        """Return a page's bytes, None for too many of them. Raise as ``_list_and_watch``."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                status, body = await self._client.request("GET", _path(query), _HEADERS)
        # aiohttp lets a ValueError out for some headers that can't be read.
        except (TimeoutError, SettingsError, aiohttp.ClientError, OSError, ValueError) as error:
            raise self._unread(error) from None
        self._check(status)
        return body

    # The watch

    async def _watch(self, version: str) -> str:
        """Read warnings as they come until the watch ends; return the version from which to go on.

        Raise as ``_list_and_watch``. An apiserver keeps no cache of Events and sends no bookmarks of them. So
        a watch that brought nothing has a version that may be forgotten, or yet to come (a restored etcd).
        """
        query = {
            "watch": "true",
            "fieldSelector": WARNINGS,
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                response = await self._client.send("GET", _path(query), _HEADERS)
            async with response:
                self._check(response.status)
                reached = await self._read_lines(response.content, version)
        except (SettingsError, aiohttp.ClientError, OSError, ValueError) as error:
            # A TimeoutError is an OSError: a watch that is silent for too long.
            raise self._unread(error) from None
        if reached == version:
            raise _StaleError
        return reached

    async def _read_lines(self, stream: aiohttp.StreamReader, version: str) -> str:
        splitter = LineSplitter()
        heard_at = time.monotonic()
        while True:
            waits = RECONSIDER_SECONDS if self._filter.is_waiting else SILENCE_SECONDS
            try:
                async with asyncio.timeout(waits):
                    chunk = await stream.readany()
            except TimeoutError:
                if time.monotonic() - heard_at >= SILENCE_SECONDS:
                    raise
                await asyncio.to_thread(self._take, [])
                continue
            if not chunk:
                return version
            heard_at = time.monotonic()
            try:
                lines = list(splitter.feed(chunk))
            except LineTooLongError as error:
                raise _UnreadError(str(error)) from None
            if lines:
                await asyncio.to_thread(self._take, lines)
                version = _version(lines[-1], version)

    def _take(self, lines: list[bytes]) -> None:
        now = self._clock()
        events = list(_each(read_event_line(line, now) for line in lines))
        self._filter.update(self._current().snapshot)
        self._tell(list(self._filter.watched(events, now)))

    # What both have in common

    def _unread(self, error: Exception) -> _UnreadError:
        self._requests.labels("error").inc()
        return _UnreadError(str(error) or type(error).__name__)

    def _check(self, status: int) -> None:
        """Raise for anything but a success."""
        self._requests.labels(str(status)).inc()
        if status == HTTPStatus.GONE:
            raise _StaleError
        if status != HTTPStatus.OK:
            refused = status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
            raise _UnreadError(f"HTTP {status}", forbidden=refused)


def _path(query: dict[str, str]) -> str:
    return f"{PATH}?{urlencode(query)}"


def _each(events: Iterable[KubeEvent | None]) -> Iterable[KubeEvent]:
    return (event for event in events if event is not None)


def _version(line: bytes, before: str) -> str:
    """Return how far a watch has come with a line. Raise _StaleError for an error's, which ends it."""
    try:
        read = read_line(line)
        if read.type == "ERROR":
            raise _StaleError
        return read_marker(read.object).metadata.resource_version
    except ValueError:
        return before
