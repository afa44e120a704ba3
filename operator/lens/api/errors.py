"""What can be wrong with a request, each with its HTTP status and its code."""

from collections.abc import Iterable, Mapping


class ApiError(Exception):
    """An answer that is an error: HTTP status, envelope code and message, further headers."""

    def __init__(
        self, status: int, code: int, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Take what the answer says."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


_RETRY_SECONDS = "2"
_STREAM_RETRY_SECONDS = "10"


def quoted(value: str) -> str:
    """Return somebody's text fit for a message: in quotes, bounded, anything but plain ASCII escaped."""
    return ascii(value[:64])


def invalid_parameter(what: str) -> ApiError:
    """Return the 400 for a query that can't be answered."""
    return ApiError(400, 4000, f"Invalid parameter: {what}")


def unparsable(what: str, status: int = 400) -> ApiError:
    """Return the 400 or 431 for what is no request."""
    return ApiError(status, 4000, f"Invalid request: {what}")


def unauthorized() -> ApiError:
    """Return the 401 for no token or a wrong one (RFC 6750)."""
    return ApiError(401, 4001, "Unauthorized", {"WWW-Authenticate": "Bearer"})


def forbidden(why: str) -> ApiError:
    """Return the 403 that says which permission is lacking."""
    return ApiError(403, 4003, f"Forbidden: {why}")


def not_found(what: str) -> ApiError:
    """Return the 404 for a route, a cluster or a node."""
    return ApiError(404, 4004, f"{what} not found")


def method_not_allowed(allowed: Iterable[str]) -> ApiError:
    """Return the 405 with what would be allowed."""
    return ApiError(405, 4005, "Method not allowed", {"Allow": ", ".join(allowed)})


def too_large(limit: int) -> ApiError:
    """Return the 413 for a body of more than ``limit`` bytes."""
    return ApiError(413, 4013, f"Body too large: the limit is {limit} bytes")


def internal_error() -> ApiError:
    """Return the 500, which says nothing of the inside."""
    return ApiError(500, 5000, "Internal error")


def too_many_requests(seconds: int) -> ApiError:
    """Return the 429 for who may ask again in ``seconds`` (RFC 6585)."""
    return ApiError(429, 4029, "Too many requests", {"Retry-After": str(seconds)})


def too_many_streams(most: int) -> ApiError:
    """Return the 429 for who has as many streams as a caller may have."""
    message = f"Too many streams: a caller may have {most}"
    return ApiError(429, 4029, message, {"Retry-After": _STREAM_RETRY_SECONDS})


def bad_gateway(what: str) -> ApiError:
    """Return the 502 for a peer that can't be asked, or whose answer is of no use."""
    return ApiError(502, 5002, what)


def gateway_timeout(what: str) -> ApiError:
    """Return the 504 for a peer that does not answer in time."""
    return ApiError(504, 5004, what)


def unavailable(why: str) -> ApiError:
    """Return the 503 for what may be answered soon."""
    return ApiError(503, 5003, why, {"Retry-After": _RETRY_SECONDS})
