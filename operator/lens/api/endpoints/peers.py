"""Endpoints for clusters that have a Lens of their own: it is asked the same, and its answer is passed on."""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Protocol
from urllib.parse import quote, urlencode

import msgspec
from aiohttp import web
from multidict import MultiMapping

from lens.api.access.auth import Caller, bearer_token
from lens.api.cache import Representation, ResponseCache, key, wanted_age
from lens.api.errors import (
    ApiError,
    bad_gateway,
    gateway_timeout,
    not_found,
    unauthorized,
    unavailable,
)
from lens.api.lists.pages import L, Listing
from lens.model.peer import PeerAnswer, PeerFailedError, PeerRefusedError

_B64TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750, 2.1
_EVENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_OF_LENS = re.compile(r"(^|,)\s*[A-Za-z0-9./]+\s+lens\s*(,|\(|$)", re.ASCII)

_REFUSED = {
    400: (4000, "Invalid parameter: cluster {} does not know all of these"),
    403: (4003, "Forbidden: cluster {} does not tell this"),
    404: (4004, "Cluster not found"),
}
"""What a peer's refusals are passed on as, where they come without words."""

# How aiohttp decodes what is not UTF-8.
_ODD = "surrogateescape"


class PeerStream(Protocol):
    """What another cluster's Lens goes on telling."""

    async def read(self) -> bytes:
        """Return the bytes that are next, none at the end. Raise PeerFailedError."""
        ...

    def close(self) -> None:
        """Hang up; who is reading gets a PeerFailedError."""
        ...


class Peers(Protocol):
    """Who asks other clusters' Lenses."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return their clusters' names."""
        ...

    async def get(
        self, name: str, path: str, *, caller: str, authorization: str | None, max_age: float | None
    ) -> PeerAnswer:
        """Return what a peer answers a caller at an encoded path.

        Raise PeerFailedError and PeerRefusedError.
        """
        ...

    async def open_stream(
        self, name: str, path: str, *, authorization: str | None, last_event_id: str | None
    ) -> PeerStream:
        """Return what a peer goes on telling there. Raise PeerFailedError and PeerRefusedError."""
        ...


class PeerAnswers:
    """Answers of peers, kept like our own and apart from them."""

    def __init__(
        self, peers: Peers | None, cache: ResponseCache, clock: Callable[[], float], *, forwards_caller: bool
    ) -> None:
        """Take whom to ask; ``forwards_caller`` is whether peers are shown the caller's token."""
        self._peers = peers
        self._cache = cache
        self._clock = clock
        self._forwards_caller = forwards_caller

    def names(self, asked: MultiMapping[str]) -> tuple[str, ...]:
        """Return the clusters that a request with the headers ``asked`` may reach.

        There are none for another Lens, which this one may be a peer of: nothing goes round in circles.
        """
        return () if self._peers is None or _is_from_lens(asked) else self._peers.names

    async def answer(
        self,
        request: web.BaseRequest,
        caller: Caller,
        name: str,
        path: str,
        query: Iterable[tuple[str, str]],
    ) -> Representation:
        """Return what a peer answers at ``path``. Raise an ApiError; nothing in it is of the inside.

        Equal queries are one answer's, whatever the order of their parameters.
        """
        if self._peers is None or name not in self.names(request.headers):
            raise not_found("Cluster")
        if not {".", ".."}.isdisjoint(path.split("/")):
            # No node's name, and to some proxies another path.
            raise not_found("Node")
        where = _encoded(path, query)
        authorization = self._authorization(request.headers)
        question = key(name, where, authorization)
        limit = wanted_age(request.headers)
        answer = self._cache.find(question, self._clock(), limit)
        if answer is None:
            max_age = None if math.isinf(limit) else limit
            with _told_apart(name):
                told = await self._peers.get(
                    name, where, caller=caller.name, authorization=authorization, max_age=max_age
                )
            # Who has waited for the same answer has the same representation, compressed at most once.
            answer = self._cache.find(question, self._clock(), math.inf)
            if answer is None or answer.body is not told.body:
                made_at = self._clock() - told.age
                answer = self._cache.keep(
                    question, told.body, made_at, caller=caller.name, digest=told.digest
                )
        return answer

    async def listen(self, request: web.BaseRequest, name: str) -> PeerStream:
        """Return what a peer goes on telling where the request asks for it. Raise an ApiError."""
        if self._peers is None or name not in self.names(request.headers):
            raise not_found("Cluster")
        last = request.headers.get("Last-Event-ID", "")
        with _told_apart(name):
            return await self._peers.open_stream(
                name,
                _encoded(request.path, request.query.items()),
                authorization=self._authorization(request.headers),
                # What can't be one is no more use to the peer, and could be no header field.
                last_event_id=last if _EVENT_ID.fullmatch(last) else None,
            )

    async def table(
        self, listing: Listing[L], asked: L, caller: Caller, path: str, told: Representation
    ) -> Representation:
        """Return as CSV the list that a peer has ``told``. Raise an ApiError."""
        question = key(path, *asked.values, told.made_at, told.headers["ETag"])
        table = self._cache.find(question, self._clock(), math.inf)
        if table is None:
            try:
                made = await listing.told(told.body, asked, path)
            # A row may be nested deep enough to be read, and too deep to be written as text.
            except (msgspec.DecodeError, ValueError, RecursionError):
                raise _failed(asked.cluster, PeerFailedError("malformed")) from None
            table = self._cache.keep(
                question,
                made.body,
                told.made_at,
                caller=caller.name,
                digest=made.digest,
                described=made.headers,
            )
        return table

    def _authorization(self, asked: MultiMapping[str]) -> str | None:
        """Return the caller's header where it is passed on; answers are kept for nobody else then."""
        if not self._forwards_caller:
            return None
        token = bearer_token(asked)
        if token is None:
            return None
        if not _B64TOKEN.fullmatch(token.text):
            raise unauthorized()
        return f"Bearer {token.text.decode('ascii')}"


def _is_from_lens(asked: MultiMapping[str]) -> bool:
    return "Via" in asked and _OF_LENS.search(",".join(asked.getall("Via"))) is not None


def _encoded(path: str, query: Iterable[tuple[str, str]]) -> str:
    return quote(path, errors=_ODD) + "?" + urlencode(sorted(query), errors=_ODD)


@contextmanager
def _told_apart(name: str) -> Iterator[None]:
    """Raise the ApiError for what a peer failed at, or refused."""
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
        return unauthorized()
    if error.status not in _REFUSED:
        return unavailable(f"Cluster {name} can't answer yet")
    code, words = _REFUSED[error.status]
    return ApiError(error.status, code, error.message or words.format(name))
