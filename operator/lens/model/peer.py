"""Responses of other clusters' Lenses, and why there may be none."""

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
"""Why a peer has no usable response.

``unreachable``: no connection, a broken one, or an untrusted certificate. ``unauthorized``: the peer doesn't
accept this Lens' own token. ``status``: an HTTP status that isn't passed on to callers. ``malformed``: not
HTTP, or no envelope. ``wrong_cluster``: the figures of another cluster.
"""


CLUSTER_FIELD = "Lens-Cluster"
"""The header field with the cluster of a stream, whose events may not have it."""


class PeerAnswer(NamedTuple):
    """A valid response in its envelope, its SHA-256, its age and how old it may become, in seconds."""

    body: bytes
    digest: str
    age: float
    max_age: float


class PeerFailedError(Exception):
    """A peer has no usable response."""

    def __init__(self, failure: Failure) -> None:
        """Take the reason."""
        super().__init__(failure)
        self.failure = failure


class PeerRefusedError(Exception):
    """A peer has refused a request with one of the HTTP statuses 400, 401, 403, 404, 429 and 503.

    ``message`` is the peer's own; None if it must not be passed on.
    """

    def __init__(self, status: int, message: str | None) -> None:
        """Take the peer's status and message."""
        super().__init__(status)
        self.status = status
        self.message = message
