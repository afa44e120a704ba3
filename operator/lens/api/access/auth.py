"""Callers and their bearer tokens; each authentication mode implements ``Authenticator``."""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, Protocol

from multidict import MultiMapping


@dataclass(frozen=True, slots=True)
class Caller:
    """The identity behind a request; this one may read everything.

    The access log and the rate limits treat callers of the same name as one.
    """

    name: str

    @property
    def tenant(self) -> str:
        """Return the name whose share of caches and queues the caller uses: by default its own."""
        return self.name

    async def authorize(self, path: str, namespace: str | None) -> None:
        """Raise an ApiError unless the caller may read the endpoint ``path``.

        The request is for one ``namespace``; None means the whole cluster.
        """

    async def authorize_capacity(self, path: str, namespace: str | None) -> None:
        """Raise an ApiError unless the caller may read the cluster's capacity at the endpoint ``path``.

        A permission in the ``namespace`` is enough, and so is that to read everything.
        """

    @property
    def namespaces(self) -> tuple[str, ...] | None:
        """Return the namespaces to which the caller is restricted; None if Lens knows of no restriction."""
        return None

    @property
    def paths(self) -> tuple[str, ...] | None:
        """Return the endpoints to which the caller is restricted. A * at the end stands for any suffix."""
        return None


ANONYMOUS = Caller("anonymous")

B64TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")
"""What a bearer token may be (RFC 6750, 2.1)."""


class BearerToken(NamedTuple):
    """A bearer token and its SHA-256, which identifies it from here on."""

    text: bytes
    digest: bytes


class Authenticator(Protocol):
    """An authentication mode."""

    async def authenticate(self, token: BearerToken | None, source: str | None) -> Caller:
        """Return the token's owner. Raise an ApiError for an unknown token, or when that can't be decided.

        ``source`` is the client's address or subnet, which many clients may share.
        """
        ...


class AnonymousAuthenticator:
    """Mode ``none``: every client that reaches the port may read everything."""

    async def authenticate(self, token: BearerToken | None, source: str | None) -> Caller:
        """Return the anonymous caller."""
        return ANONYMOUS


TOKEN_FIELDS = ("Authorization", "Lens-Authorization")
"""The fields that may have the token. Proxies that authenticate by the first one, such as the apiserver's,
don't pass it on."""


def bearer_token(headers: MultiMapping[str]) -> BearerToken | None:
    """Return the bearer token (RFC 6750), or None unless there is exactly one.

    It may be in either field, or the same in both. Two different tokens count as none: a proxy might check
    one, and Lens the other.
    """
    found = {}
    for name in TOKEN_FIELDS:
        credentials = headers.getall(name, [])
        if len(credentials) > 1:
            return None
        for each in credentials:
            token = _token(each)
            if token is not None:
                found[token.digest] = token
    return next(iter(found.values())) if len(found) == 1 else None


def _token(credentials: str) -> BearerToken | None:
    scheme, _, token = credentials.partition(" ")
    if scheme.lower() != "bearer":
        return None
    # Whitespace is space and tab (RFC 9110, 5.6.3), not Unicode's.
    # aiohttp decodes invalid UTF-8 with surrogate escapes; this restores its bytes.
    text = token.strip(" \t").encode("utf-8", "surrogateescape")
    return BearerToken(text, sha256(text).digest()) if text else None
