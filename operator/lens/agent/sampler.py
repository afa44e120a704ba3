"""Sample the GPUs on the agent's own clock: requests to the agent cause no NVML calls."""

import logging
import threading
import time
from collections.abc import Callable

import msgspec
import pynvml

from lens.agent.gpu import nvml
from lens.agent.gpu.gpu_reader import IDENTITY, unreadable_gpu
from lens.agent.gpu.health import driver_state, is_unreadable
from lens.agent.gpu.xid_watch import XidWatch
from lens.agent.rounds import GpuSlot, RoundRunner
from lens.concurrency.supervisor import CountFailures, start_thread, uncounted
from lens.model.gpu.node_report import MAX_GPUS, Driver, Gpu

FORGET_SECONDS = 15.0
"""A hanging GPU's last values are reported for so long, or three intervals if that is longer."""

STALL_SECONDS = 60.0
"""The agent is stuck if no round has ended for so long, or three intervals if that is longer."""

_log = logging.getLogger("lens.agent.sampler")


class Sample(msgspec.Struct, frozen=True):
    """The result of the last round. ``number`` counts the rounds; ``at`` is when the last one ended."""

    number: int
    at: float | None
    driver: Driver
    gpus: tuple[Gpu, ...]


class Sampler:
    """Run a round every ``interval`` seconds in a thread of its own."""

    def __init__(
        self,
        interval: float,
        watch: XidWatch,
        clock: Callable[[], float] = time.time,
        forget_seconds: float = FORGET_SECONDS,
        count_failures: CountFailures = uncounted,
    ) -> None:
        """Start ``watch`` once there is a driver."""
        self._interval = interval
        self._forget_seconds = max(forget_seconds, 3 * interval)
        self._watch = watch
        self._clock = clock
        self._count_failures = count_failures
        self._stopping = threading.Event()
        self._runner: RoundRunner | None = None
        self._gpus: tuple[Gpu, ...] = ()
        self._ever_read = False
        self._round_ended = time.monotonic()
        self.sample = Sample(0, None, Driver(state="starting"), ())

    def start(self) -> None:
        """Start sampling."""
        start_thread("sampler", self._run, self._stopping, self._count_failures)

    def stop(self) -> None:
        """Stop sampling."""
        self._stopping.set()
        self._watch.stop()

    def problem(self) -> str | None:
        """Return the failure that only a new process can recover from, or None."""
        if time.monotonic() - self._round_ended > max(STALL_SECONDS, 3 * self._interval):
            return "STALLED"
        driver = self.sample.driver
        return driver.reason if driver.state == "failed" else None

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            # Rounds missed in a delay, or while the machine was suspended, are not made up for.
            due = max(due + self._interval, time.monotonic())
            driver = self.sample.driver
            if self._runner is None and driver.state != "ready":
                driver = nvml.init()
            if driver.state == "ready" or self._runner is not None:
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
        query = nvml.NvmlQuery()
        count = query.get("count", pynvml.nvmlDeviceGetCount)
        if count is None:
            # Only the GPUs' identities are still known.
            reason = query.reasons["count"]
            self._gpus = tuple(_forget_values(gpu, reason) for gpu in self._gpus)
            return msgspec.structs.replace(driver, state="failed", reason=reason)
        if self._runner is None and count:
            self._runner = RoundRunner(min(count, MAX_GPUS))
            self._watch.start(len(self._runner.slots))
        if self._runner is not None:
            now = self._clock()
            self._runner.run_round(now)
            self._gpus = tuple(self._slot_gpu(slot, now) for slot in self._runner.slots)
        self._ever_read = self._ever_read or any(not is_unreadable(gpu) for gpu in self._gpus)
        return driver_state(driver, len(self._gpus), count, self._gpus, once_read=self._ever_read)

    def _slot_gpu(self, slot: GpuSlot, now: float) -> Gpu:
        """Return a GPU's latest values. A hanging GPU keeps its last values for a while.

        So long may the first values take, too: a driver that isn't persistent starts a GPU when it is asked.
        """
        latest = slot.latest
        if latest is None:
            waiting = slot.since is None or now - slot.since <= self._forget_seconds
            reason = nvml.NOT_YET if waiting else nvml.TIMEOUT
            return unreadable_gpu(slot.reader.index, reason, now, slot.reader.identity)
        if slot.busy and now - latest.sampled_at > self._forget_seconds:
            return _forget_values(latest, nvml.TIMEOUT)
        return latest


def _forget_values(gpu: Gpu, reason: str) -> Gpu:
    identity = {name: getattr(gpu, name) for name in IDENTITY}
    return unreadable_gpu(gpu.index, reason, gpu.sampled_at, identity)
