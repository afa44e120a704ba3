"""Rounds over the GPUs, on the agent's own clock: however often it is asked, NVML is asked this often."""

import logging
import threading
import time
from collections.abc import Callable

import msgspec
import pynvml

from lens.agent.gpu import nvml
from lens.agent.gpu.gpu_reader import IDENTITY, unread
from lens.agent.gpu.health import driver_state, is_unread
from lens.agent.gpu.xid_watch import XidWatch
from lens.agent.rounds import Seat, Turns
from lens.model.gpu.node_report import MOST_GPUS, Driver, Gpu
from lens.supervisor import CountFailures, start_thread, uncounted

FORGET_SECONDS = 15.0
"""After so long (or three intervals, if that is longer) what a GPU said before it hung is told no more."""

STALL_SECONDS = 60.0
"""Without a round for so long (or three intervals, if that is longer), the agent is stuck."""

_log = logging.getLogger("lens.agent.sampler")


class Sample(msgspec.Struct, frozen=True):
    """What the last round found. ``number`` counts them; ``at`` is when it was over."""

    number: int
    at: float | None
    driver: Driver
    gpus: tuple[Gpu, ...]


class Sampler:
    """Take a round every ``interval`` seconds, in a thread of its own."""

    def __init__(
        self,
        interval: float,
        watch: XidWatch,
        clock: Callable[[], float] = time.time,
        forget_seconds: float = FORGET_SECONDS,
        count_failures: CountFailures = uncounted,
    ) -> None:
        """Take what to watch XIDs with once there is a driver."""
        self._interval = interval
        self._forget_seconds = max(forget_seconds, 3 * interval)
        self._watch = watch
        self._clock = clock
        self._count_failures = count_failures
        self._stopping = threading.Event()
        self._turns: Turns | None = None
        self._gpus: tuple[Gpu, ...] = ()
        self._once_read = False
        self._round_ended = time.monotonic()
        self.sample = Sample(0, None, Driver(state="starting"), ())

    def start(self) -> None:
        """Start the clock."""
        start_thread("sampler", self._run, self._stopping, self._count_failures)

    def stop(self) -> None:
        """Take no further round."""
        self._stopping.set()
        self._watch.stop()

    def problem(self) -> str | None:
        """Return what a new process would be needed for, or None."""
        if time.monotonic() - self._round_ended > max(STALL_SECONDS, 3 * self._interval):
            return "STALLED"
        driver = self.sample.driver
        return driver.reason if driver.state == "failed" else None

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            # After a delay, or a suspended machine, the rounds that were missed are not made up for.
            due = max(due + self._interval, time.monotonic())
            driver = self.sample.driver
            if self._turns is None and driver.state != "ready":
                driver = nvml.start()
            if driver.state == "ready" or self._turns is not None:
                driver = self._round(driver)
            self._publish(driver)

    def _publish(self, driver: Driver) -> None:
        before = self.sample.driver
        if driver != before:
            level = logging.ERROR if driver.state == "failed" else logging.INFO
            fields = {"state": driver.state, "reason": driver.reason, "version": driver.version}
            _log.log(level, "driver", extra=fields)
        self.sample = Sample(self.sample.number + 1, self._clock(), driver, self._gpus)
        self._round_ended = time.monotonic()

    def _round(self, driver: Driver) -> Driver:
        reading = nvml.Reading()
        count = reading.get("count", pynvml.nvmlDeviceGetCount)
        if count is None:
            # Nothing is known of the GPUs any more but who they were.
            reason = reading.reasons["count"]
            self._gpus = tuple(_unread(gpu, reason) for gpu in self._gpus)
            return msgspec.structs.replace(driver, state="failed", reason=reason)
        if self._turns is None and count:
            self._turns = Turns(min(count, MOST_GPUS))
            self._watch.start(len(self._turns.seats))
        if self._turns is not None:
            now = self._clock()
            self._turns.take(now)
            self._gpus = tuple(self._present(seat, now) for seat in self._turns.seats)
        self._once_read = self._once_read or any(not is_unread(gpu) for gpu in self._gpus)
        return driver_state(driver, len(self._gpus), count, self._gpus, once_read=self._once_read)

    def _present(self, seat: Seat, now: float) -> Gpu:
        """Return a GPU as it is, or, of one that hangs, what it said last for a while."""
        latest = seat.latest
        if latest is None:
            return unread(seat.reader.index, nvml.TIMEOUT, now, seat.reader.identity)
        if seat.busy and now - latest.sampled_at > self._forget_seconds:
            return _unread(latest, nvml.TIMEOUT)
        return latest


def _unread(gpu: Gpu, reason: str) -> Gpu:
    identity = {name: getattr(gpu, name) for name in IDENTITY}
    return unread(gpu.index, reason, gpu.sampled_at, identity)
