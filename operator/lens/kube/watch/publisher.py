"""Publishes snapshots at a limited rate."""

import asyncio
from collections.abc import Callable

from lens.concurrency.supervisor import CountFailures, contained

CHANGE_SECONDS = 0.01
"""The shortest time between two batches of a watch, so that each is published at once."""

LIFE_SECONDS = 1.0


class Publisher:
    """Publish changes at once when idle, and otherwise 100 times a second; signs of life once a second.

    For use in one event loop.
    """

    def __init__(self, publish: Callable[[], None], count_failures: CountFailures) -> None:
        """Take the function that publishes. After a defect in it, the next ``touch`` calls it again."""
        self._publish = publish
        self._count_failures = count_failures
        count_failures("publish", 0)
        self._last = float("-inf")
        self._due: asyncio.TimerHandle | None = None

    def touch(self, changed: bool) -> None:
        """Have the current state published soon; sooner if anything ``changed``."""
        loop = asyncio.get_running_loop()
        due = max(loop.time(), self._last + (CHANGE_SECONDS if changed else LIFE_SECONDS))
        if self._due is not None:
            if self._due.when() <= due:
                return
            self._due.cancel()
        self._due = loop.call_at(due, self._run, loop)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = None
        self._last = loop.time()
        with contained("publish", self._count_failures):
            self._publish()
