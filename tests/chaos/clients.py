"""Those who ask the Lenses all the time: for figures, for lists, for pages, and by stream."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import aiohttp

from tests.chaos.churn import MARKERS
from tests.e2e.lens import CLUSTER

EVERY_S = 0.25
PAGE = 7
TIMEOUT = aiohttp.ClientTimeout(total=20)


class Asked(Protocol):
    """A Lens: its number, and where it is."""

    @property
    def number(self) -> int: ...

    @property
    def url(self) -> str: ...


@dataclass(frozen=True)
class Listed:
    """An answer with the names of all markers: when it was asked for and came, and how old it says it is."""

    replica: int
    sent: float
    came: float
    current_at: float
    names: tuple[str, ...]


@dataclass(frozen=True)
class Failed:
    """A request without an answer of 200."""

    replica: int
    sent: float
    came: float
    what: str


@dataclass
class Streamed:
    """The state of a stream: the rows of its tasks by their names, and the ids of its events."""

    replica: int
    tasks: dict[str, str] = field(default_factory=dict)
    epoch: str = ""
    number: int = 0
    events: int = 0
    problems: list[str] = field(default_factory=list)


class Clients:
    """Two callers and a stream for each replica."""

    def __init__(self, replicas: Sequence[Asked]) -> None:
        """Take whom to ask."""
        self._replicas = replicas
        self._tasks: list[asyncio.Task[None]] = []
        self.lists: list[Listed] = []
        self.pages: list[Listed] = []
        self.failed: list[Failed] = []
        self.streams = [Streamed(each.number) for each in replicas]
        self.asked = 0

    def start(self) -> None:
        """Begin."""
        for replica in self._replicas:
            for ask in (self._list, self._walk):
                self._tasks.append(asyncio.create_task(self._repeat(replica, ask)))
            self._tasks.append(asyncio.create_task(self._listen(replica)))

    async def stop(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(
        self, replica: Asked, ask: Callable[[aiohttp.ClientSession, Asked], Coroutine[Any, Any, None]]
    ) -> None:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            while True:
                sent = time.time()
                self.asked += 1
                try:
                    await ask(session, replica)
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    self.failed.append(Failed(replica.number, sent, time.time(), repr(error)))
                await asyncio.sleep(EVERY_S)

    async def _list(self, session: aiohttp.ClientSession, replica: Asked) -> None:
        sent = time.time()
        data = await self._ask(session, replica)
        if data is not None:
            self.lists.append(_listed(replica, sent, data["timestamp"], data["tasks"]))

    async def _walk(self, session: aiohttp.ClientSession, replica: Asked) -> None:
        sent, rows, token, first = time.time(), [], "", ""
        while True:
            more = {"limit": str(PAGE)} | ({"continue": token} if token else {})
            data = await self._ask(session, replica, **more)
            if data is None:
                return
            first = first or data["timestamp"]
            rows += data["tasks"]
            token = data["continue"] or ""
            if not token:
                break
        self.pages.append(_listed(replica, sent, first, rows))

    async def _ask(
        self, session: aiohttp.ClientSession, replica: Asked, **more: str
    ) -> dict[str, Any] | None:
        params = {"cluster": CLUSTER, "namespace": MARKERS, "state": "all", **more}
        sent = time.time()
        async with session.get(
            f"{replica.url}/api/v1/realtime/running-tasks",
            params=params,
            headers={"Cache-Control": "no-cache"},
        ) as response:
            body = await response.json()
            if response.status != 200:
                what = f"{response.status} {body['meta']['message']}"
                self.failed.append(Failed(replica.number, sent, time.time(), what))
                return None
            data: dict[str, Any] = body["data"]
            return data

    async def _listen(self, replica: Asked) -> None:
        stream = self.streams[replica.number]
        last = ""
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_read=30), read_bufsize=2**22
        ) as session:
            while True:
                # It reconnects, as browsers' event sources do.
                with suppress(aiohttp.ClientError, TimeoutError, OSError):
                    last = await self._read(session, replica, stream, last)
                await asyncio.sleep(0.5)

    async def _read(self, session: aiohttp.ClientSession, replica: Asked, stream: Streamed, last: str) -> str:
        headers = {"Last-Event-ID": last} if last else {}
        params = {"cluster": CLUSTER, "namespace": MARKERS}
        async with session.get(
            f"{replica.url}/api/v1/realtime/stream", params=params, headers=headers
        ) as response:
            response.raise_for_status()
            event, id_ = "", ""
            async for line in response.content:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "event":
                    event = value
                elif name == "id":
                    id_ = value
                elif name == "data" and event in ("snapshot", "change"):
                    apply(stream, event, id_, json.loads(value))
                    last = id_
        return last


def _listed(replica: Asked, sent: float, timestamp: str, rows: list[dict[str, Any]]) -> Listed:
    current_at = datetime.fromisoformat(timestamp).timestamp()
    return Listed(replica.number, sent, time.time(), current_at, tuple(row["pod_name"] for row in rows))


def apply(stream: Streamed, event: str, id_: str, data: dict[str, Any]) -> None:
    """Apply an event to a stream's state, and note its problems."""
    epoch, _, number = id_.rpartition("-")
    if epoch == stream.epoch and int(number) < stream.number + (event == "change"):
        stream.problems.append(f"event {id_} after {stream.epoch}-{stream.number}")
    stream.epoch, stream.number = epoch, int(number)
    stream.events += 1
    if event == "snapshot":
        stream.tasks = {row["pod_name"]: row["pod_uid"] for row in data["tasks"]}
        return
    tasks = data.get("tasks") or {}
    for row in tasks.get("gone", ()):
        if stream.tasks.get(row["pod_name"]) == row["pod_uid"]:
            del stream.tasks[row["pod_name"]]
        else:
            stream.problems.append(f"event {id_} removes {row['pod_name']}, which wasn't there")
    for row in tasks.get("changed", ()):
        stream.tasks[row["pod_name"]] = row["pod_uid"]
