"""Cyclic garbage, collected so that no thread has to wait for long.

By itself CPython goes through all containers now and then. With 10,000 pods and 1,000 agents these are
150,000, and for 100 ms and more nobody is answered. So what a look finds alive is frozen (gc.freeze), and
the next look goes through what has come since. What was frozen and is garbage now is found once there is
half as much again: that bounds what it can take.
"""

import asyncio
import gc

CHECK_SECONDS = 0.5
MIDDLE_COLLECTIONS = 1
"""Of the middle generation, after each of which there are up to 7,000 more containers to look through."""

LEAST = 150_000
"""Containers. For so few it isn't worth the while to look through all."""

GROWTH = 0.5
"""Of the containers that were alive when all were looked through; after so many more they are again."""

_NEVER = 2**31 - 1


class Collector:
    """Collects this process' old garbage in CPython's place."""

    def __init__(self) -> None:
        """Take all that there is, such as the modules, for alive."""
        self._threshold = gc.get_threshold()
        gc.set_threshold(*self._threshold[:2], _NEVER)
        gc.freeze()
        self._alive = max(LEAST, gc.get_freeze_count())
        self._come = 0

    @property
    def due(self) -> bool:
        """Tell whether there is enough to look through."""
        return gc.get_count()[2] >= MIDDLE_COLLECTIONS

    def look(self) -> None:
        """Collect what has come since the last look and is garbage, or what ever has."""
        gc.collect()
        self._come += len(gc.get_objects())
        gc.freeze()
        if self._come > GROWTH * self._alive:
            self._come = 0
            # Most of what came may have gone by itself. To count takes long too.
            if gc.get_freeze_count() > (1 + GROWTH) * self._alive:
                self._look_through_all()

    def _look_through_all(self) -> None:
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._alive = max(LEAST, gc.get_freeze_count())

    async def run(self) -> None:
        """Look when it is due, until cancelled; from then on CPython does it again."""
        try:
            while True:
                await asyncio.sleep(CHECK_SECONDS)
                if self.due:
                    self.look()
        finally:
            gc.set_threshold(*self._threshold)
            gc.unfreeze()
