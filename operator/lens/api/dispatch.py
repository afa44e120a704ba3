"""Dispatches a request: id, route, method, authentication, rate limit, parameters, authorization, handler."""

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod, BadStatusLine, InvalidURLError, LineTooLong
from multidict import MultiMapping

from lens.api import envelope
from lens.api.access.auth import ANONYMOUS, Caller, bearer_token
from lens.api.access.auth_throttle import AuthThrottle
from lens.api.access.authorization import authorized
from lens.api.errors import (
    ApiError,
    ClusterNotFoundError,
    forbidden,
    internal_error,
    method_not_allowed,
    not_found,
    too_large,
    too_many_requests,
    unavailable,
    unknown_method,
    unparsable,
)
from lens.api.parameters.cluster import FiguresParameters
from lens.api.rate_limit import RateLimiter
from lens.api.request_context import REQUEST_CONTEXT, UNPARSED_ROUTE, RequestContext, RequestIds
from lens.api.routes import METHODS, Route
from lens.api.system.own_access import CLUSTERS
from lens.api.system.probes import Probes
from lens.bounds import MAX_BODY_BYTES, MAX_FIELD_BYTES, MAX_FIELDS, MAX_HEAD_BYTES, MAX_LINE_BYTES
from lens.http import loopback
from lens.http.application import BusyError, HeadTooLargeError, NotHttpError
from lens.http.connection import Connection
from lens.http.refusal_counts import RefusalCounts

REDIRECTS = {"/docs/": "../docs"}
"""Paths that people type, with relative redirects, since a proxy may serve Lens below a path."""

_log = logging.getLogger(__name__)

_PARAMETER = re.compile(r"\{(name|path)\}$")
"""The parameter at the end of a route's path: ``name`` is one segment, ``path`` the whole rest."""


