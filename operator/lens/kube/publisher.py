"""Snapshots, hung up as they become due: at once after quiet, otherwise at most 20 a second."""

import asyncio
from collections.abc import Callable

INTERVAL_SECONDS = 0.05


class Publisher:
    """Coalesce calls. To be used in one loop."""

    def __init__(self, publish: Callable[[], None]) -> None:
        """Take what publishes."""
        self._publish = publish
        self._last = float("-inf")
        self._due: asyncio.TimerHandle | None = None

    def touch(self) -> None:
        """See to it that what there is now is published soon."""
        if self._due is None:
            loop = asyncio.get_running_loop()
            pause = max(0.0, self._last + INTERVAL_SECONDS - loop.time())
            self._due = loop.call_later(pause, self._run, loop)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = None
        self._last = loop.time()
        self._publish()
