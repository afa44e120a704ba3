"""The changes of a cluster's state for all of its streams: one job adds them to a ring."""

import asyncio
import re
import time
from collections.abc import Callable

from lens.api.stream.damper import Damper
from lens.api.stream.diff import diff_states
from lens.api.stream.initial_snapshots import TTL_SECONDS, InitialSnapshot, InitialSnapshots
from lens.api.stream.nodes_by_controller import NodesByController
from lens.api.stream.ring import Ring
from lens.api.stream.sse import DiffEntry, encode_event
from lens.concurrency.supervisor import Supervisor
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState, StateView
from lens.model.inventory.snapshot import EMPTY
from lens.model.k8s import timestamps

DIFF_SECONDS = 0.1
"""The time between two comparisons; with the watch's own batching a change is sent within 250 ms."""

WAKE_PAUSE_FACTOR = 2.0
"""The pause after all streams were woken, as a multiple of the time that it took."""

IDLE_SECONDS = 60.0
"""The time without a stream after which states are no longer compared."""

RING_ENTRIES = 128
"""How many differences are kept for streams that fall behind or reconnect."""

WAKE_BATCH = 50
"""How many streams are woken before other requests get their turn."""

_NOTHING = StateView(snapshot=EMPTY, synced=False, contacts={})
_NUMBER = re.compile(r"\d{1,15}", re.ASCII)


class Broadcaster:
    """What all streams of one cluster state send. Made and run on one event loop."""

    def __init__(
        self,
        cluster: str,
        state: ClusterState,
        metrics: Metrics,
        epoch: str,
        clock: Callable[[], float],
        *,
        has_streams: Callable[[], bool],
        heartbeat_seconds: float,
        stale_after: float,
        idle_percent: float,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """Take the state; ``has_streams`` returns whether any is open, and the rest is as in ``Streams``."""
        self._cluster = cluster
        self._state = state
        self._epoch = epoch
        self._clock = clock
        self._has_streams = has_streams
        self._heartbeat_seconds = heartbeat_seconds
        self._stale_after = stale_after
        self._idle_percent = idle_percent
        self._idle_seconds = idle_seconds
        self.ring: Ring[DiffEntry] = Ring(RING_ENTRIES, evicted=metrics.over_bound.labels("differences").inc)
        self._sent = self._compared = state.current
        self._damper = Damper(self._sent, cluster, time.monotonic())
        self._by_controller = NodesByController()
        self._snapshots = InitialSnapshots()
        self._waiting: list[asyncio.Future[None]] = []
        self._supervisor = Supervisor(metrics.count_job_failures)
        self._job: asyncio.Task[None] | None = None

    def ensure_running(self) -> None:
        """Start the job that compares states if it has ended. Changes since it ended are unknown."""
        if self._job is None or self._job.done():
            self._skip_to(self._state.current)
            self._job = self._supervisor.start("streams", self._run)

    async def stop(self) -> None:
        """Stop the job, and wake all streams."""
        if self._job is not None:
            self._job.cancel()
        await self._wake_streams()

    def position(self, last_event_id: str) -> int | None:
        """Return the ring's number of an event id; None for an id of another process."""
        epoch, _, number = last_event_id.rpartition("-")
        return int(number) if epoch == self._epoch and _NUMBER.fullmatch(number) else None

    def initial_snapshot(self) -> InitialSnapshot:
        """Return a recent snapshot; the ring has the changes since then."""
        latest = self._snapshots.latest
        if latest is not None and self._is_current(latest):
            return latest
        number = self.ring.last
        snapshot = InitialSnapshot(
            self._sent,
            number,
            self._event_id(number),
            self._cluster,
            self._clock(),
            stale_after=self._stale_after,
            idle_percent=self._idle_percent,
        )
        self._snapshots.add(snapshot)
        return snapshot

    def _is_current(self, snapshot: InitialSnapshot) -> bool:
        """Return whether new streams may begin with a snapshot."""
        is_recent = time.monotonic() < snapshot.made_at + TTL_SECONDS
        return (snapshot.number == self.ring.last or is_recent) and self.ring.has_all_after(snapshot.number)

    def confirmed(self, snapshot: InitialSnapshot) -> StateView:
        """Return the latest state that says the same as a snapshot."""
        # With later changes in the ring, the snapshot is of its own time.
        return self._compared if snapshot.number == self.ring.last else snapshot.current

    def heartbeat(self) -> bytes:
        """Return the event that has the age of the figures while nothing changes."""
        age = round(self._compared.age(self._clock()), 3)
        timestamp = timestamps.render(self._compared.current_at)
        return encode_event("heartbeat", {"timestamp": timestamp, "age_seconds": age})

    async def wait(self) -> None:
        """Wait until the streams are woken; a lost connection cancels this."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def _event_id(self, number: int) -> str:
        return f"{self._epoch}-{number}"

    def _skip_to(self, current: StateView) -> None:
        """Skip all changes up to a state: open streams get a new snapshot instead."""
        self._sent = self._compared = current
        self._damper = Damper(self._sent, self._cluster, time.monotonic())
        self._by_controller = NodesByController()
        self.ring.skip()

    async def _run(self) -> None:
        """Add changes to the ring until there has been no stream for a minute."""
        try:
            await self._add_diffs()
        except Exception:
            self._skip_to(self._state.current)
            await self._wake_streams()
            raise
        # The next stream begins with a new one. Until then no state of the past is of use.
        self._snapshots.drop(lambda _: False)
        self._skip_to(_NOTHING)

    async def _add_diffs(self) -> None:
        # So that the first workload that changes isn't sent later than others.
        await self._by_controller.advance(self._sent.snapshot)
        idle_from = time.monotonic()
        heartbeat_at = idle_from + self._heartbeat_seconds
        pause = DIFF_SECONDS
        while True:
            await asyncio.sleep(pause)
            self._snapshots.drop(self._is_current)
            if self._has_streams():
                idle_from = time.monotonic()
            elif time.monotonic() >= idle_from + self._idle_seconds:
                return
            if not await self._add_diff() and time.monotonic() < heartbeat_at:
                continue
            started = time.monotonic()
            heartbeat_at = started + self._heartbeat_seconds
            await self._wake_streams()
            # To wake thousands of streams takes a while: then each wake-up covers more changes.
            pause = max(DIFF_SECONDS, WAKE_PAUSE_FACTOR * (time.monotonic() - started))

    async def _add_diff(self) -> bool:
        """Add what has changed to the ring. Return whether anything has."""
        current = self._state.current
        if not self._damper.has_work(current, time.monotonic()):
            self._compared = current
            return False
        sent = await self._damper.advance(self._sent, current, time.monotonic())
        diff = await diff_states(self._sent, sent, self._by_controller, self._cluster, self._clock())
        self._sent, self._compared = sent, current
        if not diff.has_changes:
            return False
        self.ring.add(DiffEntry(diff, self._event_id(self.ring.last + 1), self.ring.trim))
        return True

    async def _wake_streams(self) -> None:
        """Wake all waiting streams in batches, so that other requests get their turn."""
        waiting, self._waiting = self._waiting, []
        for number, waiter in enumerate(waiting, start=1):
            if not waiter.done():
                waiter.set_result(None)
            if number % WAKE_BATCH == 0:
                await asyncio.sleep(0)
