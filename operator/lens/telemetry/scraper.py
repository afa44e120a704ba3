"""The scraper: read every target on its schedule, store the results, publish snapshots.

Targets whose last scrape failed share a few slots of their own, so that hanging targets, however many, leave
slots for the others.
"""

import asyncio
import contextlib
import logging
import math
import random
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Set
from functools import partial

import msgspec
from prometheus_client import Counter

from lens.files.credentials import BearerToken, TrustedCa
from lens.http_client import FAIR_SHARE_BYTES
from lens.model.gpu.telemetry import Source, Telemetry
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

PUBLISH_SECONDS = 0.5
"""The least time between two snapshots. After a quiet time, the first comes at once."""

NODES_PER_SNAPSHOT = 64
"""The most nodes that a snapshot updates, which takes some milliseconds. The next one comes soon after."""

NEXT_SNAPSHOT_SECONDS = 0.01
TICK_SECONDS = 0.05
"""Scrapes start together at ticks: a timer for each would cost as much as the scrape."""

AGE_SECONDS = 1.0
"""How often the samples of silent nodes are aged."""

NO_POD_PROBLEM = "has no running pod to ask"
"""The problem of a node whose agent or exporter is gone."""

FIRST_ROUND_SECONDS = 60.0
"""The seconds after which the first round over all targets counts as done."""

STALE_INTERVALS = 2
UNKNOWN_INTERVALS = 4

HANGS = frozenset[Reason](("timeout", "too_large"))
"""Failures that cost more than a response would. Where many targets fail so, they are scraped less often."""

FEW_HANGING = 16
"""So many are scraped as often as others, so that one that answers again is known within an interval."""

_READERS: Mapping[Source, Callable[[Target], Callable[[ScrapeResponse, float], ScrapeResult]]] = {
    "agent": lambda target: partial(read_agent, target),
    "dcgm": DcgmReader,
    "amd": lambda target: partial(read_amd, target),
}
"""What parses the responses of a target, received at an epoch second. It lives as long as its target."""

MAX_AT_ONCE_BYTES = 32 * 1024
"""An agent's report up to this size is parsed in the event loop: invalid values take 1 ms for each 2 KiB."""

_log = logging.getLogger("lens.telemetry.scraper")


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


