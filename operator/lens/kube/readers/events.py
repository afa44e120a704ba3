"""Reads the apiserver's Events of GPU pods and nodes: lists all once, then watches the warnings.

Few of a busy cluster's tens of thousands of Events are about GPUs, and no field selector can find them. So
the apiserver leaves out the reasons that are never of use, and Lens filters the others page by page. A
failure affects Events only.

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

from lens.concurrency.backoff import Backoff
from lens.concurrency.changes import Changes
from lens.config.errors import SettingsError
from lens.http_client import RequestFailedError, request_errors
from lens.kube.client.api_client import ApiClient
from lens.kube.client.lines import LineSplitter, LineTooLongError
from lens.kube.client.object_reader import FIRST_SECONDS, FORBIDDEN_SECONDS, MAX_SECONDS
from lens.kube.client.paging import MAX_PAGE_BYTES, PageSize
from lens.kube.client.restarts import Restarts
from lens.metrics import Metrics
from lens.model.cluster_state import StateView
from lens.model.events.involved_objects import EventFilter
from lens.model.events.kube_events import KubeEvent, read_event, read_event_line
from lens.model.events.transitions import Event
from lens.model.inventory.decoding.documents import read_bookmark, read_line, read_page

if TYPE_CHECKING:
    from lens.kube.client.kubeconfig import Connection

PATH = "/api/v1/events"

WARNINGS = "type=Warning"
ALL = ",".join(
    f"reason!={reason}"
    for reason in ("Created", "Killing", "Pulled", "Pulling", "SuccessfulCreate", "SuccessfulDelete")
)
"""A selector without the most frequent reasons that Lens reports nothing of."""

REQUEST_SECONDS = 30.0
WATCH_SECONDS = 600
"""The length of a watch."""

RESET_SECONDS = 10.0
"""A watch that lasted so long resets the pause after a failure."""

SILENCE_SECONDS = WATCH_SECONDS + 30.0
RECONSIDER_SECONDS = 1.0
"""The time between two checks whether the pod of a waiting Event is known by now."""

_HEADERS = {"Accept": "application/json"}

_log = logging.getLogger("lens.kube.events")


class _StaleError(Exception):
    """A list or a watch can't continue, and a new list is needed."""


class _UnreadError(Exception):
    """Events can't be read; ``forbidden`` if Lens lacks the permission."""

    def __init__(self, problem: str, *, forbidden: bool = False) -> None:
        super().__init__(problem)
        self.forbidden = forbidden


