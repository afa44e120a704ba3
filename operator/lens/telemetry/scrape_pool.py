"""The targets that are being scraped, each on its own schedule; their results go to the telemetry cache.

Targets whose last scrape failed share a few slots of their own, so that hanging targets, however many, leave
slots for the others.
"""

import asyncio
import contextlib
import logging
import math
import resource
import sys
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from functools import partial

from prometheus_client import Counter

from lens.http_client import FAIR_SHARE_BYTES
from lens.model.gpu.telemetry import Source
from lens.model.gpu.telemetry_cache import TelemetryCache
from lens.telemetry.agent import read_agent
from lens.telemetry.amd import read_amd
from lens.telemetry.dcgm import DcgmReader
from lens.telemetry.schedule import ScrapeSchedule
from lens.telemetry.scrape_client import ScrapeClient, ScrapeResponse
from lens.telemetry.scrape_error import Reason, ScrapeError
from lens.telemetry.scrape_result import ScrapeResult
from lens.telemetry.targets import Target

SLOTS = 512
"""Concurrent requests to targets that are new or answered last time. Failing targets share an eighth more."""

TICK_SECONDS = 0.05
"""Scrapes start together at ticks: a timer for each would cost as much as the scrape."""

HANGS = frozenset[Reason](("timeout", "too_large"))
"""Failures that take longer than a response. If many targets fail like this, they are scraped less often."""

FEW_HANGING = 16
"""This many of them are scraped as often as others, so that a recovery shows within an interval."""

_READERS: Mapping[Source, Callable[[Target], Callable[[ScrapeResponse, float], ScrapeResult]]] = {
    "agent": lambda target: partial(read_agent, target),
    "dcgm": DcgmReader,
    "amd": lambda target: partial(read_amd, target),
}
"""What parses the responses of a target, received at an epoch second. It lives as long as its target."""

MAX_AT_ONCE_BYTES = 32 * 1024
"""An agent's report up to this size is parsed in the event loop: invalid values take 1 ms for each 2 KiB."""

_log = logging.getLogger(__name__)


class _TargetState:
    """A target and the state of its scrapes."""

    def __init__(self, target: Target, *, keep: bool) -> None:
        self.target = target
        self.read = _READERS[target.source](target)
        self.keep = keep
        self.failure: Reason | None = None
        self.hangs = 0
        self.scraped = False
        self.answered = False
        self.due: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """Stop scraping the target."""
        if self.due is not None:
            self.due.cancel()
        if self.task is not None:
            self.task.cancel()
            # The task's traceback refers to this state: together they would keep the response for long.
            self.task = None