class Scraper:
    """Scrape targets while it runs. For use in one event loop."""

    def __init__(
        self,
        on_change: Callable[[Telemetry], object],
        *,
        interval: float,
        timeout: float,
        token: BearerToken | None,
        trust: TrustedCa | None,
        scrapes: Counter,
        errors: Counter,
        rng: random.Random,
        clock: Callable[[], float] = time.time,
        cache: TelemetryCache | None = None,
    ) -> None:
        """Call ``on_change`` with each snapshot; ``interval`` and ``timeout`` are in seconds.

        ``scrapes`` counts by source, ``errors`` by source and reason. ``rng`` spreads the scrapes: two
        replicas need different ones. ``cache`` stores the samples, by default a new one.
        """
        self._on_change = on_change
        self._scrapes = scrapes
        self._errors = errors
        self._clock = clock
        self._schedule = ScrapeSchedule(interval, rng)
        self._cache = cache or TelemetryCache(STALE_INTERVALS * interval, UNKNOWN_INTERVALS * interval)
        self._client = ScrapeClient(timeout, token, trust)
        self._large = asyncio.Lock()
        self._states: dict[str, _TargetState] = {}
        self._running = False
        self._changed = asyncio.Event()
        self._stored = self._cache.snapshot()
        self._telemetry = msgspec.structs.replace(self._stored, complete=False)
        self._awaited: int | None = None
        self._has_nodes = False
        self._began: float | None = None
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        slots = SLOTS if files == resource.RLIM_INFINITY else min(SLOTS, files // 4)
        self._slots = asyncio.Semaphore(slots)
        self._failing = asyncio.Semaphore(slots // 8)
        # Half of the process's open files are left to the API server.
        self._max_kept = sys.maxsize if files == resource.RLIM_INFINITY else max(0, files // 2 - slots)
        self._kept = 0
        self._hanging = 0

    @property
    def telemetry(self) -> Telemetry:
        """Return the last snapshot; it isn't complete until the first round over all targets is in."""
        return self._telemetry

    def set_targets(self, targets: Mapping[str, Target], nodes: Set[str], awaited: int | None = None) -> None:
        """Scrape these targets, by node, from now on; ``nodes`` are the cluster's nodes.

        ``awaited`` is the number of nodes that will have a target, None for those that have one.

        A node with a new target, or with none while its pod is replaced, keeps its samples, which age until
        its target answers. A node that left the cluster is forgotten.
        """
        changes: dict[str, Target | None] = dict.fromkeys(self._states.keys() - targets.keys())
        gone = [node for node in self._cache.nodes - targets.keys() if node not in nodes]
        awaited = len(targets) if awaited is None else awaited
        self.change_targets({**changes, **targets}, gone, awaited, has_nodes=bool(nodes))

    def change_targets(
        self,
        changes: Mapping[str, Target | None],
        gone: Iterable[str],
        awaited: int,
        *,
        has_nodes: bool,
    ) -> None:
        """Scrape other targets on some nodes from now on, and none where they are None.

        ``gone`` are nodes that left the cluster, ``has_nodes`` is whether it has any; the rest is as in
        ``set_targets``.
        """
        for node, target in changes.items():
            if target is None and node in self._states:
                source = self._states[node].target.source
                self._drop(node)
                self._cache.put_problem(node, source, NO_POD_PROBLEM, self._clock())
        for node in gone:
            if node not in self._states:
                self._cache.put(node, None, self._clock())
        others = [
            target
            for node, target in changes.items()
            if target is not None and (node not in self._states or self._states[node].target != target)
        ]
        for target in others:
            if target.node in self._states:
                self._drop(target.node)
            state = self._states[target.node] = _TargetState(target, keep=self._kept < self._max_kept)
            self._kept += state.keep
            if self._running:
                self._plan_scrape(state, self._schedule.first_delay(len(others)))
        if awaited and not self._awaited and self._running and not self._cache.nodes:
            # The first nodes with GPUs have a first round of their own.
            self._began = asyncio.get_running_loop().time()
        self._awaited = awaited
        self._has_nodes = has_nodes
        self._mark_changed()

    async def run(self) -> None:
        """Scrape until cancelled. After a failure it may be called again, and keeps the stored samples."""
        async with self._client:
            self._running = True
            self._began = self._began or asyncio.get_running_loop().time()
            try:
                for state in self._states.values():
                    self._plan_scrape(state, self._schedule.first_delay(len(self._states)))
                while True:
                    self._cache.age(self._clock())
                    pause = PUBLISH_SECONDS if await self._publish() else 0.0
                    await asyncio.sleep(pause)
                    await self._wait_for_change(AGE_SECONDS - pause)
            finally:
                self._running = False
                await self._stop()

    async def _stop(self) -> None:
        tasks = [state.task for state in self._states.values() if state.task is not None]
        for state in self._states.values():
            state.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _drop(self, node: str) -> None:
        state = self._states.pop(node)
        state.cancel()
        self._kept -= state.keep
        self._hanging -= state.hangs > 0

    def _plan_scrape(self, state: _TargetState, pause: float) -> None:
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
        # An agent that has just been started answers before it has read a GPU.
        state.answered = state.answered or (failure is None and self._cache.knows(state.target.node))
        hangs = state.hangs + 1 if failure in HANGS else 0
        self._hanging += (hangs > 0) - (state.hangs > 0)
        state.hangs = hangs
        self._mark_changed()
        skipped = hangs if self._hanging > FEW_HANGING else 0
        delay = self._schedule.next_delay(skipped, first=not state.scraped)
        state.scraped = True
        self._plan_scrape(state, max(0.0, began + delay - loop.time()))

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

    def _mark_changed(self) -> None:
        """Have the current state published soon."""
        self._changed.set()

    def _is_round_done(self) -> bool:
        """Return whether all expected targets have answered, or the time for it is over."""
        if self._awaited is None or self._began is None:
            return False
        if not (self._awaited or self._has_nodes):
            return True
        if asyncio.get_running_loop().time() - self._began >= FIRST_ROUND_SECONDS:
            return True
        answered = sum(state.answered for state in self._states.values())
        # In a new cluster there may be no DaemonSet yet.
        return answered == len(self._states) >= max(1, self._awaited)

    async def _wait_for_change(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        self._changed.clear()

    async def _publish(self) -> bool:
        """Publish the current state, some nodes at a time. Return whether anything was new."""
        is_new = False
        while True:
            stored = self._cache.snapshot(NODES_PER_SNAPSHOT)
            complete = self._telemetry.complete or (not self._cache.is_behind and self._is_round_done())
            if stored is not self._stored or complete != self._telemetry.complete:
                telemetry = msgspec.structs.replace(
                    stored, sequence=self._telemetry.sequence + 1, complete=complete
                )
                self._on_change(telemetry)
                self._stored, self._telemetry = stored, telemetry
                is_new = True
            if not self._cache.is_behind:
                return is_new
            await asyncio.sleep(NEXT_SNAPSHOT_SECONDS)
