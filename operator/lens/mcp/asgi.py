"""Runs an ASGI application (the MCP SDK's) on Lens' own connections, with their bounds."""

import asyncio
import json
import logging
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any

from aiohttp import web
from multidict import CIMultiDict
from starlette.types import ASGIApp

from lens.http import request_body
from lens.http.application import BusyError, HeadTooLargeError
from lens.http.request_body import BodyTooLargeError, MalformedBodyError

MAX_REQUESTS = 100
"""The most concurrent requests."""

_RETRY_SECONDS = "2"
# The fields about the message's framing, which the server sets itself.
_FRAMING_FIELDS = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})

_log = logging.getLogger("lens.mcp")


class Asgi:
    """Answer requests by an application, whose responses are complete bodies and no streams."""

    def __init__(self, application: ASGIApp) -> None:
        """Take the application."""
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
        return self._finish(response)

    def refuse(self, request: web.BaseRequest, error: BaseException | None) -> web.StreamResponse:
        """Answer a request that can't be parsed or exceeds a bound."""
        if isinstance(error, HeadTooLargeError):
            response = _refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif isinstance(error, BusyError):
            response = _refusal(HTTPStatus.SERVICE_UNAVAILABLE, Retry_After=_RETRY_SECONDS)
        else:
            response = _refusal(HTTPStatus.BAD_REQUEST)
        response.force_close()
        return response

    async def _response(self, request: web.BaseRequest) -> web.Response:
        # A request counts only once its body is complete, so slow clients take no places.
        try:
            body = await request_body.read(request)
        except (BodyTooLargeError, MalformedBodyError) as error:
            too_large = isinstance(error, BodyTooLargeError)
            response = _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_large else HTTPStatus.BAD_REQUEST)
            response.force_close()
            return response
        if self._running >= MAX_REQUESTS:
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, Retry_After=_RETRY_SECONDS)
        self._running += 1
        try:
            return await self._run(request, body)
        finally:
            self._running -= 1

    async def _run(self, request: web.BaseRequest, body: bytes) -> web.Response:
        start: MutableMapping[str, Any] = {}
        parts: list[bytes] = []
        never = asyncio.Event()
        incoming = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> MutableMapping[str, Any]:
            if not incoming:
                # This task is cancelled when the client disconnects.
                await never.wait()
            return incoming.pop()

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self._application(_scope(request), receive, send)
        headers = CIMultiDict(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in start.get("headers", ())
            if name.decode("latin-1").lower() not in _FRAMING_FIELDS
        )
        return web.Response(status=start["status"], headers=headers, body=b"".join(parts))

    def _finish(self, response: web.Response) -> web.Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Server"] = "lens"
        if self.stopping:
            response.force_close()
        return response


def _scope(request: web.BaseRequest) -> MutableMapping[str, Any]:
    """Return a request's scope, by ASGI's HTTP specification."""
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
