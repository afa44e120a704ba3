"""Reads the owners of GPU pods up to the top of each chain, metadata only.

Pods name their controllers, and those name theirs. Each owner is read separately, cached for a while, and
read again. A failure affects the name of a workload, and no figure.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from itertools import islice

from lens.concurrency import slices
from lens.concurrency.changes import Changes
from lens.kube.client.object_reader import ObjectReader, UnreadError
from lens.kube.client.rest_mapper import RestMapper, object_path
from lens.metrics import Metrics
from lens.model.inventory.decoding.documents import read_metadata
from lens.model.inventory.objects.pod import Controller, controller_named, controlling
from lens.model.inventory.owner_chains import KEPT_SECONDS, OwnerChains, OwnerTracker
from lens.model.inventory.snapshot import EMPTY, Snapshot

MAX_CONCURRENT = 10
"""The most concurrent reads, and the most that begin in a round."""

ROUND_SECONDS = 0.1
"""The time between rounds while owners are read. A round compares pods, begins reads, publishes chains."""

CALM_ROUND_SECONDS = 0.25
"""The shortest one while none is read: in a busy cluster pods always change, and few have new owners."""

IDLE_SECONDS = 1.0
"""The longest one, for owners that are due again while no pod changes."""

METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
"""https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources

Some aggregated apiservers return only whole objects.
"""

_log = logging.getLogger(__name__)


class OwnerResolver:
    """Read owners while it runs. For use in one event loop."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        changes: Changes,
        on_change: Callable[[OwnerChains], object],
        objects: ObjectReader,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        tracker: OwnerTracker | None = None,
    ) -> None:
        """``snapshot`` returns the pods, and ``changes`` notifies of another one.

        ``on_change`` is called with new owner chains. ``tracker`` stores the owners; by default it is a new
        one.
        """
        self._snapshot = snapshot
        self._changes = changes
        self._on_change = on_change
        self._objects = objects
        self._mapper = RestMapper(objects, clock)
        self._reads = metrics.owner_reads
        self._clock = clock
        self._tracker = tracker or OwnerTracker()
        self._last_snapshot = EMPTY
        self._published = self._tracker.owner_chains()
        self._reading = 0

    async def run(self) -> None:
        """Read until cancelled."""
        async with self._objects, asyncio.TaskGroup() as reads:
            while True:
                await self._update_pods()
                for controller in islice(self._tracker.due(self._clock()), MAX_CONCURRENT - self._reading):
                    self._reading += 1
                    reads.create_task(self._read(controller))
                self._publish()
                # Owners that are read meanwhile may make others due.
                was_reading = self._reading > 0
                await asyncio.sleep(ROUND_SECONDS if was_reading else CALM_ROUND_SECONDS)
                if not was_reading:
                    await self._idle()

    async def _idle(self) -> None:
        """Wait until pods have changed, or for a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS - CALM_ROUND_SECONDS):
                await self._changes.until(lambda: self._snapshot() is not self._last_snapshot)

    async def _update_pods(self) -> None:
        """Give the tracker the pods that were added, removed or changed since the last round."""
        after, before = self._snapshot(), self._last_snapshot
        if after is before:
            return
        self._last_snapshot = after
        nodes = await slices.each(str, after.nodes.differing(before.nodes))
        pending = list(after.pending.differing(before.pending))
        await slices.run(
            self._tracker.update_pods(
                before.pods_at(nodes, pending), after.pods_at(nodes, pending), self._clock()
            )
        )

    def _publish(self) -> None:
        owner_chains = self._tracker.owner_chains()
        if owner_chains is not self._published:
            self._published = owner_chains
            self._on_change(owner_chains)

    async def _read(self, controller: Controller) -> None:
        """Read an owner, and store its controller or the error."""
        try:
            parent = await self._parent(controller)
            self._tracker.set_parent(controller, parent, self._clock())
        except UnreadError as error:
            if error.requested:
                self._reads.labels(error.reason.lower()).inc()
            now = self._clock()
            self._tracker.set_error(controller, error.reason, now, now + error.seconds)
        except Exception:
            # A defect in reading one owner must not affect the others.
            _log.exception("an owner could not be read", extra={"kind": controller.kind})
            self._reads.labels("defect").inc()
            now = self._clock()
            self._tracker.set_error(controller, "UNREADABLE", now, now + KEPT_SECONDS)
        else:
            self._reads.labels("read").inc()
        finally:
            self._reading -= 1

    async def _parent(self, controller: Controller) -> Controller | None:
        """Return an owner's controller, or None. Raise UnreadError."""
        collection = await self._mapper.collection(controller)
        body = await self._objects.get(object_path(collection, controller.name), METADATA, collection)
        if body is None:
            raise UnreadError("GONE", KEPT_SECONDS)
        try:
            meta = read_metadata(body).metadata
        except ValueError:
            raise UnreadError("UNREADABLE", KEPT_SECONDS) from None
        if meta.name != controller.name or meta.namespace not in (None, "", controller.namespace):
            raise UnreadError("UNREADABLE", KEPT_SECONDS)
        if meta.uid != controller.uid:
            # Another object has its name now.
            raise UnreadError("GONE", KEPT_SECONDS)
        owner = controlling(meta.owner_references)
        return None if owner is None else controller_named(owner, meta.namespace or "")
