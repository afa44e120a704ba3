"""A request's way: its id, its route, what it must say, who asks, what is asked, the answer."""

import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from lens.api import envelope
from lens.api.access.auth import ANONYMOUS, bearer_token
from lens.api.access.door import Door
from lens.api.access.limits import Limit
from lens.api.endpoints.probes import Probes
from lens.api.errors import (
    ApiError,
    forbidden,
    internal_error,
    method_not_allowed,
    not_found,
    too_large,
    too_many_requests,
    unavailable,
    unparsable,
)
from lens.api.exchange import EXCHANGE, UNPARSED_ROUTE, Exchange, RequestIds
from lens.api.routes import METHODS, Route
from lens.bounds import MAX_BODY_BYTES, MAX_FIELD_BYTES, MAX_FIELDS, MAX_HEAD_BYTES, MAX_LINE_BYTES
from lens.http import names
from lens.http.connection import BusyError, HeadTooLargeError
from lens.http.refusals import Refusals

_log = logging.getLogger(__name__)

NAME = "{name}"


class Dispatcher:
    """Answer every request, and what was to be one."""

    def __init__(
        self,
        routes: Iterable[Route[Any]],
        door: Door,
        limit: Limit,
        probes: Probes,
        ids: RequestIds,
        clock: Callable[[], float],
        *,
        loopback_only: bool,
        refusals: Refusals,
    ) -> None:
        """Take the table, who is let in, and how often each may ask each endpoint.

        With ``loopback_only`` no request is answered that is for another name than this machine's.
        """
        table = tuple(routes)
        self._routes = {route.path: route for route in table}
        self._named = tuple(
            (path.removesuffix(NAME), route) for path, route in self._routes.items() if path.endswith(NAME)
        )
        self._door = door
        self._limit = limit
        self._probes = probes
        self._ids = ids
        self._clock = clock
        self._loopback_only = loopback_only
        self._refusals = refusals

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request; whatever goes wrong, in the envelope."""
        exchange = request[EXCHANGE] = Exchange(self._ids.of(request.headers.get("X-Request-Id")))
        try:
            response = await self._answer(request, exchange)
        except ApiError as error:
            response = envelope.refusal(error)
            standing, told = exchange.standing, error.headers.get("Retry-After")
            if standing is not None and told is not None:
                # By section 6 of the limits' draft, not before their effective window ends.
                response.headers["Retry-After"] = str(max(int(told), standing.seconds))
        except Exception:
            _log.exception("request failed", extra={"request_id": exchange.request_id})
            response = envelope.refusal(internal_error())
        return self._signed(response, exchange)

    def refuse(self, request: web.BaseRequest, error: BaseException | None) -> web.StreamResponse:
        """Answer what could not be parsed or has no room. Neither answer nor log repeat any of it."""
        exchange = request.get(EXCHANGE)
        if exchange is None:
            exchange = request[EXCHANGE] = Exchange(self._ids.of(None), route=UNPARSED_ROUTE)
        response = envelope.refusal(_unparsable(error))
        response.force_close()
        return self._signed(response, exchange)

    async def _answer(self, request: web.BaseRequest, exchange: Exchange) -> web.StreamResponse:
        if self._loopback_only:
            self._require_loopback(request)
        route, path = self._find(request.path)
        if route is None:
            raise not_found("Route")
        exchange.route = route.path
        exchange.level = route.level
        now = self._clock()
        if route.limited:
            self._door.watch(request.remote, exchange, now)
        if request.method not in METHODS:
            raise method_not_allowed(METHODS)
        if request.body_exists and (request.content_length or 0) > MAX_BODY_BYTES:
            raise too_large(MAX_BODY_BYTES)
        query = request.query
        route.parameters.require(query, path)
        caller = ANONYMOUS
        if not route.open:
            caller = await self._door.identify(bearer_token(request.headers), request.remote, exchange, now)
            exchange.caller = caller.name
        if route.limited:
            # Whoever needs no name is known by the address.
            who = (request.remote,) if caller is ANONYMOUS else caller.name
            standing = exchange.standing = self._limit.take((who, route.path), now)
            if standing.exceeded:
                raise too_many_requests(standing.seconds)
        asked = route.parameters.read(query, path)
        await caller.require(route.path, asked.scope)
        return await route.handler(request, asked, caller)

    def _require_loopback(self, request: web.BaseRequest) -> None:
        try:
            names.require_loopback(request.headers, request.raw_path)
        except names.ForeignNameError as error:
            self._refusals["name"] += 1
            raise forbidden(f"without tokens {error}") from None

    def _find(self, path: str) -> tuple[Route[Any] | None, dict[str, str]]:
        """Return the route of a path, and what the path names."""
        for prefix, route in self._named:
            name = path.removeprefix(prefix)
            if name != path and name and "/" not in name:
                return route, {"name": name}
        return self._routes.get(path), {}

    def _signed(self, response: web.StreamResponse, exchange: Exchange) -> web.StreamResponse:
        if not response.prepared:
            response.headers.update(exchange.headers())
        # What is left of a refused body must not hold up the connection.
        if self._probes.draining or response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            response.force_close()
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
    return unparsable("it is not HTTP/1.1")