class Dispatcher:
    """Answer every request, and bytes that can't be parsed as one."""

    def __init__(
        self,
        routes: Iterable[Route[Any]],
        auth: AuthThrottle,
        rate_limiter: RateLimiter,
        probes: Probes,
        ids: RequestIds,
        clock: Callable[[], float],
        *,
        loopback_only: bool,
        refusals: RefusalCounts,
        clusters: Callable[[MultiMapping[str]], Sequence[str]],
    ) -> None:
        """Take the routes, the authentication, and the rate limit by caller and endpoint.

        With ``loopback_only`` only requests for this machine's own names are answered. ``clusters`` returns
        the names of the clusters that a request with these headers may reach.
        """
        table = tuple(routes)
        self._routes: dict[str, dict[str, Route[Any]]] = {}
        for route in table:
            self._routes.setdefault(route.path, {}).update(dict.fromkeys(route.methods, route))
        self._parameterized = tuple(
            (path[: found.start()], found[1], routes)
            for path, routes in self._routes.items()
            if (found := _PARAMETER.search(path)) is not None
        )
        self._auth = auth
        self._rate_limiter = rate_limiter
        self._probes = probes
        self._ids = ids
        self._clock = clock
        self._loopback_only = loopback_only
        self._refusals = refusals
        self._clusters = clusters

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request; every failure is answered in the envelope."""
        request_id = self._ids.assign(request.headers.get("X-Request-Id"))
        context = request[REQUEST_CONTEXT] = RequestContext(request_id, _arrived_at(request))
        try:
            response = await self._handle(request, context)
        except ApiError as error:
            response = _error_response(error, context)
        except Exception:
            _log.exception("request failed", extra={"request_id": context.request_id})
            response = envelope.error_response(internal_error())
        return self._finish(response, context)

    def refuse(self, request: web.BaseRequest, error: BaseException | None) -> web.StreamResponse:
        """Answer unparsable bytes, or a request beyond a bound. Response and log repeat none of it."""
        context = request.get(REQUEST_CONTEXT)
        if context is None:
            context = request[REQUEST_CONTEXT] = RequestContext(
                self._ids.assign(None), _arrived_at(request), route=UNPARSED_ROUTE
            )
        context.rate_limit = self._auth.state(request.remote, self._clock())
        response = envelope.error_response(_unparsable(error))
        response.force_close()
        return self._finish(response, context)

    async def _handle(self, request: web.BaseRequest, context: RequestContext) -> web.StreamResponse:
        if self._loopback_only:
            self._require_loopback(request)
        routes, path = self._find(request.rel_url.path_safe)
        if routes is None:
            if request.path in REDIRECTS and request.method in METHODS:
                return envelope.redirect(REDIRECTS[request.path])
            context.rate_limit = self._auth.state(request.remote, self._clock())
            raise not_found("Route")
        route = routes.get(request.method) or next(iter(routes.values()))
        context.route = route.path
        context.level = route.level
        now = self._clock()
        if route.limited:
            context.rate_limit = self._auth.state(request.remote, now)
        if request.method not in routes:
            raise method_not_allowed(routes)
        if request.body_exists and (request.content_length or 0) > MAX_BODY_BYTES:
            raise too_large(MAX_BODY_BYTES)
        query = request.query
        route.parameters.require(query, path)
        caller = ANONYMOUS
        if not route.open:
            caller = await self._auth.authenticate(bearer_token(request.headers), request.remote, now)
            context.caller = caller.name
        if route.limited:
            # The address identifies anonymous callers.
            key = (request.remote,) if caller is ANONYMOUS else caller.name
            context.rate_limit = self._rate_limiter.consume((key, route.path), now)
            if context.rate_limit.exceeded:
                raise too_many_requests(context.rate_limit)
        params = route.parameters.parse(query, path)
        params = await authorized(params, caller, route.path)
        try:
            return await route.handler(request, params, caller)
        except ClusterNotFoundError:
            raise ClusterNotFoundError(await self._clusters_for(request, caller)) from None

    async def _clusters_for(self, request: web.BaseRequest, caller: Caller) -> Sequence[str]:
        """Return the names of all clusters for a caller that may list them, none for others."""
        try:
            await authorized(FiguresParameters(), caller, CLUSTERS)
        except ApiError:
            return ()
        return self._clusters(request.headers)

    def _require_loopback(self, request: web.BaseRequest) -> None:
        try:
            loopback.require_loopback(request.headers, request.raw_path)
        except loopback.ForeignNameError as error:
            self._refusals["name"] += 1
            raise forbidden(f"without tokens {error}") from None

    def _find(self, path: str) -> tuple[dict[str, Route[Any]] | None, dict[str, str]]:
        """Return the routes of a path by method, and its path parameters.

        An encoded slash of the path, %2F, separates no segments (RFC 3986, 2.2): it is still encoded, and so
        is the percent sign.
        """
        for prefix, name, routes in self._parameterized:
            value = path.removeprefix(prefix)
            if value != path and value and (name == "path" or "/" not in value):
                return routes, {name: value.replace("%2F", "/").replace("%25", "%")}
        return self._routes.get(path), {}

    def _finish(self, response: web.StreamResponse, context: RequestContext) -> web.StreamResponse:
        if not response.prepared:
            response.headers.update(context.headers())
        # The unread rest of a refused body must not keep the connection open.
        if self._probes.draining or response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            response.force_close()
        return response


def _arrived_at(request: web.BaseRequest) -> float:
    """Return the event loop's time at which a request had arrived, before it waited for its turn."""
    protocol = request.protocol
    return protocol.arrived_at if isinstance(protocol, Connection) else asyncio.get_running_loop().time()


def _error_response(error: ApiError, context: RequestContext) -> web.Response:
    if error.rate_limit is not None:
        context.rate_limit = error.rate_limit
    response = envelope.error_response(error)
    retry_after = error.headers.get("Retry-After")
    if retry_after is not None and context.rate_limit is not None:
        # By section 6 of the draft about RateLimit fields, not before the window ends.
        response.headers["Retry-After"] = str(max(int(retry_after), context.rate_limit.reset_seconds))
    return response


def _unparsable(error: BaseException | None) -> ApiError:
    if isinstance(error, BusyError):
        return unavailable("Too many answers are on their way")
    if isinstance(error, HeadTooLargeError):
        return unparsable(f"its head is over {MAX_HEAD_BYTES} bytes", status=431)
    if isinstance(error, LineTooLong) and error.args[1] == MAX_LINE_BYTES:
        return unparsable(f"the request line is over {MAX_LINE_BYTES} bytes")
    if isinstance(error, LineTooLong):
        return unparsable(f"a header field is over {MAX_FIELD_BYTES} bytes", status=431)
    if "Too many headers" in str(error):
        return unparsable(f"there are over {MAX_FIELDS} header fields", status=431)
    if isinstance(error, BadHttpMethod):
        return unknown_method()
    if isinstance(error, InvalidURLError):
        return unparsable("its target is no URL: all but ASCII has to be percent-encoded")
    if error is None or isinstance(error, NotHttpError | BadStatusLine):
        return unparsable("it is not HTTP/1.1")
    if "Missing 'Host'" in str(error):
        return unparsable("it has no Host")
    return unparsable("a header field is malformed, or there twice")
