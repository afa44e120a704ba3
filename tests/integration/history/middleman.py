"""Stands between clients and a Lens, and spoils what the Lens says in one way."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp
from aiohttp import web

Data = dict[str, Any]


class Event(NamedTuple):
    """An event of a stream."""

    name: str
    id: str
    data: Data


class Honest:
    """Spoils nothing; the base of what does."""

    def query(self, query: dict[str, str]) -> dict[str, str]:
        """Return what the Lens is asked for instead."""
        return query

    def token(self, token: str) -> str:
        """Return whose request it is instead."""
        return token

    def data(self, query: dict[str, str], data: Data) -> Data:
        """Return an answer's data instead."""
        return data

    def events(self, event: Event) -> Iterable[Event]:
        """Return a stream's events instead."""
        return (event,)


class Middleman:
    """Passes on requests to a Lens, and its answers as ``spoils`` has them."""

    def __init__(self, number: int, url: str, token: str, spoils: Honest) -> None:
        """Take the Lens, and the token of requests that have none."""
        self.number = number
        self.url = ""
        self.spoils = spoils
        self._lens = url
        self._token = token

    async def __aenter__(self) -> Self:
        """Listen."""
        app = web.Application()
        app.router.add_get("/api/v1/realtime/stream", self._stream)
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        await self._session.close()

    @asynccontextmanager
    async def _asked(
        self, request: web.Request, query: dict[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        given = request.headers.get("Authorization", f"Bearer {self._token}").removeprefix("Bearer ")
        headers = {"Authorization": f"Bearer {self.spoils.token(given)}", "Cache-Control": "no-cache"}
        async with self._session.get(
            self._lens + request.path, params=self.spoils.query(query), headers=headers
        ) as response:
            yield response

    async def _answer(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        async with self._asked(request, query) as response:
            document = await response.json()
            if response.status == 200:
                document["data"] = self.spoils.data(query, document["data"])
            return web.json_response(document, status=response.status)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        async with self._asked(request, dict(request.query)) as response:
            fields: dict[str, str] = {}
            async for line in response.content:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                    continue
                if fields.get("event") in ("snapshot", "change"):
                    told = Event(fields["event"], fields["id"], json.loads(fields["data"]))
                    for event in self.spoils.events(told):
                        text = f"event: {event.name}\nid: {event.id}\ndata: {json.dumps(event.data)}\n\n"
                        await answer.write(text.encode())
                fields.clear()
        return answer


@asynccontextmanager
async def middlemen(url: str, token: str, *spoils: Honest) -> AsyncIterator[list[Middleman]]:
    """Serve one for each way to spoil answers, in their order."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Middleman(number, url, token, each))
            for number, each in enumerate(spoils)
        ]
