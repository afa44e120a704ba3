"""One call for concurrent callers: shared results and errors, and who cancels it."""

import asyncio
import gc
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest

from lens.concurrency.single_flight import SingleFlight


class Call:
    """A call that ends when told to."""

    def __init__(self) -> None:
        self.started = 0
        self.cancelled = 0
        self.end = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.started += 1
        number = self.started
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return number


def started(flights: SingleFlight[str, int], call: Call, key: str = "key") -> "asyncio.Task[int]":
    return asyncio.create_task(flights.do(key, call))


async def settled() -> None:
    """Let all tasks run until they wait for something."""
    for _ in range(10):
        await asyncio.sleep(0)


async def cancelled(task: "asyncio.Task[int]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_concurrent_callers_share_one_call_and_later_ones_start_another() -> None:
    flights, call = SingleFlight[str, int](), Call()
    first, second = started(flights, call), started(flights, call)
    await settled()
    assert (call.started, len(flights), "key" in flights) == (1, 1, True)
    call.end.set()
    assert [*await asyncio.gather(first, second)] == [1, 1]
    assert len(flights) == 0
    assert await flights.do("key", call) == 2


async def test_different_keys_have_calls_of_their_own() -> None:
    flights, call = SingleFlight[str, int](), Call()
    tasks = started(flights, call, "a"), started(flights, call, "b")
    await settled()
    call.end.set()
    assert [*await asyncio.gather(*tasks)] == [1, 2]


async def test_all_callers_get_the_error() -> None:
    flights, call = SingleFlight[str, int](), Call()
    tasks = started(flights, call), started(flights, call)
    await settled()
    call.error = ValueError("no")
    call.end.set()
    assert [*await asyncio.gather(*tasks, return_exceptions=True)] == [call.error, call.error]
    assert "key" not in flights


async def test_a_cancelled_caller_leaves_the_call_to_the_others_and_the_last_cancels_it() -> None:
    flights, call = SingleFlight[str, int](), Call()
    first, second = started(flights, call), started(flights, call)
    await settled()
    await cancelled(first)
    assert call.cancelled == 0
    await cancelled(second)
    await settled()
    assert (call.cancelled, len(flights)) == (1, 0)


async def test_a_caller_after_the_last_one_left_starts_another_call() -> None:
    flights, call = SingleFlight[str, int](), Call()
    first = started(flights, call)
    await settled()
    first.cancel()
    second = started(flights, call)
    await settled()
    call.end.set()
    assert await second == 2
    assert call.cancelled == 1


async def test_a_call_may_outlive_its_callers(caplog: pytest.LogCaptureFixture) -> None:
    flights, call = SingleFlight[str, int](outlives_callers=True), Call()
    first = started(flights, call)
    await settled()
    await cancelled(first)
    second = started(flights, call)
    await settled()
    assert (call.started, call.cancelled) == (1, 0)
    await cancelled(second)
    call.error = ValueError("no")
    call.end.set()
    await settled()
    gc.collect()
    assert len(flights) == 0
    # Nobody is left to take the error, which asyncio would log.
    assert not caplog.records


async def test_closing_cancels_all_calls() -> None:
    flights, call = SingleFlight[str, int](outlives_callers=True), Call()
    tasks = started(flights, call, "a"), started(flights, call, "b")
    await settled()
    await flights.close()
    assert call.cancelled == 2
    for task in tasks:
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_failed_call_keeps_nothing_in_memory() -> None:
    class Body:
        pass

    flights = SingleFlight[str, int]()
    bodies: list[weakref.ref[Body]] = []

    async def failing() -> int:
        body = Body()
        bodies.append(weakref.ref(body))
        await asyncio.sleep(0)
        raise ValueError(str(body))

    async def ask(call: Coroutine[Any, Any, int]) -> None:
        try:
            await call
        except ValueError:
            return
        pytest.fail("there is no error")

    gc.disable()
    try:
        await ask(flights.do("key", failing))
        await settled()
        assert [body() for body in bodies] == [None]
    finally:
        gc.enable()