class ScrapePool:
    """At most one target for each node. For use in one event loop."""

    def __init__(
        self,
        cache: TelemetryCache,
        client: ScrapeClient,
        schedule: ScrapeSchedule,
        *,
        scrapes: Counter,
        errors: Counter,
        clock: Callable[[], float],
        on_result: Callable[[], object],
    ) -> None:
        """Start empty. ``on_result`` is called after each scrape, which may have changed the cache.

        ``scrapes`` counts by source, ``errors`` by source and reason.
        """
        self._cache = cache
        self._client = client
        self._schedule = schedule
        self._scrapes = scrapes
        self._errors = errors
        self._clock = clock
        self._on_result = on_result
        self._large = asyncio.Lock()
        self._states: dict[str, _TargetState] = {}
        self.is_running = False
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        slots = SLOTS if files == resource.RLIM_INFINITY else min(SLOTS, files // 4)
        self._slots = asyncio.Semaphore(slots)
        self._failing = asyncio.Semaphore(slots // 8)
        # Half of the process's open files are left to the API server.
        self._max_kept = sys.maxsize if files == resource.RLIM_INFINITY else max(0, files // 2 - slots)
        self._kept = 0
        self._hanging = 0

    @property
    def nodes(self) -> Collection[str]:
        """Return the nodes with a target."""
        return self._states.keys()

    @property
    def answered(self) -> int:
        """Return how many of the targets have answered."""
        return sum(state.answered for state in self._states.values())

    def put(self, targets: Collection[Target]) -> None:
        """Scrape these targets from now on, in place of others on their nodes."""
        others = [
            target
            for target in targets
            if target.node not in self._states or self._states[target.node].target != target
        ]
        for target in others:
            if target.node in self._states:
                self.remove(target.node)
            state = self._states[target.node] = _TargetState(target, keep=self._kept < self._max_kept)
            self._kept += state.keep
            if self.is_running:
                self._plan(state, self._schedule.first_delay(len(others)))

    def remove(self, node: str) -> Source:
        """Stop scraping a node's target; return what kind it was."""
        state = self._states.pop(node)
        state.cancel()
        self._kept -= state.keep
        self._hanging -= state.hangs > 0
        return state.target.source

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Scrape while the context is open. It may be opened again."""
        async with self._client:
            self.is_running = True
            try:
                for state in self._states.values():
                    self._plan(state, self._schedule.first_delay(len(self._states)))
                yield
            finally:
                self.is_running = False
                await self._stop()

    async def _stop(self) -> None:
        tasks = [state.task for state in self._states.values() if state.task is not None]
        for state in self._states.values():
            state.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _plan(self, state: _TargetState, pause: float) -> None:
        loop = asyncio.get_running_loop()
        due = math.ceil((loop.time() + pause) / TICK_SECONDS) * TICK_SECONDS
        state.due = loop.call_at(due, self._start, state)

    def _start(self, state: _TargetState) -> None:
        state.task = asyncio.get_running_loop().create_task(self._scrape(state))

    async def _scrape(self, state: _TargetState) -> None:
        """Scrape a target once, and plan the next scrape by the start of this one."""
        loop = asyncio.get_running_loop()
        async with self._slots if state.failure is None else self._failing:
            began = loop.time()
            failure, problem = await self._read(state)
        if failure is not None:
            self._errors.labels(state.target.source, failure).inc()
        if failure != state.failure:
            self._log_change(state, failure, problem)
        state.failure = failure
        # An agent that has just started answers before it has read a GPU.
        state.answered = state.answered or (failure is None and self._cache.knows(state.target.node))
        hangs = state.hangs + 1 if failure in HANGS else 0
        self._hanging += (hangs > 0) - (state.hangs > 0)
        state.hangs = hangs
        self._on_result()
        skipped = hangs if self._hanging > FEW_HANGING else 0
        delay = self._schedule.next_delay(skipped, first=not state.scraped)
        state.scraped = True
        self._plan(state, max(0.0, began + delay - loop.time()))

    async def _read(self, state: _TargetState) -> tuple[Reason | None, str]:
        """Read a target and store the result; return the failure and its problem."""
        target = state.target
        self._scrapes.labels(target.source).inc()
        try:
            async with self._client.response(target, keep=state.keep) as response:
                result = await self._parse(state, response)
            self._store(target, result)
        except ScrapeError as error:
            failure, problem = error.reason, str(error)
        except Exception:
            # Whatever a response causes while it is parsed or stored, it affects only this target, which is
            # scraped again.
            _log.exception("a reading failed", extra={"node": target.node})
            failure, problem = "defect", "could not be read"
        else:
            return None, ""
        try:
            self._cache.put_problem(target.node, target.source, problem, self._clock())
        except Exception:
            _log.exception("a node's problem can't be stored", extra={"node": target.node})
            failure = "defect"
        return failure, problem

    async def _parse(self, state: _TargetState, response: ScrapeResponse) -> ScrapeResult:
        """Parse a response; a large one in a thread, one at a time. Raise ScrapeError."""
        received_at = self._clock()
        at_once = MAX_AT_ONCE_BYTES if state.target.source == "agent" else FAIR_SHARE_BYTES
        if len(response.body) <= at_once:
            return state.read(response, received_at)
        async with self._large:
            return await asyncio.to_thread(state.read, response, received_at)

    def _store(self, target: Target, result: ScrapeResult) -> None:
        self._cache.put(target.node, result.telemetry, self._clock())
        warnings = result.warnings
        if self._cache.contested(target.node):
            warnings |= {"conflict"}
        for warning in warnings:
            self._errors.labels(target.source, warning).inc()

    def _log_change(self, state: _TargetState, failure: Reason | None, problem: str) -> None:
        fields = {"node": state.target.node, "source": state.target.source}
        if failure is None:
            _log.info("a node's telemetry can be read again", extra=fields)
        else:
            _log.warning("a node's telemetry can't be read", extra={**fields, "problem": problem})
