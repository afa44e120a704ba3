"""A watch: what happens to the selected objects from a version on, one JSON line an event."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import msgspec
from aiohttp import web

from lens_sim.apiserver import status
from lens_sim.apiserver.options import ListOptions
from lens_sim.apiserver.served import Form
from lens_sim.objects.resources import Object
from lens_sim.objects.store import CompactedError, Event, Revision, Store, Watch

_BEFORE_THE_END = 2.0  # seconds from the last bookmark to the timeout (apiserver's cacher.go)


@dataclass(frozen=True)
class WatchRequest:
    """The watch of one client. `render` makes an event's `object` of an object's JSON."""

    store: Store
    form: Form
    namespace: str | None
    options: ListOptions
    bookmark_interval: float
    render: Callable[[bytes], bytes]

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Stream until the timeout (without one: until the client goes).

        Begins with the current state as ADDED when no version was asked for. A compacted version gives an
        ERROR line (Status 410) in a 200; a reader that is too slow is cut off.
        """
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        since = self.options.resource_version
        try:
            with self.store.watch(self.form.resource, since or self.store.version) as watch:
                for revision in [] if since else self._state():
                    await response.write(_line("ADDED", self.render(revision.body)))
                async for line in self._lines(watch):
                    await response.write(line)
        except CompactedError as error:
            await response.write(_line("ERROR", status.expired(str(error)).body()))
        await response.write_eof()
        return response

    def _state(self) -> list[Revision]:
        revisions = self.store.snapshot(self.form.resource, self.namespace)
        return [revision for revision in revisions if self.options.selector.matches(revision)]

    async def _lines(self, watch: Watch) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        timeout = self.options.timeout_seconds
        deadline = clock() + timeout if timeout else math.inf
        bookmark_at = next_bookmark(clock(), deadline, self.bookmark_interval)
        while clock() < deadline and not watch.lagging:
            for event in await watch.unread(at_most=min(bookmark_at, deadline) - clock()):
                for kind, body in self._changes(event):
                    yield _line(kind, self.render(body))
            if clock() >= bookmark_at:
                bookmark_at = next_bookmark(clock(), deadline, self.bookmark_interval)
                if self.options.bookmarks and self.store.version >= watch.since:
                    yield _line("BOOKMARK", _bookmark(self.form, self.store.version))

    def _changes(self, event: Event) -> Iterator[tuple[str, bytes]]:
        """Yield the event for the selector: an object that leaves it is DELETED, in its old state."""
        before, after = (self._selected(revision) for revision in (event.before, event.after))
        if after is not None:
            yield "MODIFIED" if before is not None else "ADDED", after.body
        elif before is not None:
            yield "DELETED", before.at(event.version)

    def _selected(self, revision: Revision | None) -> Revision | None:
        if revision is None or not self.options.selector.matches(revision):
            return None
        elsewhere = self.namespace is not None and not revision.key.startswith(f"{self.namespace}/")
        return None if elsewhere else revision


def next_bookmark(now: float, deadline: float, interval: float) -> float:
    """Return when the next bookmark is due, in seconds: shortly before the deadline, else as usual."""
    before_the_end = deadline - _BEFORE_THE_END
    return before_the_end if now < before_the_end < now + interval else now + interval


def _bookmark(form: Form, version: int) -> bytes:
    obj: Object = {"metadata": {"resourceVersion": str(version), "creationTimestamp": None}}
    return form.typed(msgspec.json.encode(obj))


def _line(kind: str, body: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (kind.encode(), body)
