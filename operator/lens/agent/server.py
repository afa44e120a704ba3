"""The agent's server: ``/v1/devices``, ``/metrics``, ``/healthz``."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from http import HTTPStatus

from aiohttp import web

from lens import logs
from lens.agent.report.prometheus_text import CONTENT_TYPE, MetricFamily, render
from lens.agent.report.report_cache import ReportCache
from lens.agent.settings import AgentSettings
from lens.agent.tokens import BearerTokens
from lens.bounds import AGENT, MAX_BODY_BYTES
from lens.concurrency.supervisor import JOB_FAILURES_HELP
from lens.config.reading import AGENT_PREFIX
from lens.files.server_certificate import ServerCertificate
from lens.http import loopback, refusal_counts
from lens.http.application import BusyError, HeadTooLargeError
from lens.http.refusal_counts import RefusalCounts
from lens.http.site import BACKLOG, Site

_DRAIN_SECONDS = 1.0
_GRACE_SECONDS = 2.0

JSON = "application/json"

_log = logging.getLogger("lens.agent")


class Server:
    """Serve the report over HTTP. Created and run in one event loop."""

    def __init__(
        self,
        settings: AgentSettings,
        reports: ReportCache,
        problem: Callable[[], str | None],
        job_failures: Counter[str],
    ) -> None:
        """Serve ``reports``; ``problem`` returns the failure that needs a new process, or None.

        ``job_failures`` counts failures by background job, including this server's.

        Raise SettingsError if the token file or the certificate is unusable.
        """
        self._settings = settings
        self._problem = problem
        self._job_failures = job_failures
        self._refusals = RefusalCounts()
        self._tokens = None if settings.token_file is None else BearerTokens(settings.token_file)
        self._certificate: ServerCertificate | None = None
        if settings.tls_cert_file is not None and settings.tls_key_file is not None:
            self._certificate = ServerCertificate(
                f"{AGENT_PREFIX}TLS_CERT_FILE",
                settings.tls_cert_file,
                settings.tls_key_file,
                on_refused=lambda: self._refusals.update(["certificate"]),
            )
        self._documents: dict[str, tuple[Callable[[], bytes], str]] = {
            "/v1/devices": (reports.devices_json, JSON),
            "/metrics": (lambda: reports.metrics_text() + self._own_metrics(), CONTENT_TYPE),
        }
        self._stopping = False
        self._site = Site(
            self,
            AGENT,
            self._refusals,
            self._certificate,
            grace_seconds=_GRACE_SECONDS,
            drain_seconds=_DRAIN_SECONDS,
            count_failures=lambda job, failures: job_failures.update({job: failures}),
            access_log=None,
        )
        self._port = settings.listen.port

    @property
    def address(self) -> str:
        """Return ``host:port``; for port 0, with the port that the system has chosen."""
        return f"{self._settings.listen.rpartition(':')[0]}:{self._port}"

    async def start(self) -> None:
        """Listen. Raise SettingsError."""
        listening = self._settings.listen.listen(f"{AGENT_PREFIX}LISTEN", BACKLOG)
        self._port = listening.getsockname()[1]
        self._site.start(listening)

    async def stop(self) -> None:
        """Accept no new connections, and close the open ones once their requests are answered."""
        self._stopping = True
        await self._site.stop()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        try:
            response = await self._answer(request)
        except Exception:
            _log.exception("request failed")
            response = _refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
        if self._stopping:
            response.force_close()
        return response

    def refuse(self, request: web.BaseRequest, error: BaseException | None) -> web.StreamResponse:
        """Answer a request that could not be parsed or has no room. Never repeat or log its bytes."""
        if isinstance(error, HeadTooLargeError):
            response = _refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif isinstance(error, BusyError):
            response = _refusal(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            response = _refusal(HTTPStatus.BAD_REQUEST)
        response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._tokens is None:
            # Without tokens the agent serves only loopback, which web pages in a local browser can reach.
            try:
                loopback.require_loopback(request.headers, request.raw_path)
            except loopback.ForeignNameError:
                self._refusals["name"] += 1
                return _refusal(HTTPStatus.FORBIDDEN)
        if (request.content_length or 0) > MAX_BODY_BYTES:
            return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if request.method not in ("GET", "HEAD"):
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, Allow="GET, HEAD")
        if request.path == "/healthz":
            return self._health()
        document = self._documents.get(request.path)
        if document is None:
            return _refusal(HTTPStatus.NOT_FOUND)
        if self._tokens is not None and not self._tokens.accepts(request.headers.get("Authorization")):
            return _refusal(HTTPStatus.UNAUTHORIZED, **{"WWW-Authenticate": "Bearer"})
        write, content_type = document
        return _response(HTTPStatus.OK, write(), {"Content-Type": content_type})

    def _own_metrics(self) -> bytes:
        return render(
            (
                MetricFamily(
                    "lens_http_connections", "gauge", "Open connections.", [({}, self._site.connections)]
                ),
                _counter("lens_http_refused_total", refusal_counts.HELP, self._refusals),
                _counter("lens_log_lines_dropped_total", logs.DROPPED_HELP, logs.dropped),
                _counter("lens_job_failures_total", JOB_FAILURES_HELP, self._job_failures, "job"),
            )
        )

    def _health(self) -> web.Response:
        problem = self._problem()
        if problem is None:
            return _response(HTTPStatus.OK, b'{"status": "ok"}', {"Content-Type": JSON})
        body = json.dumps({"status": "failed", "reason": problem}).encode()
        return _response(HTTPStatus.SERVICE_UNAVAILABLE, body, {"Content-Type": JSON})


def _counter(name: str, documentation: str, counts: Mapping[str, int], label: str = "reason") -> MetricFamily:
    # Other threads add to the counter, so iterate over a copy.
    return MetricFamily(
        name, "counter", documentation, [({label: value}, count) for value, count in dict(counts).items()]
    )


def _refusal(status: HTTPStatus, **headers: str) -> web.Response:
    body = json.dumps({"error": status.phrase}).encode()
    return _response(status, body, {"Content-Type": JSON, **headers})


def _response(status: HTTPStatus, body: bytes, headers: dict[str, str]) -> web.Response:
    return web.Response(
        status=status,
        body=body,
        headers={
            "Server": "lens",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **headers,
        },
    )