class Events:
    """Read Events while it runs. For use in one event loop."""

    def __init__(
        self,
        current: Callable[[], StateView],
        changes: Changes,
        on_events: Callable[[list[Event]], object],
        connection: "Callable[[], Connection]",
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``current`` returns the state with the pods and nodes, and ``changes`` notifies of a new one.

        ``on_events`` is called with Events of GPU pods and nodes, ``connection`` in a thread.
        """
        self._current = current
        self._changes = changes
        self._on_events = on_events
        self._client = ApiClient(connection, REQUEST_SECONDS, MAX_PAGE_BYTES)
        self._requests = metrics.kube_requests
        self._over_bound = metrics.over_bound
        self._clock = clock
        self._filter = EventFilter(metrics.over_bound.labels("events").inc)
        self._watches = Restarts()
        self._selector = ALL
        self._retries = Backoff(FIRST_SECONDS, MAX_SECONDS)
        self._has_logged = False

    async def run(self) -> None:
        """Read until cancelled."""
        try:
            while True:
                await self._changes.until(lambda: self._current().synced)
                try:
                    await self._list_and_watch()
                except _StaleError:
                    await asyncio.sleep(self._retries.next())
                except _UnreadError as error:
                    self._log_problem(str(error))
                    await asyncio.sleep(FORBIDDEN_SECONDS if error.forbidden else self._retries.next())
        finally:
            await self._client.close()

    def _log_problem(self, problem: str) -> None:
        """Log a problem, once until a list succeeds."""
        if not self._has_logged:
            self._has_logged = True
            _log.warning(
                "Events can't be read; recent_events has what Lens sees itself", extra={"error": problem}
            )

    async def _list_and_watch(self) -> None:
        """List, then watch for as long as possible. Raise _StaleError or _UnreadError."""
        version = await self._list()
        # The Events from before Lens' start are known now.
        self._selector, self._has_logged = WARNINGS, False
        while True:
            await asyncio.sleep(self._watches.delay("watch", time.monotonic()))
            began = time.monotonic()
            try:
                version = await self._watch(version)
            finally:
                # A watch without Events raises too.
                if time.monotonic() - began >= RESET_SECONDS:
                    self._retries.reset()

    # The list

    async def _list(self) -> str:
        """Read all Events, page by page; return the list's resourceVersion. Raise as ``_list_and_watch``."""
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
            # In a thread: a page, or the changes since the last one, may take too long for this loop.
            version, token, events = await asyncio.to_thread(self._decode_page, body)
            self._on_events(events)
            if not token:
                return version

    def _decode_page(self, body: bytes) -> tuple[str, str, list[Event]]:
        """Return the list's version, the continue token, and the relevant Events."""
        try:
            page = read_page(body)
        except ValueError as error:
            raise _UnreadError(f"no list of Events: {error}") from None
        self._filter.update(self._current().snapshot)
        now = self._clock()
        read = _without_none(read_event(raw, now) for raw in page.items or ())
        events = list(self._filter.listed(read, now))
        token = page.metadata.continue_ or ""
        if not token:
            events += self._filter.list_ended()
        return page.metadata.resource_version, token, events

    async def _page(self, query: dict[str, str]) -> bytes | None:
        """Return a page's bytes, or None for too many. Raise as ``_list_and_watch``."""
        try:
            status, body = await self._client.request("GET", _path(query), _HEADERS)
        except (SettingsError, RequestFailedError) as error:
            raise self._failed(error) from None
        self._check(status)
        return body

    # The watch

    async def _watch(self, version: str) -> str:
        """Read warnings until the watch ends; return the version from which to continue.

        Raise as ``_list_and_watch``. An apiserver has no cache of Events and sends no bookmarks of them. So
        after a watch without Events, the version may be expired, or in the future (a restored etcd).
        """
        query = {
            "watch": "true",
            "fieldSelector": WARNINGS,
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        try:
            async with await self._client.stream(_path(query), _HEADERS) as response:
                self._check(response.status)
                reached = await self._read_lines(response.content, version)
        except (SettingsError, RequestFailedError) as error:
            raise self._failed(error) from None
        if reached == version:
            raise _StaleError
        return reached

    async def _read_lines(self, stream: aiohttp.StreamReader, version: str) -> str:
        splitter = LineSplitter()
        received_at = time.monotonic()
        while True:
            timeout = RECONSIDER_SECONDS if self._filter.is_waiting else SILENCE_SECONDS
            try:
                async with request_errors(timeout):
                    chunk = await stream.readany()
            except RequestFailedError as error:
                if error.failure != "timeout":
                    raise
                if time.monotonic() - received_at >= SILENCE_SECONDS:
                    raise RequestFailedError("timeout", f"no line within {SILENCE_SECONDS:g} s") from None
                await asyncio.to_thread(self._apply, [])
                continue
            if not chunk:
                return version
            received_at = time.monotonic()
            try:
                lines = list(splitter.feed(chunk))
            except LineTooLongError as error:
                raise _UnreadError(str(error)) from None
            if lines:
                await asyncio.to_thread(self._apply, lines)
                version = _version(lines[-1], version)

    def _apply(self, lines: list[bytes]) -> None:
        now = self._clock()
        events = list(_without_none(read_event_line(line, now) for line in lines))
        self._filter.update(self._current().snapshot)
        self._on_events(list(self._filter.watched(events, now)))

    # Lists and watches

    def _failed(self, error: Exception) -> _UnreadError:
        self._requests.labels("error").inc()
        return _UnreadError(str(error))

    def _check(self, status: int) -> None:
        """Raise an error unless the status is 200."""
        self._requests.labels(str(status)).inc()
        if status == HTTPStatus.GONE:
            raise _StaleError
        if status != HTTPStatus.OK:
            forbidden = status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
            raise _UnreadError(f"HTTP {status}", forbidden=forbidden)


def _path(query: dict[str, str]) -> str:
    return f"{PATH}?{urlencode(query)}"


def _without_none(events: Iterable[KubeEvent | None]) -> Iterable[KubeEvent]:
    return (event for event in events if event is not None)


def _version(line: bytes, before: str) -> str:
    """Return a line's resourceVersion, or ``before`` if it has none. Raise _StaleError for an error line."""
    try:
        read = read_line(line)
        if read.type == "ERROR":
            raise _StaleError
        return read_bookmark(read.object).metadata.resource_version
    except ValueError:
        return before
