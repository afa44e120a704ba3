"""Single objects, asked of the apiserver within bounds, and not again where that has just failed.

What was refused or unanswered for one object would be for its siblings, so a refusal speaks for its family:
the resource in a namespace, or a document of discovery.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

import aiohttp

from lens.config import SettingsError
from lens.kube.client.api_client import ApiClient
from lens.metrics import Metrics
from lens.model.inventory.owner_chains import KEPT_SECONDS, Reason

if TYPE_CHECKING:
    from lens.kube.client.kubeconfig import Connection

TIMEOUT_SECONDS = 10.0

LONGEST_BODY = 2 * 2**20
"""Bytes. etcd takes objects of up to 1.5 MiB; some servers can't tell the metadata alone."""

FORBIDDEN_SECONDS = 120.0
FIRST_SECONDS = 1.0
LONGEST_SECONDS = 120.0
"""Until a family is asked again that is forbidden, or doesn't answer: then each time twice as long."""

MOST_FAMILIES = 4096
"""Users name families by what they write into their pods, so there may be any number."""

_log = logging.getLogger(__name__)

_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class UnreadError(Exception):
    """There is no answer; ``seconds`` is the time after which to ask again.

    ``asked`` tells whether this time anybody was asked.
    """

    def __init__(self, reason: Reason, seconds: float, *, asked: bool = True) -> None:
        """Take why."""
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds
        self.asked = asked


class _Trouble(NamedTuple):
    reason: Reason
    until: float
    pause: float


class ObjectReader:
    """Gets documents with Lens' own credentials. A context manager, to be used in one loop."""

    def __init__(
        self,
        connection: "Callable[[], Connection]",
        metrics: Metrics,
        timeout: float = TIMEOUT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take how to make the connection, which is called in a thread; ``timeout`` is in seconds."""
        self._clock = clock
        self._client = ApiClient(connection, LONGEST_BODY)
        self._metrics = metrics
        self._timeout = timeout
        self._troubles: OrderedDict[str, _Trouble] = OrderedDict()

    async def __aenter__(self) -> Self:
        """Return itself; the session is opened by the first request."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._client.close()

    async def get(self, path: str, accept: str, family: str) -> bytes | None:
        """Return what is there, None for nothing. Raise UnreadError.

        ``path`` is below the server's URL, and encoded.
        """
        now = self._clock()
        trouble = self._troubles.get(family)
        if trouble is not None and now < trouble.until:
            raise UnreadError(trouble.reason, trouble.until - now, asked=False)
        try:
            async with asyncio.timeout(self._timeout):
                status, body = await self._client.request("GET", path, {"Accept": accept})
        # aiohttp lets a ValueError out for some headers that can't be read.
        except (TimeoutError, SettingsError, aiohttp.ClientError, OSError, ValueError) as error:
            self._metrics.kube_requests.labels("error").inc()
            raise self._trouble(family, "UNREACHABLE", str(error) or type(error).__name__) from None
        self._metrics.kube_requests.labels(str(status)).inc()
        if status == HTTPStatus.OK and body is not None:
            self._troubles.pop(family, None)
            return body
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status in _REFUSED:
            raise self._trouble(family, "FORBIDDEN", f"HTTP {status}")
        if status == HTTPStatus.OK or HTTPStatus.BAD_REQUEST <= status < HTTPStatus.TOO_MANY_REQUESTS:
            raise UnreadError("UNREADABLE", KEPT_SECONDS)
        raise self._trouble(family, "UNREACHABLE", f"HTTP {status}")

    def _trouble(self, family: str, reason: Reason, problem: str) -> UnreadError:
        """Remember that a family is in trouble, and say so once."""
        now = self._clock()
        before = self._troubles.pop(family, None)
        if before is not None and now < before.until:
            # Of several that were under way together only the first lengthens the pause.
            pause = before.pause
        elif reason == "FORBIDDEN":
            pause = FORBIDDEN_SECONDS
        else:
            pause = min(LONGEST_SECONDS, 2 * before.pause) if before is not None else FIRST_SECONDS
        if before is None or before.reason != reason:
            _log.warning("owners can't be read", extra={"path": family, "error": problem})
        self._troubles[family] = _Trouble(reason, now + pause, pause)
        if len(self._troubles) > MOST_FAMILIES:
            self._troubles.popitem(last=False)
        return UnreadError(reason, pause)
