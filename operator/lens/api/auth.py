"""Who asks."""

from dataclasses import dataclass
from typing import Protocol

from multidict import MultiMapping


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose request is answered.

    ``view`` stands for what the caller may see: callers with the same view may share cached answers.
    """

    name: str
    view: str = "everything"


ANONYMOUS = Caller("anonymous")


class Authenticator(Protocol):
    """A way to find out who asks."""

    async def identify(self, headers: MultiMapping[str]) -> Caller:
        """Return the caller. Raise an ApiError when it can't be told, or may not ask."""
        ...


class Anybody:
    """Mode ``none``: whoever reaches the port may ask."""

    async def identify(self, headers: MultiMapping[str]) -> Caller:
        """Return the anonymous caller."""
        return ANONYMOUS


def bearer_token(headers: MultiMapping[str]) -> bytes | None:
    """Return the bearer token (RFC 6750), or None where there is not exactly one."""
    credentials = headers.getall("Authorization", [])
    if len(credentials) != 1:
        return None
    scheme, _, token = credentials[0].partition(" ")
    # What is not UTF-8 was decoded with surrogate escapes, and goes back to its bytes.
    return token.strip().encode("utf-8", "surrogateescape") or None if scheme.lower() == "bearer" else None
