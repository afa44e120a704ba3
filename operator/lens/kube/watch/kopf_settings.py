"""kopf's side: its settings, its login and its handlers.

It only reads. No finalizers, no patches, no events posted, so a ClusterRole of get, list and watch is all
that it needs.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import kopf

from lens.kube.client.paging import MOST_OBJECTS
from lens.kube.watch.storages import NoDiffBase, NoProgress
from lens.model.inventory.pod import PodKey

POD_FIELD_SELECTOR = "status.phase!=Succeeded,status.phase!=Failed"
"""Finished pods hold nothing; the apiserver reports one that finishes as deleted."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timeouts:
    """How many seconds to wait for what.

    ``request``: for an answer, but for a watch's. ``watch``: for the end of a watch; each new one, and the
    bookmark 2 s before its end, shows that all that is known is current, so in a quiet cluster no figure
    looks older than this. ``silence``: for a byte of a watch; to be longer than ``watch``. ``stall``: for a
    request or a byte, after which a resource's watcher inside kopf is taken for lost.
    """

    request: float = 30.0
    watch: int = 25
    silence: float = 40.0
    stall: float = 90.0


TIMEOUTS = Timeouts()
"""With an apiserver as it should be."""


class RetryDelays:
    """Pauses before the next attempt, without an end, and from the start again for each request."""

    def __iter__(self) -> Iterator[float]:
        """Go through the seconds."""
        yield from (0.1, 0.25, 0.5, 1.0)
        while True:
            yield 2.0


def settings(timeouts: Timeouts, daemonset: PodKey | None) -> kopf.OperatorSettings:
    """Return kopf's settings for an operator that writes nothing and never gives up.

    Of DaemonSets it watches ``daemonset`` alone.
    """
    chosen = kopf.OperatorSettings()
    chosen.process.ultimate_exiting_timeout = None
    chosen.posting.enabled = False
    chosen.scanning.disabled = True
    chosen.persistence.diffbase_storage = NoDiffBase()
    chosen.persistence.progress_storage = NoProgress()
    chosen.watching.chunk_size = MOST_OBJECTS
    chosen.watching.server_timeout = timeouts.watch
    chosen.watching.inactivity_timeout = timeouts.silence
    chosen.watching.field_selectors["", "v1", "pods"] = POD_FIELD_SELECTOR
    if daemonset is not None:
        chosen.watching.field_selectors["apps", "v1", "daemonsets"] = (
            f"metadata.namespace={daemonset.namespace},metadata.name={daemonset.name}"
        )
    chosen.networking.request_timeout = timeouts.request
    chosen.networking.connect_timeout = 5.0
    chosen.networking.error_backoffs = RetryDelays()
    return chosen


def registry(
    login: Callable[[], Awaitable[kopf.AiohttpSession]],
    end: Callable[[], None],
    daemonset: PodKey | None,
) -> kopf.OperatorRegistry:
    """Return kopf's handlers: the login, the end, and one for each resource that kopf is to watch."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def log_in(**_: object) -> kopf.AiohttpSession:
        return await login()

    @kopf.on.cleanup(registry=handlers)
    async def clean_up(**_: object) -> None:
        end()

    async def unexpected(name: str, **_: object) -> None:
        _log.warning("kopf got an object, which is for the ledger alone", extra={"object": name})

    for resource in [
        ("", "v1", "pods"),
        ("", "v1", "nodes"),
        *([("apps", "v1", "daemonsets")] if daemonset else []),
    ]:
        kopf.on.event(*resource, registry=handlers)(unexpected)
    return handlers
