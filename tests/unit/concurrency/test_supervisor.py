"""Background jobs that fail: what is counted, when they start again, and what ends the process."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from lens.concurrency.supervisor import RestartDelays, Supervisor, contained, start_thread

DEADLINE_S = 30.0
QUICK = RestartDelays(first=0.01, longest=0.04, reset_after=60.0)


class Failures(Counter[str]):
    """What was counted, by job."""

    def count(self, job: str, failures: int) -> None:
        self.update({job: failures})


class Job:
    """A job that goes through its acts, one each time that it is started, and then runs until cancelled."""

    def __init__(self, *acts: Callable[[], Awaitable[None]]) -> None:
        self.acts = list(acts)
        self.started_at: list[float] = []
        self.steady = asyncio.Event()
        self.ended = False

    async def run(self) -> None:
        self.started_at.append(time.monotonic())
        if self.acts:
            return await self.acts.pop(0)()
        self.steady.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True

    @property
    def pauses(self) -> list[float]:
        return [after - before for before, after in zip(self.started_at, self.started_at[1:], strict=False)]


async def fail() -> None:
    raise ZeroDivisionError("a defect")


async def steady(job: Job) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await job.steady.wait()


async def test_a_job_that_fails_is_logged_counted_and_started_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures, job = Failures(), Job(fail, fail)
    supervisor = Supervisor(failures.count, QUICK)
    supervisor.start("rules", job.run)
    await steady(job)
    await supervisor.stop()
    assert failures == {"rules": 2}
    records = [record for record in caplog.records if record.name == "lens.concurrency.supervisor"]
    assert [record.__dict__["job"] for record in records] == ["rules", "rules"]
    assert all(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in records)
    assert job.ended


async def test_a_failing_job_waits_longer_each_time_up_to_a_bound() -> None:
    failures, job = Failures(), Job(*[fail] * 5)
    supervisor = Supervisor(failures.count, QUICK)
    supervisor.start("rules", job.run)
    await steady(job)
    await supervisor.stop()
    wanted = [0.01, 0.02, 0.04, 0.04, 0.04]
    assert all(pause >= at_least - 0.002 for pause, at_least in zip(job.pauses, wanted, strict=True))


async def test_a_job_that_ran_well_is_started_again_as_quickly_as_at_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run_well() -> None:
        await asyncio.sleep(0.1)
        await fail()

    job = Job(fail, fail, run_well, fail)
    supervisor = Supervisor(Failures().count, RestartDelays(first=0.01, longest=1.0, reset_after=0.1))
    supervisor.start("rules", job.run)
    await steady(job)
    await supervisor.stop()
    assert [record.__dict__["delay_seconds"] for record in caplog.records] == [0.01, 0.02, 0.01, 0.02]


async def test_the_counter_of_a_job_is_there_before_its_first_failure() -> None:
    failures, job = Failures(), Job()
    supervisor = Supervisor(failures.count)
    supervisor.start("rules", job.run)
    await steady(job)
    assert dict(failures) == {"rules": 0}
    await supervisor.stop()


async def test_a_failure_ends_no_other_job_and_not_the_process() -> None:
    bad, good, stop = Job(fail), Job(), asyncio.Event()
    supervisor = Supervisor(Failures().count, QUICK)
    supervisor.start("bad", bad.run)
    supervisor.start("good", good.run)
    waiting = asyncio.create_task(supervisor.wait(stop))
    await steady(bad)
    assert not good.ended
    assert not waiting.done()
    stop.set()
    await waiting
    await supervisor.stop()
    assert good.ended


async def test_what_a_job_cannot_run_without_ends_the_process() -> None:
    failures, good = Failures(), Job()
    supervisor = Supervisor(failures.count, QUICK)
    supervisor.start("good", good.run)
    await steady(good)
    supervisor.start("watch", Job(fail).run, fatal=(ZeroDivisionError,))
    with pytest.raises(ZeroDivisionError):
        await supervisor.wait(asyncio.Event())
    await supervisor.stop()
    assert failures["watch"] == 0


async def test_a_task_cancelled_inside_a_job_does_not_end_the_job() -> None:
    async def lose_a_task() -> None:
        inner = asyncio.create_task(asyncio.sleep(DEADLINE_S))
        inner.cancel()
        await inner

    failures, job = Failures(), Job(lose_a_task)
    supervisor = Supervisor(failures.count, QUICK)
    supervisor.start("rules", job.run)
    await steady(job)
    await supervisor.stop()
    assert failures == {"rules": 1}


async def test_a_job_that_fails_as_it_is_stopped_is_not_started_again() -> None:
    async def fail_at_the_end() -> None:
        job.steady.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ZeroDivisionError

    failures, job = Failures(), Job()
    job.acts.append(fail_at_the_end)
    supervisor = Supervisor(failures.count, QUICK)
    supervisor.start("rules", job.run)
    await steady(job)
    async with asyncio.timeout(DEADLINE_S):
        await supervisor.stop()
    assert failures == {"rules": 1}
    assert len(job.started_at) == 1


def test_a_thread_that_fails_is_counted_and_runs_again() -> None:
    failures, runs, steady_now, stopping = Failures(), Counter[str](), threading.Event(), threading.Event()

    def run() -> None:
        runs["rounds"] += 1
        if runs["rounds"] < 3:
            raise ZeroDivisionError
        steady_now.set()
        stopping.wait(DEADLINE_S)

    start_thread("rounds", run, stopping, failures.count, QUICK)
    assert steady_now.wait(DEADLINE_S)
    stopping.set()
    assert failures == {"rounds": 2}


def test_a_step_that_fails_is_counted_and_the_next_one_follows() -> None:
    failures = Failures()
    for _ in range(2):
        with contained("publish", failures.count):
            raise ZeroDivisionError
    assert failures == {"publish": 2}
