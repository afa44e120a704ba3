"""The scraper: asks every target at its pace, files what comes back, and passes snapshots on.

Those that failed last time share a few slots of their own, so that however many of them hang, the others
find a slot free.
"""

import asyncio
import contextlib
import logging
import math
import random
import resource
import sys
import time
from collections.abc import Callable, Mapping, Set

from prometheus_client import Counter

from lens.model.gpu.telemetry import Source, Telemetry
from lens.model.gpu.telemetry_cache import TelemetryCache
from lens.telemetry.agent import read_event
from lens.telemetry.amd import read_amd
from lens.telemetry.client import FAIR_SHARE, Answer, Client
from lens.telemetry.credentials import BearerToken, Trust
from lens.telemetry.dcgm import read_dcgm
from lens.telemetry.pace import Pace
from lens.telemetry.reading import Reading
from lens.telemetry.refusal import Reason, RefusedError
from lens.telemetry.targets import Target

SLOTS = 512
"""Requests under way to targets that answered last time, or were never asked. Of the others an eighth."""

PUBLISH_SECONDS = 0.5
"""The least time between two snapshots. The first one after quiet comes at once."""

PUBLISHED_AT_ONCE = 64
"""Nodes that a snapshot takes in, which takes some milliseconds. The next one comes soon after."""

AGAIN_SECONDS = 0.01
TICK_SECONDS = 0.05
"""Readings begin in step: being woken for each by itself costs as much as the reading does."""

AGE_SECONDS = 1.0
"""How often time is let pass for those that are not heard of."""

NOBODY = "has no running pod to ask"
"""The problem of a node whose agent or exporter is gone."""

STALE_INTERVALS = 2
UNKNOWN_INTERVALS = 4

HANGS = frozenset[Reason](("timeout", "too_large"))
"""What costs more than an answer would: such targets are asked less often."""

_READERS: Mapping[Source, Callable[[Target, Answer, float], Reading]] = {
    "agent": read_event,
    "dcgm": read_dcgm,
    "amd": read_amd,
}

_log = logging.getLogger("lens.telemetry.scraper")


class _Asked:
    """A target, and how asking it goes."""

    def __init__(self, target: Target, *, keep: bool) -> None:
        self.target = target
        self.keep = keep
        self.failure: Reason | None = None
        self.hangs = 0
        self.due: asyncio.TimerHandle | None = None
        self.turn: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """Ask it no more."""
        if self.due is not None:
            self.due.cancel()
        if self.turn is not None:
            self.turn.cancel()


