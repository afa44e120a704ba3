"""An ASGI application (the MCP SDK's) behind Lens' own connections, so that it has their bounds."""

import asyncio
import json
import logging
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any

from aiohttp import web
from multidict import CIMultiDict
from starlette.types import ASGIApp

from lens.bounds import MAX_BODY_BYTES
from lens.http.connection import BusyError, Connection, HeadTooLargeError

MOST_REQUESTS = 100
"""How many are answered at a time."""

_RETRY_SECONDS = "2"
# What is said of the answer's own form is up to who writes it.
_OF_THE_CONNECTION = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})

_log = logging.getLogger("lens.mcp")


class Asgi:
    """Answer requests with what an application makes of them; its answers are whole, and no streams."""

    def __init__(self, application: ASGIApp) -> None:
        """Take who answers."""
        self._application = application
        self._running = 0
        self.stopping = False

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        try:
            response = await self._response(request)
        except Exception:
            _log.exception("request failed")
            response = _refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
        return self._ended(response)

    def refuse(self, request: web.BaseRequest, error: BaseException | None) -> web.StreamResponse:
        """Answer what could not be parsed or has no room."""
        if isinstance(error, HeadTooLargeError):
            response = _refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif isinstance(error, BusyError):
            response = _refusal(HTTPStatus.SERVICE_UNAVAILABLE, Retry_After=_RETRY_SECONDS)
        else:
            response = _refusal(HTTPStatus.BAD_REQUEST)
        response.force_close()
        return response

    async def _response(self, request: web.BaseRequest) -> web.Response:
        # Whoever is still sending has asked nothing yet, and takes nobody's place.
        body = await _body(request)
        if body is None:
            response = _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            response.force_close()
            return response
        if self._running >= MOST_REQUESTS:
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, Retry_After=_RETRY_SECONDS)
        self._running += 1
        try:
            return await self._ask(request, body)
        finally:
            self._running -= 1

    async def _ask(self, request: web.BaseRequest, body: bytes) -> web.Response:
        begun: MutableMapping[str, Any] = {}
        parts: list[bytes] = []
        rest = asyncio.Event()
        incoming = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> MutableMapping[str, Any]:
            if not incoming:
                # Who goes away has all of this cancelled.
                await rest.wait()
            return incoming.pop()

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                begun.update(message)
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self._application(_scope(request), receive, send)
        headers = CIMultiDict(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in begun.get("headers", ())
            if name.decode("latin-1").lower() not in _OF_THE_CONNECTION
        )
        return web.Response(status=begun["status"], headers=headers, body=b"".join(parts))

    def _ended(self, response: web.Response) -> web.Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Server"] = "lens"
        if self.stopping:
            response.force_close()
        return response


async def _body(request: web.BaseRequest) -> bytes | None:
    """Return the body; None for one that is too long."""
    if (request.content_length or 0) > MAX_BODY_BYTES:
        return None
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            return None
    connection = request.protocol
    assert isinstance(connection, Connection)
    return None if connection.body_cut else bytes(body)


def _scope(request: web.BaseRequest) -> MutableMapping[str, Any]:
    """Return what ASGI's HTTP specification has of a request."""
    path, _, query = request.raw_path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": f"{request.version.major}.{request.version.minor}",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": path.encode("utf-8", "surrogateescape"),
        "query_string": query.encode("utf-8", "surrogateescape"),
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
        "client": (request.remote or "", 0),
        "server": None,
    }


def _refusal(status: HTTPStatus, **headers: str) -> web.Response:
    return web.Response(
        status=status,
        body=json.dumps({"error": status.phrase}).encode(),
        headers={
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )
