"""Who gets in: an authenticator is asked, but not as often as somebody who guesses would like."""

import ipaddress
from functools import lru_cache

from lens.api.access.auth import Authenticator, Caller, Token
from lens.api.access.limits import Limit
from lens.api.errors import ApiError, too_many_requests
from lens.api.exchange import Exchange

_MOST_KNOWN = 4096


class Door:
    """Let callers in, and strangers try at most so often from one address.

    Behind one address there may be many, such as behind a proxy. So a token that was right the last time is
    not held up by others' guesses.
    """

    def __init__(self, authenticator: Authenticator, strangers: Limit) -> None:
        """Take who knows callers, and how often an address may be wrong."""
        self._authenticator = authenticator
        self._strangers = strangers
        self._known: dict[bytes, None] = {}

    def watch(self, address: str | None, exchange: Exchange, now: float) -> None:
        """Note how an address stands, until it's known who asks from there."""
        exchange.standing = self._strangers.look(_neighbourhood(address), now)

    async def identify(
        self, token: Token | None, address: str | None, exchange: Exchange, now: float
    ) -> Caller:
        """Return whose token it is. Raise an ApiError for nobody's, and for too many of these."""
        key = _neighbourhood(address)
        known = token is not None and token.digest in self._known
        if not known:
            # Counted beforehand, or all that come at once would find room.
            exchange.standing = self._strangers.take(key, now)
            if exchange.standing.exceeded:
                raise too_many_requests(exchange.standing.seconds)
        try:
            caller = await self._authenticator.identify(token)
        except ApiError as error:
            if known and error.status == 401:
                assert token is not None
                self._known.pop(token.digest, None)
                exchange.standing = self._strangers.take(key, now)
            raise
        if not known:
            self._strangers.give_back(key)
            if token is not None:
                self._remember(token.digest)
        return caller

    def _remember(self, digest: bytes) -> None:
        self._known[digest] = None
        if len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]


@lru_cache(_MOST_KNOWN)
def _neighbourhood(address: str | None) -> str | None:
    """Return what stands for an address: of IPv6 its /64, as one machine has all of that."""
    if address is None or ":" not in address:
        return address
    ip = ipaddress.IPv6Address(address.partition("%")[0])
    return str(ip.ipv4_mapped or ipaddress.IPv6Network((int(ip) >> 64 << 64, 64)))
