"""The owners of GPU pods, read up to the top of each chain, metadata only.

Pods name their controllers, and these theirs: each is read by itself, kept for a while, and read again.
A failure costs a workload's name and never a count.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from itertools import islice

from lens.kube.client.object_reader import ObjectReader, UnreadError
from lens.kube.client.rest_mapper import RestMapper, object_path
from lens.metrics import Metrics
from lens.model.inventory.decoding import read_metadata
from lens.model.inventory.owner_chains import KEPT_SECONDS, OwnerChains, OwnerTracker
from lens.model.inventory.pod import Controller, controller_named, controlling
from lens.model.inventory.snapshot import EMPTY, Snapshot

SLOTS = 10
"""Reads under way together."""

TURN_SECONDS = 0.1
"""How often the pods are looked at and news is told; in a turn at most SLOTS reads begin."""

METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
"""https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources

Aggregated apiservers may know only whole objects.
"""

_log = logging.getLogger(__name__)


class OwnerResolver:
    """Reads owners for as long as it runs. To be used in one loop."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        on_change: Callable[[OwnerChains], object],
        objects: ObjectReader,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        tracker: OwnerTracker | None = None,
    ) -> None:
        """Take where the pods are, and who gets what is known of those above them.

        ``tracker`` is where owners are stored, by default a new one.
        """
        self._snapshot = snapshot
        self._on_change = on_change
        self._objects = objects
        self._mapper = RestMapper(objects, clock)
        self._reads = metrics.owner_reads
        self._clock = clock
        self._tracker = tracker or OwnerTracker()
        self._seen = EMPTY
        self._told = self._tracker.owner_chains()
        self._under_way = 0

    async def run(self) -> None:
        """Read until cancelled."""
        async with self._objects, asyncio.TaskGroup() as readings:
            while True:
                self._look()
                for controller in islice(self._tracker.due(self._clock()), SLOTS - self._under_way):
                    self._under_way += 1
                    readings.create_task(self._read(controller))
                self._tell()
                await asyncio.sleep(TURN_SECONDS)

    def _look(self) -> None:
        """Take note of the pods that have come, gone or changed."""
        snapshot, seen = self._snapshot(), self._seen
        if snapshot is seen:
            return
        self._seen = snapshot
        nodes = list(snapshot.nodes.differing(seen.nodes))
        pending = list(snapshot.pending.differing(seen.pending))
        self._tracker.update_pods(
            seen.pods_at(nodes, pending), snapshot.pods_at(nodes, pending), self._clock()
        )

    def _tell(self) -> None:
        owner_chains = self._tracker.owner_chains()
        if owner_chains is not self._told:
            self._told = owner_chains
            self._on_change(owner_chains)

    async def _read(self, controller: Controller) -> None:
        """Read an owner and keep what comes of it."""
        try:
            parent = await self._parent(controller)
            self._tracker.set_parent(controller, parent, self._clock())
        except UnreadError as error:
            if error.asked:
                self._reads.labels(error.reason.lower()).inc()
            now = self._clock()
            self._tracker.set_error(controller, error.reason, now, now + error.seconds)
        except Exception:
            # Whatever an answer brings about, it is one owner's trouble and not the others'.
            _log.exception("an owner could not be read", extra={"kind": controller.kind})
            self._reads.labels("defect").inc()
            now = self._clock()
            self._tracker.set_error(controller, "UNREADABLE", now, now + KEPT_SECONDS)
        else:
            self._reads.labels("read").inc()
        finally:
            self._under_way -= 1

    async def _parent(self, controller: Controller) -> Controller | None:
        """Return who controls an owner. Raise UnreadError."""
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
            # Another object has taken its name.
            raise UnreadError("GONE", KEPT_SECONDS)
        owner = controlling(meta.owner_references)
        return None if owner is None else controller_named(owner, meta.namespace or "")
