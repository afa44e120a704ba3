"""Clusters that have a Lens of their own, and what comes of asking it."""

from typing import Literal, NamedTuple

Failure = Literal[
    "timeout",
    "unreachable",
    "redirect",
    "unauthorized",
    "status",
    "malformed",
    "too_large",
    "wrong_cluster",
]
"""Why there is no answer that can be used.

``unreachable``: no way there, a broken connection, a certificate that isn't trusted. ``unauthorized``: it
does not know this Lens' own token. ``status``: an HTTP status that isn't for callers. ``malformed``: not
HTTP, or no envelope. ``wrong_cluster``: the figures of another cluster.
"""


CLUSTER_FIELD = "Lens-Cluster"
"""The header field of a stream that names its cluster, for its events need not."""


class PeerAnswer(NamedTuple):
    """A good answer in its envelope, its SHA-256, and how many seconds ago it was made."""

    body: bytes
    digest: str
    age: float


class PeerFailedError(Exception):
    """A peer can't be asked, or what it answered is of no use."""

    def __init__(self, failure: Failure) -> None:
        """Take why."""
        super().__init__(failure)
        self.failure = failure


class PeerRefusedError(Exception):
    """A peer answered, and refused: with one of the HTTP statuses 400, 401, 403, 404, 429 and 503.

    ``message`` is its own, None where that is not to be told.
    """

    def __init__(self, status: int, message: str | None) -> None:
        """Take what it answered."""
        super().__init__(status)
        self.status = status
        self.message = message
