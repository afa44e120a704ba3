"""Who gets in: an authenticator is asked, and who is nobody is told so only so often."""

from http import HTTPStatus

from lens.api.access.auth import Authenticator, Caller, Token
from lens.api.access.limits import Limit
from lens.api.errors import ApiError, too_many_requests
from lens.api.exchange import Exchange
from lens.http.crowd import neighbourhood


class Door:
    """Let callers in, and answer strangers at most so often from one address.

    Behind one address there may be many, such as behind a proxy, and a token can only be told right by
    asking. So nothing that was wrong holds up what may be right; how many are asked about at once is up to
    the authenticator.
    """

    def __init__(self, authenticator: Authenticator, strangers: Limit) -> None:
        """Take who knows callers, and how often an address may be wrong."""
        self._authenticator = authenticator
        self._strangers = strangers

    def watch(self, address: str | None, exchange: Exchange, now: float) -> None:
        """Note how an address stands, until it's known who asks from there."""
        exchange.standing = self._strangers.look(address and neighbourhood(address), now)

    async def identify(
        self, token: Token | None, address: str | None, exchange: Exchange, now: float
    ) -> Caller:
        """Return whose token it is. Raise an ApiError for nobody's: 401, or 429 for too many of these."""
        source = address and neighbourhood(address)
        try:
            return await self._authenticator.identify(token, source)
        except ApiError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                exchange.standing = self._strangers.take(source, now)
                if exchange.standing.exceeded:
                    raise too_many_requests(exchange.standing.seconds) from None
            raise
