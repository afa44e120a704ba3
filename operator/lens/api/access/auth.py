"""Who asks."""

from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, Protocol

from multidict import MultiMapping


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose request is answered; this one may ask for everything.

    Callers of one name are one to the access log and to the limits.
    """

    name: str

    async def require(self, path: str, namespace: str | None) -> None:
        """Raise an ApiError unless the caller may ask the endpoint ``path``.

        What is asked for is one ``namespace``, or for None the whole cluster.
        """


ANONYMOUS = Caller("anonymous")


class Token(NamedTuple):
    """A bearer token, and its SHA-256, by which it is known from here on."""

    text: bytes
    digest: bytes


class Authenticator(Protocol):
    """A way to find out who asks."""

    async def identify(self, token: Token | None, source: str | None) -> Caller:
        """Return whose token it is. Raise an ApiError when it is nobody's, or can't be told.

        ``source`` is where it comes from, and there may be many.
        """
        ...


class Anybody:
    """Mode ``none``: whoever reaches the port may ask."""

    async def identify(self, token: Token | None, source: str | None) -> Caller:
        """Return the anonymous caller."""
        return ANONYMOUS


def bearer_token(headers: MultiMapping[str]) -> Token | None:
    """Return the bearer token (RFC 6750), or None where there is not exactly one."""
    credentials = headers.getall("Authorization", [])
    if len(credentials) != 1:
        return None
    scheme, _, token = credentials[0].partition(" ")
    if scheme.lower() != "bearer":
        return None
    # Blanks are spaces and tabs (RFC 9110, 5.6.3), and not Unicode's.
    # What is not UTF-8 was decoded with surrogate escapes, and goes back to its bytes.
    text = token.strip(" \t").encode("utf-8", "surrogateescape")
    return Token(text, sha256(text).digest()) if text else None
