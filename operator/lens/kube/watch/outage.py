"""Outages of the apiserver: a log line when one begins, for each further cause, and when it ends."""

import errno
import logging
import os
import ssl
from collections.abc import Callable

import aiohttp

_OF_ALL_REQUESTS = {
    401: "the apiserver rejects Lens's credentials",
    429: "the apiserver sheds load",
}
_OF_ONE_PATH = {
    403: "Lens's credentials lack the right to get, list or watch it",
    404: "the server doesn't have it",
}

_ANY = ""

MAX_CAUSES = 16
"""Causes of one outage that are logged."""

_log = logging.getLogger(__name__)


class Outage:
    """Whether each kind of request succeeds. There is an outage while the last request of any kind failed.

    The kinds are few: kopf discovers API groups, and lists and watches two or three resources.
    """

    def __init__(self, clock: Callable[[], float], on_change: Callable[[str | None], object]) -> None:
        """Start without an outage. ``on_change`` gets the present cause, and None at an outage's end."""
        self._clock = clock
        self._on_change = on_change
        self._failing: dict[str, str] = {}
        self._logged: set[str] = set()
        self._began = 0.0

    def failed(self, path: str, cause: str) -> None:
        """Record the failure of a request for ``path``."""
        if not self._failing:
            self._began = self._clock()
        self._failing[path] = cause
        if cause not in self._logged and len(self._logged) < MAX_CAUSES:
            self._logged.add(cause)
            _log.error("the apiserver does not serve Lens; trying again", extra={"error": cause})
        self._on_change(cause)

    def succeeded(self, path: str) -> None:
        """Record the success of a request for ``path``."""
        if not self._failing:
            return
        self._failing.pop(path, None)
        self._failing.pop(_ANY, None)
        self._on_change(next(iter(self._failing.values()), None))
        if not self._failing:
            self._logged.clear()
            seconds = round(self._clock() - self._began, 1)
            _log.warning("the apiserver serves Lens again", extra={"seconds": seconds})

    def started_anew(self) -> None:
        """Forget which requests failed, as kopf may not repeat them all. The next success ends an outage."""
        if self._failing:
            self._failing = {_ANY: next(iter(self._failing.values()))}


def cause_of_status(method: str, path: str, status: int) -> str:
    """Return an outage's cause for an HTTP status."""
    if status in _OF_ONE_PATH:
        return f"HTTP {status} to {method} {path}: {_OF_ONE_PATH[status]}"
    phrase = _OF_ALL_REQUESTS.get(status)
    return f"HTTP {status}" + (f": {phrase}" if phrase else "")


def cause_of_error(error: Exception) -> str:
    """Return an outage's cause for a failed connection, without the request."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"{error.host}:{error.port}: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno or 0
        if isinstance(error.os_error, ssl.SSLError):
            # Its number is OpenSSL's.
            why = f"TLS: {error.os_error.reason or 'no handshake'}"
        elif number in errno.errorcode:
            why = os.strerror(number)
        else:
            why = str(error.os_error) or "connection broken"
        return f"{error.host}:{error.port}: {why}"
    return str(error) or type(error).__name__
