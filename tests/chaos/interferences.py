"""What stands between a client and an apiserver on bad days."""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from weakref import WeakKeyDictionary

from aiohttp import web

from tests.chaos.gateway import CutError, Interference, is_list, is_watch
from tests.e2e.cluster.waiting import wait_until

Applies = Callable[[web.BaseRequest], bool]

PORTAL = (
    "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in to go on.</body></html>"
)


def any_request(_request: web.BaseRequest) -> bool:
    """Tell that a request is affected, whatever it is."""
    return True


class Refuse(Interference):
    """Responds with a status, as an apiserver under load, a proxy or an authorizer does."""

    def __init__(
        self,
        status: int,
        reason: str,
        headers: Mapping[str, str] | None = None,
        applies: Applies = any_request,
    ) -> None:
        """Take the status, the reason of its Status object, and which requests get it."""
        self._status, self._reason, self._headers, self._applies = status, reason, headers or {}, applies

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """Return the refusal."""
        if not self._applies(request):
            return None
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": self._reason,
            "code": self._status,
        }
        return web.json_response(status, status=self._status, headers=self._headers)


class Portal(Interference):
    """Responds to everything with a page for people, and 200."""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """Return the page."""
        return web.Response(text=PORTAL, content_type="text/html")


class Expired(Interference):
    """Tells each watch that its resourceVersion is gone."""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """Return a watch of one line."""
        if not is_watch(request):
            return None
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410}
        await asyncio.sleep(0.2)
        return web.json_response({"type": "ERROR", "object": status})


class Mute(Interference):
    """Swallows what watches say, and ends them when the apiserver does."""

    async def piece(self, request: web.BaseRequest, piece: bytes) -> bytes:
        """Return nothing of a watch."""
        return b"" if is_watch(request) else piece


class Silent(Mute):
    """Swallows what watches say, and keeps their connections until the client closes them."""

    async def end(self, request: web.BaseRequest) -> None:
        """Wait for the client."""

        async def closed() -> bool:
            return request.transport is None or request.transport.is_closing()

        if is_watch(request):
            await wait_until(closed, "the client's end", 120)


class Halves(Interference):
    """Ends each response of some kind in the middle of a line."""

    def __init__(self, applies: Applies) -> None:
        """Take which responses."""
        self._applies = applies
        self._pending: set[int] = set()

    async def piece(self, request: web.BaseRequest, piece: bytes) -> bytes:
        """Return half of the first piece, and nothing after it."""
        if not self._applies(request):
            return piece
        if id(request) in self._pending:
            self._pending.discard(id(request))
            raise CutError
        self._pending.add(id(request))
        asyncio.get_running_loop().call_later(0.3, _abort, request)
        return piece[: max(1, len(piece) // 2)]


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


class Garbage(Interference):
    """Puts lines into watches that are none, between those that are."""

    LINES = (
        b"\xff\xfe\x00garbage\n",
        b'{"type":"MODIFIED"}\n',
        b'{"type":7,"object":[]}\n',
        b"[[[[\n",
        b"\n\n",
    )

    def __init__(self) -> None:
        """Start with the first line."""
        self._number = 0

    async def piece(self, request: web.BaseRequest, piece: bytes) -> bytes:
        """Return a piece with a line behind it, where it ends with a whole line."""
        if not is_watch(request) or not piece.endswith(b"\n"):
            return piece
        self._number += 1
        return piece + self.LINES[self._number % len(self.LINES)]


class Late(Interference):
    """Holds every response back for a while."""

    def __init__(self, seconds: float) -> None:
        """Take the seconds."""
        self._seconds = seconds

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """Wait."""
        await asyncio.sleep(self._seconds)
        return None


class Drip(Interference):
    """Gives lists a few bytes at a time, and no end."""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """Return a list that never ends."""
        if not is_list(request):
            return None
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(
            b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":['
        )
        with suppress(ConnectionError):
            while True:
                await asyncio.sleep(0.25)
                await response.write(b" ")
        raise CutError


class Stale(Interference):
    """Repeats what a watch said, later and out of order.

    What another one said may be of this one's future, and no apiserver tells that before its time.
    """

    def __init__(self) -> None:
        """Start without lines."""
        self._lines: WeakKeyDictionary[asyncio.BaseTransport, list[bytes]] = WeakKeyDictionary()

    async def piece(self, request: web.BaseRequest, piece: bytes) -> bytes:
        """Return a piece with lines of before behind it, of the same watch."""
        if not is_watch(request) or not piece.endswith(b"\n") or request.transport is None:
            return piece
        lines = self._lines.setdefault(request.transport, [])
        again = lines[-20:]
        lines += [line for line in piece.splitlines(keepends=True) if _is_change(line)]
        del lines[:-500]
        return piece + b"".join(reversed(again))


def _is_change(line: bytes) -> bool:
    try:
        return bool(json.loads(line)["type"] != "BOOKMARK")
    except (ValueError, KeyError, TypeError):
        return False


class OldToken(Interference):
    """Refuses one token, as an apiserver does once it has expired."""

    def __init__(self, token: str) -> None:
        """Take the token."""
        self._header = f"Bearer {token}"

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """Return 401 for it."""
        if request.headers.get("Authorization") != self._header:
            return None
        return await Refuse(401, "Unauthorized").answer(request)
