"""Serves the tools on stdin and stdout, or over streamable HTTP."""

import asyncio
import logging
import signal
from pathlib import Path

import anyio
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.message import SessionMessage
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lens.bounds import MAX_BODY_BYTES, MCP
from lens.config.errors import SettingsError
from lens.config.listen_address import ListenAddress
from lens.config.reading import PREFIX
from lens.files.credentials import BearerToken
from lens.http.refusal_counts import RefusalCounts
from lens.http.site import BACKLOG, Site
from lens.mcp import server
from lens.mcp.asgi import Asgi
from lens.mcp.client import Client
from lens.mcp.messages import pass_messages, refuse_batches
from lens.mcp.settings import McpSettings

_log = logging.getLogger("lens.mcp")

PATH = "/mcp"

GRACE_SECONDS = 5.0
DRAIN_SECONDS = 1.0


async def serve(settings: McpSettings) -> None:
    """Serve until stdin ends, or over HTTP until SIGTERM or SIGINT. Raise SettingsError."""
    # The SDK logs every message.
    logging.getLogger("mcp").setLevel(logging.WARNING)
    async with Client(settings.url, settings.ca_file) as client:
        if settings.mcp_listen is None:
            await _stdio(client, settings.token_file)
        else:
            await _http(client, settings.mcp_listen)


async def _stdio(client: Client, token_file: Path | None) -> None:
    try:
        token = None if token_file is None else BearerToken(token_file)
    except SettingsError as error:
        raise SettingsError(f"{PREFIX}TOKEN_FILE: {error}") from None
    tools = server.mcp_server(client, lambda _: None if token is None else token.header())
    async with stdio_server() as (incoming, outgoing), anyio.create_task_group() as passing:
        passed, messages = anyio.create_memory_object_stream[SessionMessage | Exception]()
        passing.start_soon(pass_messages, incoming, passed, outgoing)
        await tools.run(messages, outgoing, tools.create_initialization_options())
        passing.cancel_scope.cancel()


async def _http(client: Client, listen: ListenAddress) -> None:
    tools = server.mcp_server(client, _authorization)
    # Stateless: nothing of a caller is stored between two requests, least of all its token.
    application = tools.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        max_request_body_size=MAX_BODY_BYTES,
        transport_security=_transport_security(listen),
    )
    served = Asgi(_posts_of_path(refuse_batches(application)))
    site = Site(
        served,
        MCP,
        RefusalCounts(),
        grace_seconds=GRACE_SECONDS,
        drain_seconds=DRAIN_SECONDS,
        access_log=None,
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    listening = listen.listen(f"{PREFIX}MCP_LISTEN", BACKLOG)
    async with application.router.lifespan_context(application):
        site.start(listening)
        host, port = listening.getsockname()[:2]
        _log.info("listening", extra={"address": f"[{host}]:{port}" if ":" in host else f"{host}:{port}"})
        await stop.wait()
        served.stopping = True
        await site.stop()


def _posts_of_path(application: ASGIApp) -> ASGIApp:
    """Serve POSTs of PATH alone, with or without a slash at its end.

    The SDK would open a stream for a GET, which without sessions has no messages, and redirect from the slash
    to an address of plain HTTP, whatever a proxy speaks.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].rstrip("/") != PATH:
            await Response(status_code=404)(scope, receive, send)
        elif scope["method"] != "POST":
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
        else:
            await application({**scope, "path": PATH, "raw_path": PATH.encode()}, receive, send)

    return answer


def _transport_security(listen: ListenAddress) -> TransportSecuritySettings:
    """On loopback, accept only requests to this machine's own names and from its own pages.

    On other addresses the names aren't known, but there every request needs a token, which no page has.
    """
    names = ("127.0.0.1", "localhost", "[::1]")
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=listen.is_loopback,
        allowed_hosts=[f"{name}:*" for name in names],
        allowed_origins=[f"http://{name}:*" for name in names],
    )


def _authorization(context: server.Context) -> str | None:
    """Return a request's Authorization header."""
    assert context.request is not None, "over HTTP every call has its request"
    header: str | None = context.request.headers.get("authorization")
    return header
