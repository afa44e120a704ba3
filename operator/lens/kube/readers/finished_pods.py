"""Reads from the apiserver how finished pods ended.

A pod that finishes no longer matches the watch's field selector. The line that reports it as deleted has the
object as it was before (the watch cache's convertToWatchEvent). So the pod itself is read while it exists.
"""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Self
from urllib.parse import quote

from lens.kube.client.object_reader import ObjectReader, UnreadError
from lens.model.events.terminations import Termination, read_finished

SCOPE = "pods"
"""The scope of the pause after a read without an answer: all pods."""

MAX_CONCURRENT = 8

MAX_READS = 64
"""Reads for one call. The outcome of further pods stays unknown."""


class FinishedPods:
    """Read finished pods. A context manager for use in one event loop."""

    def __init__(self, objects: ObjectReader) -> None:
        """Take the reader."""
        self._objects = objects
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)

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
        """Return the terminations, those of unknown outcome as the apiserver has them, if it answers."""
        known: list[Termination] = []
        unknown: list[Termination] = []
        for termination in terminations:
            (unknown if termination.outcome == "TaskEnded" else known).append(termination)
        read = await asyncio.gather(*(self._read(termination) for termination in unknown[:MAX_READS]))
        return [*known, *read, *unknown[MAX_READS:]]

    async def _read(self, termination: Termination) -> Termination:
        namespace, name = quote(termination.namespace, safe=""), quote(termination.name, safe="")
        path = f"/api/v1/namespaces/{namespace}/pods/{name}"
        async with self._slots:
            try:
                body = await self._objects.get(path, "application/json", SCOPE)
            except UnreadError:
                return termination
        finished = None if body is None else read_finished(body)
        return finished if finished is not None and finished.uid == termination.uid else termination
