"""Discovers which resources of an API group the apiserver serves, and in which versions, again and again.

kopf discovers when it starts, and later only what CustomResourceDefinitions define, not an apiserver's own
groups. A group that isn't served costs one small request each time.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from http import HTTPStatus
from typing import TypeVar

import msgspec

from lens.concurrency.backoff import Backoff
from lens.concurrency.supervisor import CountFailures, contained
from lens.config.errors import SettingsError
from lens.http_client import RequestFailedError
from lens.kube.client.api_client import ApiClient
from lens.kube.watch.outage import cause_of_status
from lens.metrics import Metrics

TIMEOUT_SECONDS = 5.0
"""For all documents together."""

MAX_BODY_BYTES = 256 * 1024

MAX_VERSIONS = 16
"""The most versions of the group that are read. Kubernetes has served four at once."""

FIRST_SECONDS = 1.0
"""The time between attempts until the first one succeeds."""

CONFIRMED_SECONDS = 2.0
MAX_CONFIRMED_SECONDS = 300.0
"""The time in which a change must last to count. It doubles with every change, since while a control plane is
upgraded, or set up unequally, its apiservers serve different versions."""

CALM_SECONDS = 600.0
"""The time without a change after which the next one is confirmed as fast as the first."""

JOB = "discovery"


class _Version(msgspec.Struct):
    version: str


class _Group(msgspec.Struct):
    versions: list[_Version]


class _Resource(msgspec.Struct):
    name: str
    verbs: list[str] | None = None


class _ResourceList(msgspec.Struct):
    resources: list[_Resource] | None = None


D = TypeVar("D", _Group, _ResourceList)

_group = msgspec.json.Decoder(_Group)
_resource_list = msgspec.json.Decoder(_ResourceList)


class _FailedError(Exception):
    """A document can't be read. The message is the cause."""


class Served(msgspec.Struct, frozen=True):
    """The version of each served resource, and the resources that are served only in unknown versions."""

    versions: Mapping[str, str] = {}
    unknown_versions: Mapping[str, str] = {}


class Discovery:
    """What a group serves of some resources. The results stay when kopf is restarted."""

    def __init__(
        self,
        group: str,
        known_versions: tuple[str, ...],
        resources: Collection[str],
        interval: float,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``known_versions`` are those that Lens reads, in order of preference."""
        self.served = Served()
        self.failure: str | None = None
        self.has_succeeded = False
        self._path = f"/apis/{group}"
        self._known_versions = known_versions
        self._resources = frozenset(resources)
        self._interval = interval
        self._requests = metrics.kube_requests
        self._clock = clock
        self._confirmation = Backoff(min(CONFIRMED_SECONDS, interval), MAX_CONFIRMED_SECONDS)
        self._changed_at = clock()

    async def discover(self, client: ApiClient) -> None:
        """Discover once. Nothing changes if the apiserver doesn't answer."""
        found = await self._found(client)
        if found is not None:
            self._update(found)

    async def until_changed(self, client: ApiClient, count_failures: CountFailures) -> None:
        """Discover again and again until something else is served."""
        count_failures(JOB, 0)
        while True:
            await asyncio.sleep(self._interval if self.has_succeeded else FIRST_SECONDS)
            with contained(JOB, count_failures):
                found = await self._found(client)
                if found is None:
                    continue
                if self.has_succeeded and found != self.served:
                    await asyncio.sleep(self._confirmation_seconds())
                    if await self._found(client) != found:
                        continue
                if self._update(found):
                    return

    def _confirmation_seconds(self) -> float:
        """Return the seconds in which the present change must last."""
        if self._clock() - self._changed_at >= CALM_SECONDS:
            self._confirmation.reset()
        return self._confirmation.next()

    def _update(self, found: Served) -> bool:
        """Set what is served; return whether it has changed."""
        before, self.served = self.served, found
        self.has_succeeded = True
        if found == before:
            return False
        self._changed_at = self._clock()
        return True

    async def _found(self, client: ApiClient) -> Served | None:
        """Return what is served now; None if that is unknown."""
        self.failure = None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await self._read(client)
        except (_FailedError, SettingsError) as error:
            self.failure = str(error)
        except TimeoutError:
            self.failure = f"no whole answer within {TIMEOUT_SECONDS:g} s"
        return None

    async def _read(self, client: ApiClient) -> Served:
        group = await self._document(client, self._path, _group)
        versions: dict[str, str] = {}
        unknown_versions: dict[str, str] = {}
        for version in self._in_order(group):
            if versions.keys() >= self._resources:
                break
            path = f"{self._path}/{version}"
            listed = await self._document(client, path, _resource_list)
            target = versions if version in self._known_versions else unknown_versions
            for resource in (listed.resources if listed is not None else None) or ():
                if resource.name in self._resources and {"list", "watch"} <= set(resource.verbs or ()):
                    target.setdefault(resource.name, version)
        return Served(
            versions, {name: version for name, version in unknown_versions.items() if name not in versions}
        )

    def _in_order(self, group: _Group | None) -> Iterator[str]:
        """Yield a group's versions: first the known ones in order of preference, then the others."""
        served = [each.version for each in group.versions[:MAX_VERSIONS]] if group is not None else []
        yield from (version for version in self._known_versions if version in served)
        # Only text that can be a version goes into a path.
        yield from (
            version
            for version in served
            if version not in self._known_versions and version.isascii() and version.isalnum()
        )

    async def _document(self, client: ApiClient, path: str, decoder: msgspec.json.Decoder[D]) -> D | None:
        """Return a document, or None if it doesn't exist. Raise _FailedError, or SettingsError."""
        try:
            status, body = await client.request("GET", path, {"Accept": "application/json"})
        except RequestFailedError as error:
            self._requests.labels("error").inc()
            raise _FailedError(f"GET {path}: {error}") from None
        self._requests.labels(str(status)).inc()
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status != HTTPStatus.OK:
            raise _FailedError(cause_of_status("GET", path, status))
        if body is None:
            raise _FailedError(f"GET {path}: over {MAX_BODY_BYTES} bytes")
        try:
            return decoder.decode(body)
        except (ValueError, RecursionError) as error:
            raise _FailedError(f"GET {path}: {error}") from None