class Scraper:
    """Reads targets for as long as it runs. To be used in one loop."""

    def __init__(
        self,
        on_change: Callable[[Telemetry], object],
        *,
        interval: float,
        timeout: float,
        token: BearerToken | None,
        trust: Trust | None,
        reads: Counter,
        refusals: Counter,
        chance: random.Random,
        clock: Callable[[], float] = time.time,
        ledger: TelemetryCache | None = None,
    ) -> None:
        """Take who gets the snapshots; ``interval`` and ``timeout`` are in seconds.

        ``reads`` counts by source, ``refusals`` by source and reason. ``chance`` spreads the readings: two
        replicas need different ones. ``ledger`` is where samples are filed, by default a new one.
        """
        self._on_change = on_change
        self._reads = reads
        self._refusals = refusals
        self._clock = clock
        self._pace = Pace(interval, chance)
        self._ledger = ledger or TelemetryCache(STALE_INTERVALS * interval, UNKNOWN_INTERVALS * interval)
        self._client = Client(timeout, token, trust)
        self._large = asyncio.Lock()
        self._asked: dict[str, _Asked] = {}
        self._running = False
        self._touched = asyncio.Event()
        self._telemetry = self._ledger.snapshot()
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        slots = SLOTS if files == resource.RLIM_INFINITY else min(SLOTS, files // 4)
        self._slots = asyncio.Semaphore(slots)
        self._suspects = asyncio.Semaphore(slots // 8)
        # Half of what this process may open is left to the API server.
        self._most_kept = sys.maxsize if files == resource.RLIM_INFINITY else max(0, files // 2 - slots)
        self._kept = 0

    def set_targets(self, targets: Mapping[str, Target], nodes: Set[str]) -> None:
        """Ask these from now on, by node; ``nodes`` are those that the cluster has.

        A node whose target is another one, or which has none while its pod is replaced, keeps what it told,
        to age until somebody answers. One that has left the cluster is forgotten.
        """
        for node in self._asked.keys() - targets.keys():
            source = self._asked[node].target.source
            self._drop(node)
            self._ledger.trouble(node, source, NOBODY, self._clock())
        for node in self._ledger.nodes - targets.keys() - nodes:
            self._ledger.put(node, None, self._clock())
        others = [
            target
            for node, target in targets.items()
            if node not in self._asked or self._asked[node].target != target
        ]
        for target in others:
            if target.node in self._asked:
                self._drop(target.node)
            asked = self._asked[target.node] = _Asked(target, keep=self._kept < self._most_kept)
            self._kept += asked.keep
            if self._running:
                self._plan(asked, self._pace.first(len(others)))
        self._touch()

    async def run(self) -> None:
        """Ask until cancelled. May be called again after a failure, and goes on with what was filed."""
        async with self._client:
            self._running = True
            try:
                for asked in self._asked.values():
                    self._plan(asked, self._pace.first(len(self._asked)))
                while True:
                    self._ledger.age(self._clock())
                    pause = PUBLISH_SECONDS if await self._publish() else 0.0
                    await asyncio.sleep(pause)
                    await self._wait_for_touch(AGE_SECONDS - pause)
            finally:
                self._running = False
                await self._stop()

    async def _stop(self) -> None:
        for asked in self._asked.values():
            asked.cancel()
        turns = [asked.turn for asked in self._asked.values() if asked.turn is not None]
        await asyncio.gather(*turns, return_exceptions=True)

    def _drop(self, node: str) -> None:
        asked = self._asked.pop(node)
        asked.cancel()
        self._kept -= asked.keep

    def _plan(self, asked: _Asked, pause: float) -> None:
        loop = asyncio.get_running_loop()
        due = math.ceil((loop.time() + pause) / TICK_SECONDS) * TICK_SECONDS
        asked.due = loop.call_at(due, self._begin, asked)

    def _begin(self, asked: _Asked) -> None:
        asked.turn = asyncio.get_running_loop().create_task(self._turn(asked))

    async def _turn(self, asked: _Asked) -> None:
        """Ask a target once, and plan its next time by when this one began."""
        loop = asyncio.get_running_loop()
        async with self._slots if asked.failure is None else self._suspects:
            began = loop.time()
            failure, problem = await self._read(asked)
        if failure is not None:
            self._refusals.labels(asked.target.source, failure).inc()
        if failure != asked.failure:
            self._tell(asked, failure, problem)
        asked.failure = failure
        asked.hangs = asked.hangs + 1 if failure in HANGS else 0
        self._touch()
        self._plan(asked, max(0.0, began + self._pace.next(asked.hangs) - loop.time()))

    async def _read(self, asked: _Asked) -> tuple[Reason | None, str]:
        """Read a target and file what comes of it; return why nothing does."""
        target = asked.target
        self._reads.labels(target.source).inc()
        try:
            async with self._client.answer(target, keep=asked.keep) as answer:
                reading = await self._reading(target, answer)
            self._file(target, reading)
        except RefusedError as error:
            failure, problem = error.reason, str(error)
        except Exception:
            # Whatever an answer brings about, read or filed, it is one target's trouble and not the others',
            # and the target is asked again.
            _log.exception("a reading failed", extra={"node": target.node})
            failure, problem = "defect", "could not be read"
        else:
            return None, ""
        try:
            self._ledger.trouble(target.node, target.source, problem, self._clock())
        except Exception:
            _log.exception("a node's problem can't be filed", extra={"node": target.node})
            failure = "defect"
        return failure, problem

    async def _reading(self, target: Target, answer: Answer) -> Reading:
        """Return what an answer says: of a large one beside the loop, one at a time. Raise RefusedError."""
        read, received_at = _READERS[target.source], self._clock()
        if len(answer.body) <= FAIR_SHARE:
            return read(target, answer, received_at)
        async with self._large:
            return await asyncio.to_thread(read, target, answer, received_at)

    def _file(self, target: Target, reading: Reading) -> None:
        self._ledger.put(target.node, reading.telemetry, self._clock())
        doubts = reading.doubts
        if self._ledger.contested(target.node):
            doubts |= {"conflict"}
        for doubt in doubts:
            self._refusals.labels(target.source, doubt).inc()

    def _tell(self, asked: _Asked, failure: Reason | None, problem: str) -> None:
        fields = {"node": asked.target.node, "source": asked.target.source}
        if failure is None:
            _log.info("a node's telemetry can be read again", extra=fields)
        else:
            _log.warning("a node's telemetry can't be read", extra={**fields, "problem": problem})

    def _touch(self) -> None:
        """See to it that what there is now is passed on soon."""
        self._touched.set()

    async def _wait_for_touch(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._touched.wait()
        self._touched.clear()

    async def _publish(self) -> bool:
        """Pass on what there is now, of a few nodes at a time, and tell whether any of it is new."""
        is_new = False
        while True:
            telemetry = self._ledger.snapshot(PUBLISHED_AT_ONCE)
            if telemetry is not self._telemetry:
                self._on_change(telemetry)
                self._telemetry = telemetry
                is_new = True
            if not self._ledger.is_behind:
                return is_new
            await asyncio.sleep(AGAIN_SECONDS)
