import asyncio
from functools import partial
from typing import Any

from lens.http.request_queue import PER_ITERATION, RequestQueue


class Requests:
    """A queue, and the names of the requests that it has started."""

    def __init__(self) -> None:
        self.queue = RequestQueue()
        self.started: list[Any] = []

    def add(self, name: object, address: str = "10.0.0.1") -> None:
        self.queue.add(address, partial(self.started.append, name))


async def test_few_requests_start_at_once() -> None:
    requests = Requests()
    for number in range(PER_ITERATION):
        requests.add(number)
    assert requests.started == list(range(PER_ITERATION))


async def test_each_iteration_starts_a_few_of_many() -> None:
    requests = Requests()
    for number in range(10 * PER_ITERATION):
        requests.add(number)
    for iteration in range(1, 11):
        assert requests.started == list(range(iteration * PER_ITERATION))
        await asyncio.sleep(0)


async def test_addresses_take_turns() -> None:
    requests = Requests()
    for number in range(500):
        requests.add(number)
    for address in ("10.0.0.2", "10.0.0.3"):
        requests.add(address, address)
    for _ in range(3):
        await asyncio.sleep(0)
    assert {"10.0.0.2", "10.0.0.3"} <= set(requests.started[: PER_ITERATION + 3])


async def test_after_a_burst_requests_start_at_once_again() -> None:
    requests = Requests()
    for number in range(3 * PER_ITERATION):
        requests.add(number)
    for _ in range(4):
        await asyncio.sleep(0)
    requests.add("last")
    assert requests.started[-1] == "last"


async def test_a_failing_start_does_not_stop_the_others() -> None:
    requests, failures = Requests(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))

    def fail() -> None:
        raise ValueError

    for number in range(PER_ITERATION):
        requests.add(number)
    requests.queue.add("10.0.0.1", fail)
    requests.add("after")
    for _ in range(3):
        await asyncio.sleep(0)
    assert requests.started[-1] == "after"
    assert len(failures) == 1


async def test_a_server_that_stops_starts_all() -> None:
    requests = Requests()
    for number in range(5 * PER_ITERATION):
        requests.add(number, f"10.0.0.{number % 3}")
    requests.queue.start_all()
    assert sorted(requests.started) == list(range(5 * PER_ITERATION))
