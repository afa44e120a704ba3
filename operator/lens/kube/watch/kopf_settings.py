"""kopf's settings, storages, login and handlers.

kopf only reads: no finalizers, no patches, no posted Events. So a ClusterRole of get, list and watch is
enough.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import kopf

from lens.kube.client.paging import FIRST_OBJECTS
from lens.model.inventory.objects.pod import PodKey

POD_FIELD_SELECTOR = "status.phase!=Succeeded,status.phase!=Failed"
"""Finished pods hold nothing. The apiserver reports a pod that finishes as deleted."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timeouts:
    """Timeouts in seconds.

    ``request``: for a response, except a watch's. ``watch``: the length of a watch, which the apiserver ends
    then. ``head``: for the head of its response; an apiserver under load lets it wait for up to 15 s.
    ``silence``: for a byte of it, or for its end; longer than ``watch``. ``stall``: without a request or a
    byte for so long, a resource's watch in kopf counts as dead. ``discovery``: between two requests for what
    is served. ``forbidden``: before another request for a resource that is forbidden, besides kopf's own
    second. ``grace``: for a resource without which the others are still counted.
    """

    request: float = 30.0
    watch: int = 8
    head: float = 20.0
    silence: float = 12.0
    stall: float = 90.0
    discovery: float = 10.0
    forbidden: float = 2.0
    grace: float = 30.0


TIMEOUTS = Timeouts()
"""For a normal apiserver."""


NEVER = 1e9
"""kopf's own timeout of a watch ends kopf if a line comes at that very moment, since a timer that has expired
can't be set again. So Lens ends silent watches (``response``)."""


class WatchedResource(NamedTuple):
    """A resource in one version, such as ``daemonsets`` of ``apps/v1``; the core group is empty."""

    group: str
    version: str
    name: str

    @property
    def path(self) -> str:
        """Return the path of all its objects."""
        return (
            f"/apis/{self.group}/{self.version}/{self.name}"
            if self.group
            else f"/api/{self.version}/{self.name}"
        )


PODS = WatchedResource("", "v1", "pods")
NODES = WatchedResource("", "v1", "nodes")
DAEMONSETS = WatchedResource("apps", "v1", "daemonsets")


class RetryDelays:
    """The endless pauses between attempts of one request, in seconds."""

    def __iter__(self) -> Iterator[float]:
        """Yield the pauses from the first one on."""
        yield from (0.1, 0.25, 0.5)
        while True:
            yield 1.0


class NoDiffBase(kopf.DiffBaseStorage):
    """Store no last state, and don't build one."""

    def build(self, *, body: kopf.Body, extra_fields: Iterable[Any] | None = None) -> kopf.BodyEssence:
        """Return an empty state."""
        return kopf.BodyEssence({})

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        """Return None."""
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Do nothing."""


class NoProgress(kopf.ProgressStorage):
    """Store no handler's progress."""

    def fetch(self, *, key: str, body: kopf.Body) -> Any:
        """Return None."""
        return None

    def store(self, *, key: str, record: Any, body: kopf.Body, patch: kopf.Patch) -> None:
        """Do nothing."""

    def purge(self, *, key: str, body: kopf.Body, patch: kopf.Patch) -> None:
        """Do nothing."""

    def touch(self, *, body: kopf.Body, patch: kopf.Patch, value: str | None) -> None:
        """Do nothing."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Return the state as it is."""
        return essence


def settings(timeouts: Timeouts, daemonset: PodKey | None) -> kopf.OperatorSettings:
    """Return kopf's settings for an operator that writes nothing and retries for ever.

    The only DaemonSet that it watches is ``daemonset``.
    """
    chosen = kopf.OperatorSettings()
    chosen.process.ultimate_exiting_timeout = None
    chosen.posting.enabled = False
    chosen.scanning.disabled = True
    chosen.persistence.diffbase_storage = NoDiffBase()
    chosen.persistence.progress_storage = NoProgress()
    chosen.watching.chunk_size = FIRST_OBJECTS
    chosen.watching.server_timeout = timeouts.watch
    chosen.watching.inactivity_timeout = NEVER
    chosen.watching.field_selectors[PODS] = POD_FIELD_SELECTOR
    if daemonset is not None:
        chosen.watching.field_selectors[DAEMONSETS] = (
            f"metadata.namespace={daemonset.namespace},metadata.name={daemonset.name}"
        )
    chosen.networking.request_timeout = timeouts.request
    chosen.networking.connect_timeout = 5.0
    chosen.networking.error_backoffs = RetryDelays()
    return chosen


def registry(
    login: Callable[[], Awaitable[kopf.AiohttpSession]],
    end: Callable[[], None],
    watched: Iterable[WatchedResource],
) -> kopf.OperatorRegistry:
    """Return kopf's handlers: ``login``, ``end`` for the cleanup, and one for each resource to watch.

    kopf watches what it has handlers for. Its session gives it no object, so none of these is called.
    """
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def log_in(**_: object) -> kopf.AiohttpSession:
        return await login()

    @kopf.on.cleanup(registry=handlers)
    async def clean_up(**_: object) -> None:
        end()

    async def unexpected(name: str, **_: object) -> None:
        _log.warning("kopf has an object, which was for the ledger alone", extra={"object": name})

    for resource in watched:
        kopf.on.event(*resource, registry=handlers)(unexpected)
    return handlers
