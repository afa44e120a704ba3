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
from lens.model.events.terminations import Termination, read_finished

FAMILY = "pods"
"""Once one read has got no answer, the others of that look aren't waited for."""

SLOTS = 8
"""Reads under way together."""

MOST = 64
"""Reads for one look; of more that end at once it isn't known how."""


class FinishedPods:
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

    async def resolve(self, terminations: Iterable[Termination]) -> list[Termination]:
        """Return terminations; whose outcome is open is read from the apiserver, where it answers."""
        settled: list[Termination] = []
        still_open: list[Termination] = []
        for termination in terminations:
            (still_open if termination.outcome == "TaskEnded" else settled).append(termination)
        found = await asyncio.gather(*(self._read(termination) for termination in still_open[:MOST]))
        return [*settled, *found, *still_open[MOST:]]

    async def _read(self, termination: Termination) -> Termination:
        namespace, name = quote(termination.namespace, safe=""), quote(termination.name, safe="")
        path = f"/api/v1/namespaces/{namespace}/pods/{name}"
        async with self._slots:
            try:
                body = await self._objects.get(path, "application/json", FAMILY)
            except UnreadError:
                return termination
        finished = None if body is None else read_finished(body)
        return finished if finished is not None and finished.uid == termination.uid else termination
