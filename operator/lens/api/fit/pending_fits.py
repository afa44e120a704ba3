"""Lens' own reading of pending pods: whether they would fit now, and what is short.

Pods of one shape share a reading, which is kept until the cluster has changed. The rest is worked out in a
thread, for one answer at a time, and only of so many shapes and for so long.
"""

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from hashlib import blake2b
from math import inf

import msgspec

from lens.api.fit.response import reason_row
from lens.api.schemas.pending import NoFitReason, PodFit
from lens.model.fit.deadline import OutOfTimeError, deadline
from lens.model.fit.pending import PendingPod
from lens.model.fit.reading import DELETED, in_words, read_fit
from lens.model.fit.result import FitResult
from lens.model.fit.state import Fleet
from lens.model.fit.view import FitView
from lens.model.inventory.objects.pod import Pod, PodKey

MAX_SECONDS = 0.25
"""The time for new readings in each second. One takes some 5 ms; with rules between pods up to several
hundred."""

MAX_SHAPES = 256
"""Shapes of pods whose readings are kept."""

_encode = msgspec.json.Encoder().encode

Found = FitResult | NoFitReason


class _Fields(msgspec.Struct, frozen=True):
    """The fields of a shape's rows, the same in JSON, as they follow other fields, and a digest of that."""

    row: PodFit
    encoded: bytes
    digest: bytes


class PodFits:
    """The readings of one answer's pods. ``tag`` changes with any of them."""

    def __init__(self, fields: Mapping[PodKey, _Fields]) -> None:
        """Take the fields of each pod, in the order of the rows."""
        self._fields = fields
        self.tag = _digest(b"".join(each.digest for each in fields.values())).hex()

    def row(self, pod: Pod) -> PodFit:
        """Return the fields of a pod's row."""
        return self._fields[pod.key].row

    def encoded(self, pod: Pod) -> bytes:
        """Return them in JSON, as they follow other fields."""
        return self._fields[pod.key].encoded


class PendingFits:
    """Reads the pending pods of one answer after another."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Take the clock that limits the work."""
        self._clock = clock
        self._lock = asyncio.Lock()
        self._since = -inf
        self._spent = 0.0
        self._of: tuple[Fleet, Mapping[str, str]] | None = None
        # With a pod of each shape, since a shape is only known while there is one.
        self._readings: dict[Hashable, tuple[PendingPod, Found]] = {}

    async def read(self, view: FitView, pods: Sequence[Pod], *, names: bool) -> PodFits:
        """Return the readings of pods, made in their order; with ``names`` of nodes."""

        async def work() -> PodFits:
            async with self._lock:
                return await asyncio.to_thread(self._read, view, pods, names)

        # A client that goes away stops no thread, so the lock is held until that ends.
        return await asyncio.shield(asyncio.create_task(work()))

    def _read(self, view: FitView, pods: Sequence[Pod], names: bool) -> PodFits:
        if self._of is None or self._of[0] is not view.fleet or self._of[1] != view.devices_unseen:
            self._of, self._readings = (view.fleet, view.devices_unseen), {}
        began = self._clock()
        if not 0 <= began - self._since < 1:
            self._since, self._spent = began, 0.0
        check_time = deadline(self._clock, MAX_SECONDS - self._spent)
        has_all = not self._spent
        late = False
        rows: dict[PodKey, _Fields] = {}
        of_shape: dict[Hashable, _Fields] = {}
        for pod in pods:
            pending = view.pending.get(pod.key)
            found: Found
            shape: Hashable
            if pod.terminating:
                shape, found = "terminating", DELETED
            elif pending is None:
                shape = found = "UNREADABLE"
            else:
                shape = pending.shape(view.fleet)
                known = self._readings.get(shape)
                if known is not None:
                    found = known[1]
                elif len(self._readings) >= MAX_SHAPES:
                    shape = found = "TOO_MANY_SHAPES"
                elif late:
                    shape = found = "OUT_OF_TIME"
                else:
                    try:
                        check_time()
                        found = read_fit(view, pending, check_time)
                    except OutOfTimeError:
                        late, found = True, "OUT_OF_TIME"
                    # A pod that takes all the time is skipped, so that the next response has the others.
                    if has_all or not late:
                        self._readings[shape] = pending, found
                    has_all = False
            fields = of_shape.get(shape)
            if fields is None:
                row = _row(found, names=names)
                encoded = b"," + _encode(row)[1:-1]
                fields = of_shape[shape] = _Fields(row, encoded, _digest(encoded))
            rows[pod.key] = fields
        self._spent += self._clock() - began
        return PodFits(rows)


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=8).digest()


def _row(found: Found, *, names: bool) -> PodFit:
    if not isinstance(found, FitResult):
        return {"fit": None, "fit_reason": found}
    reasons = () if found.placed else found.reasons
    return {
        "fit": {
            "fits": found.fits,
            "reason": in_words(found, names=names),
            "reasons": [
                reason_row(each, [each.most_free_on] if names and each.most_free_on else None)
                for each in reasons
            ],
            "complete": found.complete,
            "not_checked": list(found.not_checked),
        },
        "fit_reason": None,
    }
