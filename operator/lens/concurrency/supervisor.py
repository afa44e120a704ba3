"""Background jobs: a job that fails by a defect is logged, counted, and started again after a delay.

A failure of one job ends no other, and not the process.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lens.concurrency.backoff import Backoff

CountFailures = Callable[[str, int], object]
"""Adds failures to a job's count. Called with 0 as the job is first started, so that its counter exists."""

JOB_FAILURES_HELP = (
    "Failures of background jobs by a defect of Lens, after each of which the job was started again; 0 is "
    "right."
)

_log = logging.getLogger("lens.concurrency.supervisor")


def uncounted(job: str, failures: int) -> None:
    """Count nothing: for a process without metrics, whose log has the failures."""


@dataclass(frozen=True)
class RestartDelays:
    """Seconds between a failure and the next start: ``first``, then doubled up to ``longest``.

    After a run of ``reset_after`` seconds or more the next delay is ``first`` again.
    """

    first: float = 1.0
    longest: float = 30.0
    reset_after: float = 60.0


RESTART_DELAYS = RestartDelays()


class _Restarts:
    """One job's failures, and the delays that follow from them."""

    def __init__(self, job: str, count: CountFailures, delays: RestartDelays) -> None:
        self._job = job
        self._count = count
        self._delays = delays
        self._backoff = Backoff(delays.first, delays.longest)
        count(job, 0)

    def record(self, ran_seconds: float) -> float:
        """Log and count the exception that is being handled; return the seconds until the next start."""
        if ran_seconds >= self._delays.reset_after:
            self._backoff.reset()
        delay = self._backoff.next()
        _log.exception(
            "a background job failed; it is started again", extra={"job": self._job, "delay_seconds": delay}
        )
        self._count(self._job, 1)
        return delay


class Supervisor:
    """Runs the jobs of one event loop."""

    def __init__(self, count: CountFailures, delays: RestartDelays = RESTART_DELAYS) -> None:
        """Take what counts failures."""
        self._count = count
        self._delays = delays
        self._tasks: set[asyncio.Task[None]] = set()
        self._fatal: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(
        self, job: str, run: Callable[[], Awaitable[None]], *, fatal: tuple[type[Exception], ...] = ()
    ) -> asyncio.Task[None]:
        """Run a job until it returns. An error in ``fatal`` ends it, and is raised by ``wait``."""
        task = asyncio.create_task(self._run(job, run, fatal), name=job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def wait(self, stop: asyncio.Event) -> None:
        """Wait for ``stop``. Raise the first error that a job declared fatal."""
        stopping = asyncio.create_task(stop.wait())
        waiting: set[asyncio.Future[Any]] = {stopping, self._fatal}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        if self._fatal.done():
            self._fatal.result()

    async def stop(self) -> None:
        """Cancel all jobs, and wait until they have ended."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(
        self, job: str, run: Callable[[], Awaitable[None]], fatal: tuple[type[Exception], ...]
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        restarts = _Restarts(job, self._count, self._delays)
        while True:
            began = time.monotonic()
            try:
                await run()
            except fatal as error:
                if not self._fatal.done():
                    self._fatal.set_exception(error)
                return
            except (Exception, asyncio.CancelledError) as error:
                if task.cancelling() and isinstance(error, asyncio.CancelledError):
                    raise
                # A CancelledError that nobody asked for comes from a task inside the job.
                delay = restarts.record(time.monotonic() - began)
                if task.cancelling():
                    return
            else:
                return
            await asyncio.sleep(delay)


def start_thread(
    job: str,
    run: Callable[[], None],
    stopping: threading.Event,
    count: CountFailures,
    delays: RestartDelays = RESTART_DELAYS,
) -> None:
    """Run a job in a daemon thread of its own until it returns; once ``stopping`` is set, not again."""
    threading.Thread(
        target=_run_in_thread, args=(job, run, stopping, count, delays), name=job, daemon=True
    ).start()


def _run_in_thread(
    job: str,
    run: Callable[[], None],
    stopping: threading.Event,
    count: CountFailures,
    delays: RestartDelays,
) -> None:
    restarts = _Restarts(job, count, delays)
    while True:
        began = time.monotonic()
        try:
            run()
        except Exception:
            if stopping.wait(restarts.record(time.monotonic() - began)):
                return
        else:
            return


@contextlib.contextmanager
def contained(job: str, count: CountFailures) -> Iterator[None]:
    """Log and count a defect in one step of a job that goes on with its next step."""
    try:
        yield
    except Exception:
        _log.exception("a step of a background job failed", extra={"job": job})
        count(job, 1)
