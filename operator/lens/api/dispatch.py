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
    internal_error,
    method_not_allowed,
    not_found,
    too_large,
    too_many_requests,
    unparsable,
)
from lens.api.exchange import EXCHANGE, UNPARSED_ROUTE, Exchange, RequestIds
from lens.api.routes import METHODS, Route

_log = logging.getLogger(__name__)

MAX_LINE_BYTES = 8190
MAX_FIELD_BYTES = 16380
"""Room for the tokens of identity providers; not MAX_LINE_BYTES, by which the two are told apart."""
MAX_FIELDS = 100
_MAX_BODY_BYTES = 64 * 1024
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
    ) -> None:
        """Take the table, who is let in, and how often each may ask each endpoint."""
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
        """Answer what aiohttp could not parse. Neither the answer nor the log repeats any of it."""
        exchange = request[EXCHANGE] = Exchange(self._ids.of(None), route=UNPARSED_ROUTE)
        response = envelope.refusal(_unparsable(error))
        response.force_close()
        return self._signed(response, exchange)

    async def _answer(self, request: web.BaseRequest, exchange: Exchange) -> web.StreamResponse:
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
        if request.body_exists and (request.content_length or 0) > _MAX_BODY_BYTES:
            raise too_large(_MAX_BODY_BYTES)
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
    if isinstance(error, LineTooLong) and error.args[1] == MAX_LINE_BYTES:
        return unparsable(f"the request line is over {MAX_LINE_BYTES} bytes")
    if isinstance(error, LineTooLong):
        return unparsable(f"a header field is over {MAX_FIELD_BYTES} bytes", status=431)
    if "Too many headers" in str(error):
        return unparsable(f"there are over {MAX_FIELDS} header fields", status=431)
    return unparsable("it is not HTTP/1.1")
