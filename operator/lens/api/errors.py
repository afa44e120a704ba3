"""The API's errors, each with its HTTP status and its code."""

from collections.abc import Iterable, Mapping, Sequence

from lens.api.rate_limit import RateLimitState
from lens.model.cluster_state import StateView


class ApiError(Exception):
    """An error response: HTTP status, envelope code and message, further headers.

    ``rate_limit`` is the state of the limit that applies to the failed request, where that has changed.
    """

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        headers: Mapping[str, str] | None = None,
        rate_limit: RateLimitState | None = None,
    ) -> None:
        """Take the response's content."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.rate_limit = rate_limit


class ForbiddenError(ApiError):
    """The 403 for a caller without a permission."""


class ClusterNotFoundError(ApiError):
    """The 404 for an unknown cluster. ``clusters`` are the known ones, if the caller may know them."""

    def __init__(self, clusters: Sequence[str] = ()) -> None:
        """Take the names."""
        super().__init__(404, 4004, "Cluster not found")
        self.clusters = clusters


class PeerBusyError(ApiError):
    """The 503 for a peer that gets too many requests."""


_RETRY_SECONDS = "2"
_STREAM_RETRY_SECONDS = "10"


def quoted(value: str) -> str:
    """Return foreign text for a message: in quotes, at most 64 characters, escaped beyond printable ASCII."""
    return ascii(value[:64])


def invalid_parameter(what: str) -> ApiError:
    """Return the 400 for an invalid query."""
    return ApiError(400, 4000, f"Invalid parameter: {what}")


def unparsable(what: str, status: int = 400) -> ApiError:
    """Return the 400 or 431 for bytes that are not a valid request."""
    return ApiError(status, 4000, f"Invalid request: {what}")


def unknown_method() -> ApiError:
    """Return the 501 for a method that Lens doesn't know (RFC 9110, 15.6.2)."""
    return ApiError(501, 5001, "Unknown method: methods are case-sensitive")


def no_token() -> ApiError:
    """Return the 401 for a request without a token, whose challenge has no error (RFC 6750, 3.1)."""
    return ApiError(401, 4001, "Unauthorized", {"WWW-Authenticate": "Bearer"})


def invalid_token(why: str) -> ApiError:
    """Return the 401 for a wrong token (RFC 6750, 3.1); ``why`` is printable ASCII without quotes."""
    challenge = f'Bearer error="invalid_token", error_description="{why}"'
    return ApiError(401, 4001, "Unauthorized", {"WWW-Authenticate": challenge})


def forbidden(why: str) -> ForbiddenError:
    """Return the 403 that names the missing permission."""
    return ForbiddenError(403, 4003, f"Forbidden: {why}")


def not_found(what: str) -> ApiError:
    """Return the 404 for an unknown route or node."""
    return ApiError(404, 4004, f"{what} not found")


def method_not_allowed(allowed: Iterable[str]) -> ApiError:
    """Return the 405 with the allowed methods."""
    return ApiError(405, 4005, "Method not allowed", {"Allow": ", ".join(allowed)})


def too_large(limit: int) -> ApiError:
    """Return the 413 for a body of more than ``limit`` bytes."""
    return ApiError(413, 4013, f"Body too large: the limit is {limit} bytes")


def encoded_body() -> ApiError:
    """Return the 415 for a compressed body (RFC 9110, section 15.5.16)."""
    return ApiError(415, 4015, "A body must not be compressed", {"Accept-Encoding": "identity"})


def internal_error() -> ApiError:
    """Return the 500, which reveals no internals."""
    return ApiError(500, 5000, "Internal error")


def too_many_requests(state: RateLimitState) -> ApiError:
    """Return the 429 for a caller that has exceeded a rate limit (RFC 6585)."""
    retry_after = {"Retry-After": str(state.reset_seconds)}
    return ApiError(429, 4029, "Too many requests", retry_after, rate_limit=state)


def too_many_streams(limit: int) -> ApiError:
    """Return the 429 for a caller that has the maximum of streams open."""
    message = f"Too many streams: a caller may have {limit}"
    return ApiError(429, 4029, message, {"Retry-After": _STREAM_RETRY_SECONDS})


def bad_gateway(what: str) -> ApiError:
    """Return the 502 for a peer that is unreachable, or whose response is invalid."""
    return ApiError(502, 5002, what)


def gateway_timeout(what: str) -> ApiError:
    """Return the 504 for a peer that does not respond in time."""
    return ApiError(504, 5004, what)


def unavailable(why: str) -> ApiError:
    """Return the 503 for a request that may succeed soon."""
    return ApiError(503, 5003, why, {"Retry-After": _RETRY_SECONDS})


def peer_busy(cluster: str) -> PeerBusyError:
    """Return the 503 for a peer that gets too many requests, of this Lens or in all."""
    message = f"Cluster {cluster} gets too many requests"
    return PeerBusyError(503, 5003, message, {"Retry-After": _RETRY_SECONDS})


def outdated(why: str, state: StateView) -> ApiError:
    """Return the 503 for a state that is missing or too old, with the cause of an outage of the apiserver."""
    return unavailable(f"{why}: {state.outage}" if state.outage else why)
