"""Authentication with a limit on failed attempts from one address."""

from http import HTTPStatus

from lens.api.access.auth import Authenticator, BearerToken, Caller
from lens.api.errors import ApiError, too_many_requests
from lens.api.rate_limit import RateLimiter, RateLimitState
from lens.http.connection_table import client_network


class AuthThrottle:
    """Authenticate callers, and limit how many failed attempts an address gets a 401 for.

    Many clients may share an address, such as behind a proxy, and only authentication can decide whether a
    token is right. So failed attempts never block an attempt that may succeed; the authenticator itself
    bounds how many attempts run at once.
    """

    def __init__(self, authenticator: Authenticator, failures: RateLimiter) -> None:
        """Take the authenticator and the limit on failed attempts by address."""
        self._authenticator = authenticator
        self._failures = failures

    def state(self, address: str | None, now: float) -> RateLimitState:
        """Return the address' limit on failed attempts, which applies until the caller is known."""
        return self._failures.peek(_source(address), now)

    async def authenticate(self, token: BearerToken | None, address: str | None, now: float) -> Caller:
        """Return the token's owner.

        Raise an ApiError for an unknown token: 401, or 429 after too many of them. It carries the address'
        rate-limit state.
        """
        source = _source(address)
        try:
            return await self._authenticator.authenticate(token, source)
        except ApiError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                error.rate_limit = self._failures.consume(source, now)
                if error.rate_limit.exceeded:
                    raise too_many_requests(error.rate_limit) from None
            raise


def _source(address: str | None) -> str | None:
    return address and client_network(address)
