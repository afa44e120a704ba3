"""The API server: it connects all parts, listens, drains and stops."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable

from lens.api.access.auth import AnonymousAuthenticator, Authenticator
from lens.api.access.auth_throttle import AuthThrottle
from lens.api.access.kubernetes_tokens import KubernetesAuthenticator, Reviews
from lens.api.access.static_tokens import StaticTokenAuthenticator
from lens.api.access_log import AccessLog
from lens.api.cache.epochs import Epochs
from lens.api.cache.response_cache import ResponseCache
from lens.api.dispatch import Dispatcher
from lens.api.endpoints.namespaces import NamespaceList
from lens.api.fit.endpoint import FitQuestions
from lens.api.fit_handlers import FitHandlers
from lens.api.handlers import Handlers
from lens.api.lists.list_queue import ListQueue
from lens.api.proxy.cluster_overview import ClusterOverview
from lens.api.proxy.peer_proxy import PeerProxy
from lens.api.proxy.peers import Peers
from lens.api.rate_limit import RateLimiter
from lens.api.request_context import RequestIds
from lens.api.routes import table
from lens.api.stream.streams import HEARTBEAT_SECONDS, Streams
from lens.api.system.own_access import OwnAccess
from lens.api.system.page import Page
from lens.api.system.probes import Probes
from lens.api.system.prometheus_metrics import PrometheusMetrics
from lens.bounds import CLIENT_TIMEOUT_SECONDS, OPERATOR
from lens.concurrency.supervisor import Supervisor
from lens.config.serve import ServeSettings
from lens.files.server_certificate import ServerCertificate
from lens.http.refusal_counts import RefusalCounts
from lens.http.site import BACKLOG, Site
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy

EXPIRY_SECONDS = 1.0
"""The time between two looks for cached responses that have expired."""

_log = logging.getLogger(__name__)


class Server:
    """Serve the API of one cluster state. Made and run on one event loop."""

    def __init__(
        self,
        settings: ServeSettings,
        state: ClusterState,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
        *,
        reviews: Reviews | None = None,
        peers: Peers | None = None,
        grace_seconds: float = 10.0,
        client_timeout_seconds: float = CLIENT_TIMEOUT_SECONDS,
        drain_seconds: float = 0.0,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        """Take the settings and the state, the reviewer for mode ``kubernetes``, and the client for peers.

        ``grace_seconds`` is the time in which running requests may finish on shutdown. A client must send a
        request within ``client_timeout_seconds``, and read something of its response within three times that.
        On shutdown, idle connections stay open for ``drain_seconds`` and one more request, whose response
        closes them: a request that is under way would be lost. An idle stream gets a heartbeat every
        ``heartbeat_seconds``.

        Raise SettingsError when the tokens file or the certificate can't be used.
        """
        self._settings = settings
        refusals = RefusalCounts()
        self._certificate: ServerCertificate | None = None
        if settings.tls_cert_file is not None and settings.tls_key_file is not None:
            self._certificate = ServerCertificate(
                "LENS_TLS_CERT_FILE, LENS_TLS_KEY_FILE",
                settings.tls_cert_file,
                settings.tls_key_file,
                on_refused=lambda: refusals.update(["certificate"]),
            )
        self._access_log = AccessLog(metrics, logging.getLogger("lens.access"))
        epoch = secrets.token_hex(4)
        self._probes = Probes(state, settings.ready_max_age_seconds, clock)
        self._clock = clock
        self._caches = local_cache, peer_cache = tuple(
            # Separate caches: peers' responses must not evict our own.
            ResponseCache(settings.cache_seconds, epoch, evicted=metrics.cache_dropped.labels(name).inc)
            for name in ("own", "peers")
        )
        metrics.cache_bytes.labels("own").set_function(lambda: local_cache.size)
        metrics.cache_bytes.labels("peers").set_function(lambda: peer_cache.size)
        auth = AuthThrottle(
            _authenticator(settings, clock, reviews, metrics), _rate_limiter("address", settings)
        )
        proxy = PeerProxy(
            peers,
            peer_cache,
            clock,
            forwards_caller=settings.peers_identity == "caller",
        )
        page = Page(settings.page_frame_ancestors)
        self._streams = Streams(
            settings.cluster,
            state,
            metrics,
            epoch,
            clock,
            settings.streams_per_caller,
            auth,
            proxy,
            heartbeat_seconds,
            stale_after=settings.ready_max_age_seconds,
            idle_percent=settings.alert_idle_percent,
            page=page.digest,
        )
        epochs = Epochs(state, settings.cache_seconds)
        overview = ClusterOverview(settings.cluster, epochs, proxy, clock, settings.ready_max_age_seconds)
        handlers = Handlers(settings.cluster, epochs, local_cache, clock, proxy, overview)
        fit = FitHandlers(
            settings.cluster,
            epochs,
            clock,
            proxy,
            FitQuestions(GpuResources(settings.gpu_resources), TaintPolicy(settings.tolerated_taints)),
            ListQueue(refused=metrics.over_bound.labels("fits").inc, what="questions about fit"),
        )
        self.routes = table(
            handlers,
            self._streams,
            self._probes,
            PrometheusMetrics(
                metrics.registry,
                state,
                clock,
                refusals,
                lambda: self._site.connections,
                lambda: len(asyncio.all_tasks()),
                namespaces=settings.metrics_namespaces,
                alerts=settings.metrics_alerts,
            ),
            ListQueue(refused=metrics.over_bound.labels("lists").inc),
            fit,
            page,
            OwnAccess(settings.cluster, proxy.clusters, page.digest),
            NamespaceList(settings.alert_idle_percent),
            metrics_open=settings.metrics_open,
        )
        self._dispatcher = Dispatcher(
            self.routes,
            auth,
            _rate_limiter("caller", settings),
            self._probes,
            RequestIds(epoch),
            clock,
            loopback_only=settings.auth == "none",
            refusals=refusals,
            clusters=lambda headers: (settings.cluster, *proxy.clusters(headers)),
        )
        self._site = Site(
            self._dispatcher,
            OPERATOR,
            refusals,
            self._certificate,
            grace_seconds=grace_seconds,
            client_timeout_seconds=client_timeout_seconds,
            drain_seconds=drain_seconds,
            count_failures=metrics.count_job_failures,
            access_log=self._access_log.logger,
            access_log_class=lambda *_: self._access_log,
        )
        self._port = settings.listen.port
        self._supervisor = Supervisor(metrics.count_job_failures)

    @property
    def port(self) -> int:
        """Return the port; after ``start`` the assigned one for port 0."""
        return self._port

    @property
    def address(self) -> str:
        """Return ``host:port``, an IPv6 host in brackets."""
        return f"{self._settings.listen.rpartition(':')[0]}:{self._port}"

    @property
    def url(self) -> str:
        """Return the base URL, without a trailing slash."""
        return f"{'https' if self._certificate else 'http'}://{self.address}"

    async def start(self) -> None:
        """Listen. Raise ListenError."""
        listening = self._settings.listen.listen("LENS_LISTEN", BACKLOG)
        self._port = listening.getsockname()[1]
        self._site.start(listening)
        self._supervisor.start("cache", self._drop_expired)

    def drain(self) -> None:
        """Make ``/readyz`` fail, and answer the requests that still arrive."""
        self._probes.draining = True

    async def stop(self) -> None:
        """Drain idle connections, let running requests finish in time, and close all connections."""
        self.drain()
        await self._streams.close()
        await self._site.stop()
        await self._supervisor.stop()
        self._access_log.flush()

    async def _drop_expired(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_SECONDS)
            for cache in self._caches:
                cache.drop_expired(self._clock())


def _rate_limiter(name: str, settings: ServeSettings) -> RateLimiter:
    return RateLimiter(name, settings.requests_per_minute, settings.requests_burst)


def _authenticator(
    settings: ServeSettings, clock: Callable[[], float], reviews: Reviews | None, metrics: Metrics
) -> Authenticator:
    if settings.auth == "kubernetes":
        assert reviews is not None, "the caller passes a reviewer"
        if not (settings.token_audiences or settings.tls_cert_file or settings.listen.is_loopback):
            _log.warning(
                "callers' tokens for the apiserver may be sent in plain text: set LENS_TOKEN_AUDIENCES, "
                "serve HTTPS, or terminate TLS at an Ingress"
            )
        return KubernetesAuthenticator(reviews, clock, settings.access_stale_seconds, metrics)
    if settings.auth == "static":
        assert settings.tokens_file is not None, "the settings require one"
        return StaticTokenAuthenticator(settings.tokens_file, clock)
    return AnonymousAuthenticator()
