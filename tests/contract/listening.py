"""Streams as a client reads them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp

from tests.contract.conftest import TOKEN, Api

PATH = "/api/v1/realtime/stream?cluster=prod-cluster"


HEAD = ("cluster", "version", "timestamp", "age_seconds", "stale_after_seconds", "idle_percent")
"""What a snapshot has beside its sections."""


class Event(NamedTuple):
    """A server-sent event."""

    name: str
    id: str | None
    data: Any


class Stream:
    """A stream as a client reads it."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self, seconds: float = 30.0) -> Event:
        """Return the next event; what sets the retry time has none."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(seconds):
            while line := (await self.response.content.readline()).decode():
                if line != "\n":
                    name, _, value = line.rstrip("\n").partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    return Event(fields["event"], fields.get("id"), json.loads(fields["data"]))
                else:
                    fields = {}
        raise EOFError


@asynccontextmanager
async def listen(
    api: Api, query: str = "", token: str = TOKEN, path: str = PATH, **headers: str
) -> AsyncIterator[Stream]:
    """Open a stream for as long as the block lasts; ``Last_Event_ID="…"`` sends the header Last-Event-ID."""
    sent = {"Authorization": f"Bearer {token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    async with (
        aiohttp.ClientSession(read_bufsize=2**22) as session,
        session.get(api.server.url + path + query, headers=sent) as response,
    ):
        assert response.status == 200, await response.text()
        yield Stream(response)
