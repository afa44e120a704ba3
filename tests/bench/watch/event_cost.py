"""The CPU that a watch event costs a process."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp

from tests.bench.process import usage
from tests.bench.watch.writer import Write, write
from tests.e2e.cluster.api import Api
from tests.e2e.cluster.kubeconfig import Access
from tests.e2e.cluster.waiting import wait_until

UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"


class EventCost(NamedTuple):
    """What a process spent on `events` in `seconds`, its idle work included; CPU in seconds."""

    events: int
    seconds: float
    cpu_s: float

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of CPU for each event."""
        return 1000 * self.cpu_s / self.events


async def event_cost(
    pids: Mapping[str, int], api: Api, writes: Iterator[Write], per_second: float, seconds: float
) -> dict[str, EventCost]:
    """Write at a rate and return what it cost each of the processes that watch pods and nodes.

    The events are counted by watches of this process's own: other writers' events (kwok's) count too.
    """
    tally = _Tally()
    async with asyncio.TaskGroup() as group:
        watches = [
            group.create_task(tally.watch(api, "/api/v1/pods", fieldSelector=UNFINISHED)),
            group.create_task(tally.watch(api, "/api/v1/nodes")),
        ]
        await tally.started.wait()
        began = time.monotonic()
        before = {name: usage(pid).cpu_s for name, pid in pids.items()}
        written = await write(writes, per_second, seconds)
        await tally.settle(len(written.answered))
        costs = {
            name: EventCost(tally.events, time.monotonic() - began, usage(pid).cpu_s - before[name])
            for name, pid in pids.items()
        }
        for task in watches:
            task.cancel()
    return costs


async def wait_until_still(api: Api, seconds: float = 5, deadline_s: float = 300) -> None:
    """Wait until no pod has changed for so many seconds, as those do that have just begun to run.

    Raises TimeoutError.
    """
    async with asyncio.timeout(deadline_s), watch(api, "/api/v1/pods") as stream:
        while True:
            try:
                async with asyncio.timeout(seconds):
                    await stream.readany()
            except TimeoutError:
                return


@asynccontextmanager
async def watch(api: Api, collection: str, **selector: str) -> AsyncIterator[aiohttp.StreamReader]:
    """Watch `collection` from now on."""
    listed = await api.request("GET", collection, params={"limit": "1", **selector})
    from_now = {"watch": "1", "resourceVersion": listed["metadata"]["resourceVersion"], **selector}
    async with _session(api.access) as session, session.get(collection, params=from_now) as response:
        response.raise_for_status()
        yield response.content


class _Tally:
    """Counts the events of watches."""

    def __init__(self) -> None:
        self.events = 0
        self.started = asyncio.Barrier(3)

    async def watch(self, api: Api, collection: str, **selector: str) -> None:
        """Count the events of `collection` until cancelled."""
        async with watch(api, collection, **selector) as stream:
            await self.started.wait()
            async for chunk in stream.iter_any():
                self.events += chunk.count(b"\n")
        raise ConnectionError(f"the watch of {collection} ended while it was counted")

    async def settle(self, writes: int) -> None:
        """Wait until so many events have come, and then for a second without any, 10 s at most."""

        async def seen() -> bool:
            return self.events >= writes

        await wait_until(seen, f"{writes} events", deadline_s=30)
        for _ in range(10):
            before = self.events
            await asyncio.sleep(1)
            if self.events == before:
                return


def _session(access: Access) -> aiohttp.ClientSession:
    headers = {"Authorization": f"Bearer {access.token}"} if access.token else {}
    connector = aiohttp.TCPConnector(ssl=access.ssl_context())
    endless = aiohttp.ClientTimeout(total=None)
    return aiohttp.ClientSession(access.server, headers=headers, connector=connector, timeout=endless)
