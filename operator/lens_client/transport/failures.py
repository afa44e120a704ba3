"""Short descriptions of failed connections and requests."""

import errno
import socket

from lens_client.transport.http import ProtocolError
from lens_client.transport.proxies import ProxyError

_WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "no route to its network",
    errno.ECONNRESET: "the connection was reset",
    errno.EPIPE: "the connection was closed",
}


def describe(error: OSError) -> str:
    """Return what went wrong, without the address, on one line."""
    if isinstance(error, ProxyError) and isinstance(error.__cause__, OSError):
        return f"{error}: {describe(error.__cause__)}"
    if isinstance(error, (ProtocolError, ProxyError)):
        return str(error)
    if isinstance(error, socket.gaierror):
        return "its name can't be resolved"
    verification = getattr(error, "verify_message", None)
    if verification:
        return f"its certificate isn't trusted: {verification}"
    if isinstance(error, TimeoutError):
        return str(error)
    # An ssl.SSLError has a reason such as WRONG_VERSION_NUMBER, and an errno of its own.
    reason = getattr(error, "reason", None)
    if reason:
        words = str(reason).lower().replace("_", " ")
        return f"TLS fails ({words})" + (": is it plain http://?" if words == "wrong version number" else "")
    return _WORDS.get(error.errno or 0) or error.strerror or str(error) or type(error).__name__
