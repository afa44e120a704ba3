"""The agent's server: ``/v1/devices``, ``/metrics``, ``/healthz``."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from lens.agent.answers import Answers
from lens.agent.exposition import CONTENT_TYPE
from lens.agent.settings import AgentSettings
from lens.agent.tokens import BearerTokens
from lens.config import AGENT_PREFIX
from lens.rotation import Certificate

# Longer than an operator's interval, so that its connections are kept from one reading to the next.
_KEEP_ALIVE_SECONDS = 75.0
_GRACE_SECONDS = 2.0
_MAX_LINE_BYTES = 8190
_MAX_FIELD_BYTES = 16380
_MAX_FIELDS = 100
_BACKLOG = 128
_CERTIFICATE_LOOK_SECONDS = 2.0

JSON = "application/json"

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Server:
    """Serve the answers. Made and run on one event loop."""

    def __init__(self, settings: AgentSettings, answers: Answers, problem: Callable[[], str | None]) -> None:
        """Take what to answer; ``problem`` says what a new process would be needed for.

        Raise SettingsError when the token or the certificate can't be used.
        """
        self._settings = settings
        self._problem = problem
        self._tokens = None if settings.token_file is None else BearerTokens(settings.token_file)
        self._certificate: Certificate | None = None
        if settings.tls_cert_file is not None and settings.tls_key_file is not None:
            self._certificate = Certificate(
                f"{AGENT_PREFIX}TLS_CERT_FILE", settings.tls_cert_file, settings.tls_key_file
            )
        self._documents: dict[str, tuple[Callable[[], bytes], str]] = {
            "/v1/devices": (answers.devices, JSON),
            "/metrics": (answers.metrics, CONTENT_TYPE),
        }
        self._runner: web.ServerRunner | None = None
        self._following: asyncio.Task[None] | None = None
        self._port = settings.listen.port

    @property
    def address(self) -> str:
        """Return ``host:port``, with the port that the system picked for 0."""
        return f"{self._settings.listen.rpartition(':')[0]}:{self._port}"

    async def start(self) -> None:
        """Listen. Raise SettingsError."""
        listening = self._settings.listen.listen(f"{AGENT_PREFIX}LISTEN", _BACKLOG)
        self._port = listening.getsockname()[1]
        listener = _Listener(
            self._answer,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_FIELD_BYTES,
            max_headers=_MAX_FIELDS,
            access_log=None,
        )
        self._runner = web.ServerRunner(listener, shutdown_timeout=_GRACE_SECONDS)
        await self._runner.setup()
        tls = None if self._certificate is None else self._certificate.context
        await web.SockSite(self._runner, listening, backlog=_BACKLOG, ssl_context=tls).start()
        if self._certificate is not None:
            self._following = asyncio.create_task(self._follow(self._certificate))

    async def stop(self) -> None:
        """Accept nothing more, let running requests finish, close all connections."""
        if self._following is not None:
            self._following.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _follow(self, certificate: Certificate) -> None:
        while True:
            await asyncio.sleep(_CERTIFICATE_LOOK_SECONDS)
            certificate.follow()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, Allow="GET, HEAD")
        if request.path == "/healthz":
            return self._health()
        document = self._documents.get(request.path)
        if document is None:
            return _refusal(HTTPStatus.NOT_FOUND)
        if self._tokens is not None and not self._tokens.admit(request.headers.get("Authorization")):
            return _refusal(HTTPStatus.UNAUTHORIZED, **{"WWW-Authenticate": "Bearer"})
        write, content_type = document
        return _response(HTTPStatus.OK, write(), {"Content-Type": content_type})

    def _health(self) -> web.Response:
        problem = self._problem()
        if problem is None:
            return _response(HTTPStatus.OK, b'{"status": "ok"}', {"Content-Type": JSON})
        body = json.dumps({"status": "failed", "reason": problem}).encode()
        return _response(HTTPStatus.SERVICE_UNAVAILABLE, body, {"Content-Type": JSON})


def _refusal(status: HTTPStatus, **headers: str) -> web.Response:
    body = json.dumps({"error": status.phrase}).encode()
    return _response(status, body, {"Content-Type": JSON, **headers})


def _response(status: HTTPStatus, body: bytes, headers: dict[str, str]) -> web.Response:
    return web.Response(
        status=status, body=body, headers={"Server": "lens", "Cache-Control": "no-store", **headers}
    )


class _Connection(web.RequestHandler):
    """A connection that neither repeats nor logs bytes of what it can't parse, as aiohttp's own would."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what the parser refused."""
        response = _refusal(HTTPStatus(status))
        response.force_close()
        return response


class _Listener(web.Server):
    """Make a connection for each client."""

    def __init__(self, handler: Handler, **options: Any) -> None:
        """Take who answers, and the options of aiohttp's request handler."""
        super().__init__(handler)
        self._options = options

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return _Connection(self, loop=asyncio.get_running_loop(), **self._options)
