import asyncio
import contextlib
import gc
import threading
from collections.abc import Callable

import pytest

from lens.concurrency.changes import Changes

SECONDS = 20.0


class Shared:
    def __init__(self) -> None:
        self.changes = Changes()
        self.number = 0

    def count(self) -> None:
        self.number += 1
        self.changes.notify()

    def reaches(self, number: int) -> Callable[[], bool]:
        return lambda: self.number >= number


async def test_a_condition_that_holds_is_not_waited_for() -> None:
    await asyncio.wait_for(Shared().changes.until(lambda: True), SECONDS)


async def test_all_waiters_are_notified_from_another_thread() -> None:
    shared = Shared()
    waiting = [asyncio.create_task(shared.changes.until(shared.reaches(number))) for number in (1, 2, 500)]

    def count() -> None:
        for _ in range(500):
            shared.count()

    thread = threading.Thread(target=count)
    thread.start()
    async with asyncio.timeout(SECONDS):
        await asyncio.gather(*waiting)
    thread.join()


async def test_a_change_between_the_check_and_the_wait_is_not_lost() -> None:
    shared = Shared()
    looks = 0

    def condition() -> bool:
        nonlocal looks
        looks += 1
        held = shared.number > 0
        if looks == 1:
            shared.count()
        return held

    await asyncio.wait_for(shared.changes.until(condition), SECONDS)


async def test_a_cancelled_waiter_delays_no_other() -> None:
    shared = Shared()
    gone = asyncio.create_task(shared.changes.until(shared.reaches(1)))
    waiting = asyncio.create_task(shared.changes.until(shared.reaches(1)))
    await asyncio.sleep(0)
    gone.cancel()
    shared.count()
    await asyncio.wait_for(waiting, SECONDS)
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_nothing_is_kept_of_who_gives_up_waiting() -> None:
    shared = Shared()

    def futures() -> int:
        return sum(isinstance(each, asyncio.Future) for each in gc.get_objects())

    before = futures()
    for _ in range(100):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await shared.changes.until(shared.reaches(1))
    assert futures() < before + 50, "until somebody notifies, which may take a day"


def test_a_loop_that_has_ended_fails_no_notification() -> None:
    shared = Shared()
    loop = asyncio.new_event_loop()
    task = loop.create_task(shared.changes.until(shared.reaches(1)))
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    shared.count()
