"""The scraper: scrapes the cluster's targets, and publishes snapshots of what they report."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable, Mapping, Set

import msgspec
from prometheus_client import Counter

from lens.files.credentials import BearerToken, TrustedCa
from lens.model.gpu.telemetry import Telemetry
from lens.model.gpu.telemetry_cache import TelemetryCache
from lens.telemetry.schedule import ScrapeSchedule
from lens.telemetry.scrape_client import ScrapeClient
from lens.telemetry.scrape_pool import ScrapePool
from lens.telemetry.targets import Target

PUBLISH_SECONDS = 0.5
"""The least time between two snapshots. After a quiet time, the first comes at once."""

NODES_PER_SNAPSHOT = 64
"""The most nodes that a snapshot updates, which takes some milliseconds. The next one comes soon after."""

NEXT_SNAPSHOT_SECONDS = 0.01

AGE_SECONDS = 1.0
"""How often the samples of silent nodes are aged."""

NO_POD_PROBLEM = "has no running pod to ask"
"""The problem of a node whose agent or exporter is gone."""

FIRST_ROUND_SECONDS = 60.0
"""The seconds after which the first round over all targets counts as done."""

STALE_INTERVALS = 2
UNKNOWN_INTERVALS = 4


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
        self._clock = clock
        self._cache = cache or TelemetryCache(STALE_INTERVALS * interval, UNKNOWN_INTERVALS * interval)
        self._changed = asyncio.Event()
        self._pool = ScrapePool(
            self._cache,
            ScrapeClient(timeout, token, trust),
            ScrapeSchedule(interval, rng),
            scrapes=scrapes,
            errors=errors,
            clock=clock,
            on_result=self._changed.set,
        )
        self._stored = self._cache.snapshot()
        self._telemetry = msgspec.structs.replace(self._stored, complete=False)
        self._awaited: int | None = None
        self._has_nodes = False
        self._began: float | None = None

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
        changes: dict[str, Target | None] = dict.fromkeys(
            node for node in self._pool.nodes if node not in targets
        )
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
            if target is None and node in self._pool.nodes:
                source = self._pool.remove(node)
                self._cache.put_problem(node, source, NO_POD_PROBLEM, self._clock())
        for node in gone:
            if node not in self._pool.nodes:
                self._cache.put(node, None, self._clock())
        self._pool.put([target for target in changes.values() if target is not None])
        if awaited and not self._awaited and self._pool.is_running and not self._cache.nodes:
            # The first nodes with GPUs have a first round of their own.
            self._began = asyncio.get_running_loop().time()
        self._awaited = awaited
        self._has_nodes = has_nodes
        self._changed.set()

    async def run(self) -> None:
        """Scrape until cancelled. After a failure it may be called again, and keeps the stored samples."""
        async with self._pool.running():
            self._began = self._began or asyncio.get_running_loop().time()
            while True:
                self._cache.age(self._clock())
                pause = PUBLISH_SECONDS if await self._publish() else 0.0
                await asyncio.sleep(pause)
                await self._wait_for_change(AGE_SECONDS - pause)

    def _is_round_done(self) -> bool:
        """Return whether all expected targets have answered, or the time for it is over."""
        if self._awaited is None or self._began is None:
            return False
        if not (self._awaited or self._has_nodes):
            return True
        if asyncio.get_running_loop().time() - self._began >= FIRST_ROUND_SECONDS:
            return True
        # In a new cluster there may be no DaemonSet yet.
        return self._pool.answered == len(self._pool.nodes) >= max(1, self._awaited)

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
