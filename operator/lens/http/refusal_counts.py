"""Counts of connections and requests that exceeded a bound."""

from collections import Counter

REASONS = {
    "connections": "a connection that was idle for longest, closed to make room for a new one",
    "address": "the same, among those of the new one's address",
    "full": "a new connection, while all others were being answered",
    "files": "connections that could not be accepted for lack of open files or memory",
    "handshake": "a TLS handshake that failed or took too long",
    "head": "a head that was too large",
    "heads": "a connection, as all heads together were too large",
    "slow": "a request that did not come in time, or a response that was not read",
    "unsent": "a response that was not read, cut to make room for others'",
    "busy": "a request, while too many answers were on their way",
    "body": "a body that was too large",
    "name": "a request for another name than this machine's, or from another's page",
    "certificate": "a certificate that could not replace the one in use",
}

HELP = "HTTP connections and requests that were closed or refused because they exceeded a bound, by reason."


class RefusalCounts(Counter[str]):
    """A count for each of the REASONS."""

    def __init__(self) -> None:
        """Start all at 0, so that each reason is exposed from the start."""
        super().__init__(dict.fromkeys(REASONS, 0))
