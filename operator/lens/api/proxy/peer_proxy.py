"""The proxy to peers: a request for another cluster goes to its Lens, and the response is passed on."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from aiohttp import web
from multidict import MultiMapping

from lens.api.access.auth import B64TOKEN, Caller, bearer_token
from lens.api.cache.representation import Representation
from lens.api.cache.response_cache import ResponseCache, cache_key
from lens.api.errors import (
    ApiError,
    ClusterNotFoundError,
    bad_gateway,
    gateway_timeout,
    invalid_token,
    not_found,
    peer_busy,
    unavailable,
)
from lens.api.lists.listing import L, Listing, V
from lens.api.parameters.base import Parameters
from lens.api.parameters.cluster import ClusterParameters
from lens.api.parameters.stream import StreamParameters
from lens.api.proxy.peers import Peers, PeerStream
from lens.http.cache_control import max_age_of_request, max_age_of_response
from lens.model.peer import PeerFailedError, PeerRefusedError

_EVENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_VIA_LENS = re.compile(r"(^|,)\s*[A-Za-z0-9./]+\s+lens\s*(,|\(|$)", re.ASCII)

SHARED_SECONDS = 1.0
"""How long a peer's response is cached. Its ages and running times are as old."""

_TAG_LENGTH = 24

_PASSED_ON = {
    400: (4000, "Invalid parameter: cluster {} does not know all of these"),
    403: (4003, "Forbidden: cluster {} does not tell this"),
    404: (4004, "Cluster not found"),
}
"""The code, and the default message, of the peers' error statuses that are passed on."""

# How aiohttp decodes invalid UTF-8.
_INVALID_UTF8 = "surrogateescape"


class _Data(msgspec.Struct):
    data: dict[str, Any]


class PeerProxy:
    """Pass requests on to peers, and cache their responses like our own and apart from them."""

    def __init__(
        self, peers: Peers | None, cache: ResponseCache, clock: Callable[[], float], *, forwards_caller: bool
    ) -> None:
        """Take the peers; with ``forwards_caller`` they get the caller's token."""
        self._peers = peers
        self._cache = cache
        self._clock = clock
        self._forwards_caller = forwards_caller

    def clusters(self, headers: MultiMapping[str]) -> tuple[str, ...]:
        """Return the clusters that a request with these headers may reach.

        A request from another Lens reaches none: this one may be its peer, and requests would loop.
        """
        return () if self._peers is None or _is_from_lens(headers) else self._peers.names

    async def get(
        self,
        request: web.BaseRequest,
        caller: Caller,
        name: str,
        path: str,
        query: Iterable[tuple[str, str]],
    ) -> Representation:
        """Return a peer's response for ``path``. Raise an ApiError, which reveals no internals.

        Queries that differ only in the order of their parameters share a response.
        """
        if self._peers is None or name not in self.clusters(request.headers):
            raise ClusterNotFoundError
        if not {".", ".."}.isdisjoint(path.split("/")):
            # No node has such a name, and some proxies resolve it to another path.
            raise not_found("Node")
        target = _encoded(path, query)
        authorization = self._authorization(request.headers)
        key = cache_key(name, target, authorization)
        limit = max_age_of_request(request.headers)
        response = self._cache.get_young(key, self._clock(), limit, SHARED_SECONDS)
        if response is None:
            with _as_api_errors(name):
                answer = await self._peers.get(
                    name,
                    target,
                    caller=caller.tenant,
                    authorization=authorization,
                    max_age=None if math.isinf(limit) else limit,
                )
            # Concurrent requests with the same body share one representation, which is compressed once.
            now = self._clock()
            response = self._cache.get_young(key, now, math.inf, SHARED_SECONDS)
            if response is None or response.pieces[0] is not answer.body:
                response = self._cache.put(
                    key,
                    (answer.body,),
                    now - answer.age,
                    tag=answer.digest[:_TAG_LENGTH],
                    caller=caller.tenant,
                    received_at=now,
                    seconds=answer.max_age,
                )
        return response

    async def respond(
        self, request: web.BaseRequest, params: ClusterParameters, caller: Caller
    ) -> web.StreamResponse:
        """Respond with another cluster's response to the same request. Raise an ApiError."""
        query = peer_query(request, params)
        return await self.pass_on(
            request, await self.get(request, caller, params.cluster, request.path, query)
        )

    async def pass_on(self, request: web.BaseRequest, response: Representation) -> web.StreamResponse:
        """Respond with a peer's response, which is as old as it was there."""
        now = self._clock()
        return await response.response(request.headers, now, max(0.0, now - response.made_at))

    async def data(
        self,
        request: web.BaseRequest,
        caller: Caller,
        name: str,
        query: Iterable[tuple[str, str]],
        edit: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    ) -> Mapping[str, Any]:
        """Return the edited data of a peer's response to the query. Raise an ApiError."""
        response = await self.get(request, caller, name, request.path, query)
        try:
            return edit(msgspec.json.decode(response.pieces[0], type=_Data).data)
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError, ValueError, RecursionError):
            raise _failed(name, PeerFailedError("malformed")) from None

    async def stream(
        self, request: web.BaseRequest, name: str, query: Iterable[tuple[str, str]]
    ) -> PeerStream:
        """Return a peer's event stream for the query. Raise an ApiError."""
        if self._peers is None or name not in self.clusters(request.headers):
            raise ClusterNotFoundError
        last_event_id = request.headers.get("Last-Event-ID", "")
        with _as_api_errors(name):
            return await self._peers.open_stream(
                name,
                _encoded(request.path, query),
                authorization=self._authorization(request.headers),
                # An invalid id is of no use to the peer, and may not be a valid field value.
                last_event_id=last_event_id if _EVENT_ID.fullmatch(last_event_id) else None,
            )

    async def csv(
        self, listing: Listing[L, V], params: L, caller: Caller, path: str, response: Representation
    ) -> Representation:
        """Return a peer's list ``response`` as CSV. Raise an ApiError."""
        key = cache_key(path, *params.values, response.made_at, response.headers["ETag"])
        csv = self._cache.get_young(key, self._clock(), math.inf, SHARED_SECONDS)
        if csv is None:
            try:
                encoded = await listing.csv_of_peer(response.pieces[0], params, path)
            # A row may be shallow enough to be decoded, and too deep to be written as text.
            except (msgspec.DecodeError, ValueError, RecursionError):
                raise _failed(params.cluster, PeerFailedError("malformed")) from None
            csv = self._cache.put(
                key,
                (encoded.body,),
                response.made_at,
                tag=f"{response.headers['ETag'].split('-')[-1].strip(chr(34))}-csv",
                caller=caller.tenant,
                headers=encoded.headers,
                received_at=response.received_at,
                seconds=max_age_of_response(response.headers),
            )
        return csv

    def _authorization(self, headers: MultiMapping[str]) -> str | None:
        """Return the caller's header if it is forwarded; then no other caller gets the cached response."""
        if not self._forwards_caller:
            return None
        token = bearer_token(headers)
        if token is None:
            return None
        if not B64TOKEN.fullmatch(token.text):
            raise invalid_token("The token has characters that no bearer token has")
        return f"Bearer {token.text.decode('ascii')}"


