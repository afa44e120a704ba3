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


def unavailable(why: str) -> ApiError:
    """Return the 503 for what may be answered soon."""
    return ApiError(503, 5003, why, {"Retry-After": _RETRY_SECONDS})
