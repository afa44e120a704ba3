"""What was cut or refused because it was beyond a bound, counted."""

from collections import Counter

REASONS = {
    "connections": "a connection that was idle for longest, closed to make room for a new one",
    "address": "the same, among those of the new one's address",
    "full": "a new connection, while all others were being answered",
    "files": "connections that could not be accepted for lack of open files or memory",
    "handshake": "a TLS handshake that failed or took too long",
    "head": "a head that was too large",
    "heads": "a connection, as all heads together were too large",
    "slow": "a request that did not come in time, or an answer that was not taken",
    "unsent": "an answer that was not taken, cut to make room for others'",
    "busy": "a request, while too many answers were on their way",
    "body": "a body that was too large",
    "name": "a request for another name than this machine's, or from another's page",
    "certificate": "a certificate that could not replace the one in use",
}

HELP = "What was beyond a bound of the HTTP server, by reason."


class Refusals(Counter[str]):
    """How often each of the REASONS came up."""

    def __init__(self) -> None:
        """Start all at 0, so that each is there to be looked at."""
        super().__init__(dict.fromkeys(REASONS, 0))
