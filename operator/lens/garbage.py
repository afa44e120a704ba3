"""Collects cyclic garbage so that no thread has to wait for long.

By default CPython traverses all containers from time to time. With 10,000 pods and 1,000 agents these are
150,000, and no request is answered for 100 ms or more. So a collection that has become long freezes the
living containers (gc.freeze), and the next one traverses only those that were created since. Frozen garbage
is collected once half as many containers have been added, which bounds its size.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable

CHECK_SECONDS = 0.5
MIDDLE_COLLECTIONS = 1
"""Collections of the middle generation before one of ours; each adds up to 7,000 containers to traverse."""

LONG_SECONDS = 0.001
"""The CPU of a collection after which the living containers are frozen, some 20,000 of them.

What is alive for a short while, such as a connection, is mostly garbage by then, and isn't frozen.
"""

MIN_CONTAINERS = 150_000
"""With fewer containers than this a full collection isn't worthwhile."""

START_SECONDS = 60.0
"""How long the first lists may take. Until then nearly all new containers are theirs, and none is garbage. A
collection, also of the young ones alone, would only delay the lists, and requests wait for them."""

GROWTH = 0.5
"""The growth since the last full collection, as a share of the living containers, that triggers the next
one."""

_NEVER = 2**31 - 1


class Collector:
    """Collects the old generation's garbage in place of CPython."""

    def __init__(self) -> None:
        """Freeze all existing containers, such as the modules."""
        self._threshold = gc.get_threshold()
        gc.set_threshold(*self._threshold[:2], _NEVER)
        gc.freeze()
        self._alive = max(MIN_CONTAINERS, gc.get_freeze_count())
        self._added = 0

    @property
    def due(self) -> bool:
        """Return whether a collection is worthwhile."""
        return gc.get_count()[2] >= MIDDLE_COLLECTIONS

    def collect(self) -> None:
        """Collect the garbage among the containers since the last collection, or among all of them."""
        # At most so many are new. gc.get_objects would refer to them all: another thread that is just
        # making a tuple of a generator then fails (https://github.com/python/cpython/issues/39117).
        young, middle, old = gc.get_count()
        self._added += young + self._threshold[0] * (middle + self._threshold[1] * old)
        began = time.thread_time()
        gc.collect()
        if time.thread_time() - began < LONG_SECONDS:
            return
        gc.freeze()
        if self._added > GROWTH * self._alive:
            self._added = 0
            # Reference counts may have freed most of the added containers. Counting takes long too.
            if gc.get_freeze_count() > (1 + GROWTH) * self._alive:
                self._collect_all()

    def _collect_all(self) -> None:
        gc.unfreeze()
        gc.collect()
        self._freeze_all()

    def _freeze_all(self) -> None:
        gc.freeze()
        self._alive = max(MIN_CONTAINERS, gc.get_freeze_count())

    async def run(self, started: Callable[[], Awaitable[object]]) -> None:
        """Collect when a collection is due, until cancelled; then CPython's own collector runs again.

        Nothing is collected until ``started`` ends, or START_SECONDS. What exists soon after counts as alive.
        """
        gc.disable()
        try:
            try:
                async with asyncio.timeout(START_SECONDS):
                    await started()
                    # The first requests are answered before that: to count containers takes 20 ms.
                    await asyncio.sleep(CHECK_SECONDS)
            except TimeoutError:
                # Attempts that failed leave garbage.
                gc.collect()
            self._freeze_all()
            gc.enable()
            while True:
                await asyncio.sleep(CHECK_SECONDS)
                if self.due:
                    self.collect()
        finally:
            gc.enable()
            gc.set_threshold(*self._threshold)
            gc.unfreeze()
