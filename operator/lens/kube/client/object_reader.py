"""Reads single objects from the apiserver, within bounds, with a pause after a failure.

An error for one object would be the same for its siblings. So it applies to the object's scope: the resource
in a namespace, or a discovery document.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from lens.concurrency.backoff import Backoff
from lens.config.errors import SettingsError
from lens.http_client import RequestFailedError
from lens.kube.client.api_client import ApiClient
from lens.metrics import Metrics
from lens.model.inventory.owner_chains import KEPT_SECONDS, Reason

if TYPE_CHECKING:
    from lens.kube.client.kubeconfig import Connection

TIMEOUT_SECONDS = 10.0

MAX_BODY_BYTES = 2 * 2**20
"""etcd stores objects of up to 1.5 MiB; some servers can't return the metadata alone."""

FORBIDDEN_SECONDS = 120.0
"""The pause before a scope that is forbidden is read again."""

FIRST_SECONDS = 1.0
MAX_SECONDS = 120.0
"""The first and the longest pause of a scope that doesn't answer. Each pause is twice the one before."""

MAX_SCOPES = 4096
"""Users name scopes in their pods' owner references, so there may be any number."""

_log = logging.getLogger(__name__)

_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class UnreadError(Exception):
    """An object can't be read; ``seconds`` is the time after which to try again.

    ``requested`` is false if no request was sent, because one has just failed.
    """

    def __init__(self, reason: Reason, seconds: float, *, requested: bool = True) -> None:
        """Take the reason."""
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds
        self.requested = requested


class _Failure(NamedTuple):
    reason: Reason
    until: float
    backoff: Backoff


class ObjectReader:
    """Read documents with Lens' own credentials. A context manager for use in one event loop."""

    def __init__(
        self,
        connection: "Callable[[], Connection]",
        metrics: Metrics,
        timeout: float = TIMEOUT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``connection`` makes the connection, and is called in a thread; ``timeout`` is in seconds."""
        self._clock = clock
        self._client = ApiClient(connection, timeout, MAX_BODY_BYTES)
        self._metrics = metrics
        self._failures: OrderedDict[str, _Failure] = OrderedDict()

    async def __aenter__(self) -> Self:
        """Return itself; the session is opened by the first request."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._client.close()

    async def get(self, path: str, accept: str, scope: str) -> bytes | None:
        """Return a document, or None if it doesn't exist. Raise UnreadError.

        ``path`` is below the server's URL, and encoded.
        """
        now = self._clock()
        failure = self._failures.get(scope)
        if failure is not None and now < failure.until:
            raise UnreadError(failure.reason, failure.until - now, requested=False)
        try:
            status, body = await self._client.request("GET", path, {"Accept": accept})
        except (SettingsError, RequestFailedError) as error:
            self._metrics.kube_requests.labels("error").inc()
            raise self._failed(scope, "UNREACHABLE", str(error)) from None
        self._metrics.kube_requests.labels(str(status)).inc()
        if status == HTTPStatus.OK and body is not None:
            self._failures.pop(scope, None)
            return body
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status in _REFUSED:
            raise self._failed(scope, "FORBIDDEN", f"HTTP {status}")
        if status == HTTPStatus.OK or HTTPStatus.BAD_REQUEST <= status < HTTPStatus.TOO_MANY_REQUESTS:
            raise UnreadError("UNREADABLE", KEPT_SECONDS)
        raise self._failed(scope, "UNREACHABLE", f"HTTP {status}")

    def _failed(self, scope: str, reason: Reason, problem: str) -> UnreadError:
        """Record a scope's failure, and log it once; return the error."""
        now = self._clock()
        before = self._failures.pop(scope, None)
        backoff = Backoff(FIRST_SECONDS, MAX_SECONDS) if before is None else before.backoff
        if before is not None and now < before.until:
            # Of concurrent requests only the first to fail lengthens the pause.
            until = before.until
        else:
            until = now + (FORBIDDEN_SECONDS if reason == "FORBIDDEN" else backoff.next())
        if before is None or before.reason != reason:
            _log.warning("objects can't be read", extra={"path": scope, "error": problem})
        self._failures[scope] = _Failure(reason, until, backoff)
        if len(self._failures) > MAX_SCOPES:
            self._failures.popitem(last=False)
        return UnreadError(reason, until - now)
