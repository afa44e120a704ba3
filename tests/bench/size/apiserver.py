"""An apiserver of a computed cluster, in a process of its own: it makes pages and watch lines on the fly.

It serves plain HTTP on 127.0.0.1 with what Lens and client-go's informers ask for: discovery, lists with
`limit` and `continue`, watches with bookmarks, and the owners of pods.
`POST /-/changes?count=2000&per_second=100` has pods end and begin, and answers when each began, in ns of
the epoch; `GET /-/totals` says what is right then.
"""

import argparse
import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from http import HTTPStatus

from aiohttp import web

from lens_sim.apiserver import discovery
from lens_sim.apiserver.served import Served
from lens_sim.apiserver.status import StatusError
from lens_sim.objects import resources
from lens_sim.objects.resources import Resource
from tests.bench.size.fleet import FIRST_VERSION, NAMESPACES, Fleet

BOOKMARK_SECONDS = 60.0
BEFORE_THE_END = 2.0
TICK_SECONDS = 0.01
CHUNK_OBJECTS = 500
JSON = "application/json"

_JOB = re.compile(r"job-(\d{7})")


class Apiserver:
    """Serves a fleet; for use in one event loop."""

    def __init__(self, fleet: Fleet) -> None:
        """Take what there is at first."""
        self._fleet = fleet
        self._changes = 0
        self._changed = asyncio.Event()
        self._served = Served()

    def application(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        routes: dict[str, Callable[..., object]] = {
            "/version": lambda: discovery.VERSION,
            "/api": lambda: discovery.CORE,
            "/api/{version}": lambda version: discovery.resources(self._served, "", version),
            "/apis": lambda: discovery.groups(self._served),
            "/apis/{group}/{version}": lambda group, version: discovery.resources(
                self._served, group, version
            ),
        }
        app.router.add_get("/-/totals", self._totals)
        app.router.add_post("/-/changes", self._make_changes)
        for path, document in routes.items():
            app.router.add_get(path, _document(document))
        app.router.add_get("/apis/batch/v1/namespaces/{namespace}/jobs/{name}", self._job)
        for resource in resources.SERVED:
            if resource not in resources.DYNAMIC:
                app.router.add_get(f"{resource.root}/{resource.plural}", self._collection(resource))
        return app

    # What tests ask

    async def _totals(self, _request: web.Request) -> web.Response:
        return web.json_response(self._fleet.totals(self._changes)._asdict())

    async def _make_changes(self, request: web.Request) -> web.Response:
        count, per_second = int(request.query["count"]), float(request.query["per_second"])
        first, began = self._changes + 1, time.monotonic()
        made_at: list[int] = []
        while len(made_at) < count:
            due = min(count, int((time.monotonic() - began) * per_second) + 1)
            if due > len(made_at):
                made_at += [time.time_ns()] * (due - len(made_at))
                self._changes = first - 1 + due
                self._changed.set()
                self._changed = asyncio.Event()
            await asyncio.sleep(TICK_SECONDS)
        begun = {change: at for change, at in enumerate(made_at, first) if self._fleet.begins(change)}
        return web.json_response({"begun": begun})

    # Objects

    async def _job(self, request: web.Request) -> web.Response:
        match = _JOB.fullmatch(request.match_info["name"])
        if match is None:
            raise web.HTTPNotFound
        metadata = {
            "name": match[0],
            "namespace": request.match_info["namespace"],
            "uid": f"00000000-0000-4000-9000-00000{match[1]}",
            "resourceVersion": str(FIRST_VERSION),
        }
        document = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
        return web.json_response(document)

    def _collection(self, resource: Resource) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def respond(request: web.Request) -> web.StreamResponse:
            if request.query.get("watch", "").lower() in ("true", "1"):
                if "sendInitialEvents" in request.query:
                    # Without the feature WatchList: informers then list and watch.
                    return web.json_response(_INVALID, status=HTTPStatus.UNPROCESSABLE_ENTITY)
                return await self._watch(resource, request)
            if "limit" in request.query:
                return self._page(resource, request)
            return await self._whole(resource, request)

        return respond

    # Lists

    def _page(self, resource: Resource, request: web.Request) -> web.Response:
        """Return a page at the version of its list's first one."""
        at, _, start = request.query.get("continue", "").partition(".")
        changes, first = (int(at), int(start)) if at else (self._changes, 0)
        end = first + int(request.query["limit"])
        token = f"{changes}.{end}" if end < self._count(resource) else ""
        body = b",".join(self._objects(resource, first, end, changes))
        return web.Response(body=_head(resource, changes, token) + body + b"]}", content_type=JSON)

    async def _whole(self, resource: Resource, request: web.Request) -> web.StreamResponse:
        """Send a list in one response, as informers ask for it."""
        changes, sent = self._changes, False
        response = web.StreamResponse(headers={"Content-Type": JSON})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(_head(resource, changes, ""))
        for start in range(0, self._count(resource), CHUNK_OBJECTS):
            body = b",".join(self._objects(resource, start, start + CHUNK_OBJECTS, changes))
            await response.write(b"," + body if sent and body else body)
            sent = sent or bool(body)
        await response.write(b"]}")
        await response.write_eof()
        return response

    def _count(self, resource: Resource) -> int:
        """Return how many numbers there are; some may have no object."""
        counts = {
            resources.PODS: self._fleet.pods,
            resources.NODES: self._fleet.nodes,
            resources.NAMESPACES: len(NAMESPACES),
        }
        return counts.get(resource, 0)

    def _objects(self, resource: Resource, start: int, end: int, changes: int) -> Iterable[bytes]:
        if resource is resources.PODS:
            return self._fleet.listed(start, end, changes)
        return (self._object(resource, number) for number in range(start, min(end, self._count(resource))))

    def _object(self, resource: Resource, number: int) -> bytes:
        if resource is resources.NODES:
            return self._fleet.node(number)
        metadata = {"name": NAMESPACES[number], "resourceVersion": str(FIRST_VERSION)}
        return json.dumps({"metadata": metadata}).encode()

    # Watches

    async def _watch(self, resource: Resource, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": JSON})
        response.enable_chunked_encoding()
        await response.prepare(request)
        since = int(request.query.get("resourceVersion", "0") or 0)
        changes = max(0, since - FIRST_VERSION) if since else self._changes
        seconds = float(request.query.get("timeoutSeconds", "3600"))
        async for lines in self._lines(resource, changes, seconds):
            await response.write(lines)
        await response.write_eof()
        return response

    async def _lines(self, resource: Resource, known: int, seconds: float) -> AsyncIterator[bytes]:
        """Yield lines until the watch's time is over, with a bookmark shortly before."""
        clock = asyncio.get_running_loop().time
        ends = clock() + seconds
        bookmarks = _bookmarks(clock(), ends)
        bookmark_at = next(bookmarks)
        while (now := clock()) < ends:
            changed = self._changed
            if resource is resources.PODS and known < self._changes:
                first, known = known + 1, self._changes
                yield b"".join(self._fleet.line(change) for change in range(first, known + 1))
                continue
            if now >= bookmark_at:
                bookmark_at = next(bookmarks)
                yield _bookmark(resource, self._changes)
                continue
            try:
                async with asyncio.timeout(max(0.0, min(bookmark_at, ends) - now)):
                    await changed.wait()
            except TimeoutError:
                continue


def _bookmarks(begins: float, ends: float) -> Iterator[float]:
    at = begins + BOOKMARK_SECONDS
    while at < ends - BEFORE_THE_END:
        yield at
        at += BOOKMARK_SECONDS
    yield ends - BEFORE_THE_END
    while True:
        yield float("inf")


def _bookmark(resource: Resource, changes: int) -> bytes:
    object_ = {
        "kind": resource.kind,
        "apiVersion": resource.api_version,
        "metadata": {"resourceVersion": str(FIRST_VERSION + changes), "creationTimestamp": None},
    }
    return json.dumps({"type": "BOOKMARK", "object": object_}, separators=(",", ":")).encode() + b"\n"


def _head(resource: Resource, changes: int, token: str) -> bytes:
    """Return the beginning of a list, up to its items."""
    metadata = {"resourceVersion": str(FIRST_VERSION + changes), **({"continue": token} if token else {})}
    head = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata}
    return json.dumps(head).encode()[:-1] + b',"items":['


def _document(make: Callable[..., object]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def respond(request: web.Request) -> web.Response:
        try:
            return web.json_response(make(**request.match_info))
        except StatusError as error:
            return web.Response(status=error.code, body=error.body(), content_type=JSON)

    return respond


_INVALID = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "message": "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch",
    "reason": "Invalid",
    "code": 422,
}


async def serve(fleet: Fleet) -> None:
    """Serve, say where as a line of JSON, and go on until ended."""
    runner = web.AppRunner(Apiserver(fleet).application(), access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    print(json.dumps({"event": "ready", "url": f"http://127.0.0.1:{port}", "pods": fleet.pods}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--pods", type=int, required=True)
    parser.add_argument("--gpu-pods", type=int, required=True)
    arguments = parser.parse_args()
    asyncio.run(serve(Fleet(arguments.nodes, arguments.pods, arguments.gpu_pods)))
