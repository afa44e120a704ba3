"""First pictures: all that there is, made once for all who see the same, in slices, and only so often."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NamedTuple

import msgspec

from lens import slices
from lens.api.endpoints import findings
from lens.api.parameters import Section
from lens.api.stream.changes import Row, figures, node_row, task_rows
from lens.api.stream.telling import View
from lens.model.cluster_state import StateView
from lens.model.k8s import timestamps

GOOD_SECONDS = 1.0
"""For so long a picture serves who comes; what has changed since is told right after it."""

MOST_BYTES = 64 * 2**20
"""What pictures take that somebody still reads. Past that the readers of the oldest have to leave."""

_encode = msgspec.json.encode

MakePart = Callable[[str | None], Coroutine[Any, Any, bytes]]
"""Makes a section's rows, of one namespace or all."""


class _Part(NamedTuple):
    section: Section
    namespace: str | None


class Picture:
    """The state as streams are told of it when they begin; ``number`` is the ring's at that time.

    Each section is made when it is first asked for, and of a namespace only its own tasks are.
    """

    def __init__(self, current: StateView, number: int, event_id: str, cluster: str, now: float) -> None:
        """Take what to show and the id of its event."""
        self.current = current
        self.number = number
        self.made_at = time.monotonic()
        self.readers: set[asyncio.Transport] = set()
        self._id = event_id
        self._cluster = cluster
        self._now = now
        self._parts: dict[_Part, asyncio.Task[bytes]] = {}
        self._places: asyncio.Task[dict[str, list[str]]] | None = None
        self._figures: bytes | None = None

    @property
    def size(self) -> int:
        """Return how many bytes its parts have."""
        return sum(
            len(part.result()) for part in self._parts.values() if part.done() and not part.cancelled()
        )

    async def event(self, view: View) -> tuple[bytes, ...]:
        """Return the event for a view, in pieces that others share."""
        head = {"cluster": self._cluster, "timestamp": timestamps.render(self.current.current_at)}
        pieces = [f"event: snapshot\nid: {self._id}\ndata: ".encode(), _encode(head)[:-1]]
        if view.namespace is None:
            if self._figures is None:
                self._figures = b',"status":' + _encode(figures(self.current, self._cluster, self._now))
            pieces.append(self._figures)
        making: tuple[tuple[Section, bytes, MakePart], ...] = (
            ("nodes", b"nodes", self._nodes),
            ("tasks", b"tasks", self._tasks),
            ("alerts", b"alerts", self._alerts),
            ("events", b"recent_events", self._events),
        )
        for section, name, make in making:
            if section in view.sections:
                pieces += (b',"%b":[' % name, await self._part(_Part(section, view.namespace), make), b"]")
        return *pieces, b"}\n\n"

    async def _part(self, part: _Part, make: MakePart) -> bytes:
        if part not in self._parts:
            self._parts[part] = asyncio.create_task(make(part.namespace))
        return await asyncio.shield(self._parts[part])

    async def _nodes(self, _namespace: str | None) -> bytes:
        names = self.current.snapshot.listed()
        return await _sliced([node_row(self.current, name)] for name in names)

    async def _tasks(self, namespace: str | None) -> bytes:
        if namespace is None:
            names = sorted(self.current.snapshot.nodes)
            return await _sliced(task_rows(self.current, name).values() for name in names)
        if self._places is None:
            self._places = asyncio.create_task(self._placed())
        names = (await asyncio.shield(self._places)).get(namespace, [])
        return await _sliced(task_rows(self.current, name, namespace).values() for name in names)

    async def _placed(self) -> dict[str, list[str]]:
        """Return the nodes that each namespace has pods on."""
        found: dict[str, list[str]] = {}

        def place(name: str) -> None:
            for namespace in {pod.namespace for pod in self.current.snapshot.nodes[name].pods}:
                found.setdefault(namespace, []).append(name)

        await slices.each(place, sorted(self.current.snapshot.nodes))
        return found

    async def _alerts(self, _namespace: str | None) -> bytes:
        return await _sliced([dict(findings.alert(each))] for each in self.current.findings.alerts)

    async def _events(self, _namespace: str | None) -> bytes:
        return await _sliced([dict(findings.event(each))] for each in self.current.findings.events)


class Pictures:
    """The pictures of one cluster state that are still of use."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Start with none."""
        self._most_bytes = most_bytes
        self._kept: list[Picture] = []

    @property
    def latest(self) -> Picture | None:
        """Return the one that was made last."""
        return self._kept[-1] if self._kept else None

    def add(self, picture: Picture) -> None:
        """Take a new one, and see to it that those before take only so much."""
        self._kept = [each for each in self._kept if each.readers]
        size = sum(each.size for each in self._kept)
        for each in self._kept:
            if size <= self._most_bytes:
                break
            size -= each.size
            for reader in each.readers:
                reader.abort()
        self._kept.append(picture)


async def _sliced(groups: Iterable[Iterable[Row]]) -> bytes:
    """Return the rows of all groups with commas between."""
    made = await slices.each(lambda rows: b",".join(map(_encode, rows)), groups)
    return b",".join(filter(None, made))
