"""How finished pods ended, asked of the apiserver.

A pod that finishes leaves the watch by its field selector, and the line that says so has the object as it
was before (the watch cache's convertToWatchEvent). So the pod itself is read, while it is still there.
"""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Self
from urllib.parse import quote

from lens.kube.client.object_reader import ObjectReader, UnreadError
from lens.model.events.terminations import Ending, read_finished

FAMILY = "pods"
"""Once one read has got no answer, the others of that look aren't waited for."""

SLOTS = 8
"""Reads under way together."""

MOST = 64
"""Reads for one look; of more that end at once it isn't known how."""


class Outcomes:
    """Reads finished pods. A context manager, to be used in one loop."""

    def __init__(self, objects: ObjectReader) -> None:
        """Take the way to the apiserver."""
        self._objects = objects
        self._slots = asyncio.Semaphore(SLOTS)

    async def __aenter__(self) -> Self:
        """Return itself."""
        await self._objects.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._objects.__aexit__(kind, error, trace)

    async def resolve(self, endings: Iterable[Ending]) -> list[Ending]:
        """Return endings with those that were open found out, as far as that can be."""
        settled: list[Ending] = []
        still_open: list[Ending] = []
        for ending in endings:
            (still_open if ending.how == "TaskEnded" else settled).append(ending)
        found = await asyncio.gather(*(self._read(ending) for ending in still_open[:MOST]))
        return [*settled, *found, *still_open[MOST:]]

    async def _read(self, ending: Ending) -> Ending:
        path = f"/api/v1/namespaces/{quote(ending.namespace, safe='')}/pods/{quote(ending.name, safe='')}"
        async with self._slots:
            try:
                body = await self._objects.get(path, "application/json", FAMILY)
            except UnreadError:
                return ending
        finished = None if body is None else read_finished(body)
        return finished if finished is not None and finished.uid == ending.uid else ending