def peer_query(request: web.BaseRequest, params: Parameters) -> Sequence[tuple[str, str]]:
    """Return the query that asks a peer for what the caller sees here.

    The peer may know Lens' own token, which may see more. An older one has no views, and responds with a 400.
    """
    view = getattr(params, "view", None)
    query = [(name, value) for name, value in request.query.items() if name != "view"]
    if isinstance(params, StreamParameters) and (view is not None or params.names_sections):
        query = [(name, value) for name, value in query if name != "include"]
        query.append(("include", ",".join(sorted(params.include))))
    return query if view is None else [*query, ("view", view)]


def _is_from_lens(headers: MultiMapping[str]) -> bool:
    return "Via" in headers and _VIA_LENS.search(",".join(headers.getall("Via"))) is not None


def _encoded(path: str, query: Iterable[tuple[str, str]]) -> str:
    return quote(path, errors=_INVALID_UTF8) + "?" + urlencode(sorted(query), errors=_INVALID_UTF8)


@contextmanager
def _as_api_errors(name: str) -> Iterator[None]:
    """Raise a peer's failure, or its error response, as an ApiError."""
    try:
        yield
    except PeerFailedError as error:
        raise _failed(name, error) from None
    except PeerRefusedError as error:
        raise _refused(name, error) from None


def _failed(name: str, error: PeerFailedError) -> ApiError:
    if error.failure == "timeout":
        return gateway_timeout(f"Cluster {name} did not answer in time")
    return bad_gateway(f"Cluster {name} can't be asked")


def _refused(name: str, error: PeerRefusedError) -> ApiError:
    if error.status == HTTPStatus.UNAUTHORIZED:
        return invalid_token(f"Cluster {name} rejects the token")
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        return peer_busy(name)
    if error.status not in _PASSED_ON:
        return unavailable(f"Cluster {name} can't answer yet")
    code, message = _PASSED_ON[error.status]
    return ApiError(error.status, code, error.message or message.format(name))
