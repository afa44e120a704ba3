"""Initial snapshots: the whole state as a stream's first event, shared by streams with the same filter."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NamedTuple, Self

import msgspec

from lens import __version__
from lens.api.endpoints.alerts_and_events import alert_row, event_row
from lens.api.endpoints.capacity import capacity_row
from lens.api.parameters.cluster import View
from lens.api.parameters.stream import Section
from lens.api.stream.diff import Row, figures, node_row, task_rows
from lens.api.stream.sse import StreamFilter
from lens.concurrency import slices
from lens.model.cluster_state import StateView
from lens.model.k8s import timestamps

TTL_SECONDS = 1.0
"""How long new streams share a snapshot; the ring has the changes since then."""

MAX_BYTES = 64 * 2**20
"""The size of all snapshots that are still being sent. Beyond it the oldest one's streams are aborted."""

_encode = msgspec.json.encode


class _Part(NamedTuple):
    """A section's rows: of tasks those of a namespace, of nodes those of a view."""

    section: Section
    namespace: str | None = None
    view: View | None = None

    @classmethod
    def of(cls, section: Section, stream_filter: StreamFilter) -> Self:
        return cls(
            section,
            stream_filter.namespace if section == "tasks" else None,
            stream_filter.view if section == "nodes" else None,
        )


MakePart = Callable[[_Part], Coroutine[Any, Any, bytes]]
"""Returns the rows of a part."""


class InitialSnapshot:
    """The state as new streams get it; ``number`` is that of the ring's last entry at that time.

    Each section is encoded on first use, and for a namespace only its own tasks are.
    """

    def __init__(
        self,
        current: StateView,
        number: int,
        event_id: str,
        cluster: str,
        now: float,
        *,
        stale_after: float,
        idle_percent: float,
    ) -> None:
        """Take the state and the id of its event.

        Figures older than ``stale_after`` seconds are stale. GPUs used up to ``idle_percent`` are idle.
        """
        self.current = current
        self.number = number
        self.made_at = time.monotonic()
        self.readers: set[asyncio.Transport] = set()
        self._id = event_id
        self._cluster = cluster
        self._now = now
        self._stale_after = stale_after
        self._idle_percent = idle_percent
        self._parts: dict[_Part, asyncio.Task[bytes]] = {}
        self._nodes_of_namespaces: asyncio.Task[dict[str, list[str]]] | None = None
        self._figures: bytes | None = None

    @property
    def size(self) -> int:
        """Return the size of its encoded parts in bytes."""
        return sum(
            len(part.result()) for part in self._parts.values() if part.done() and not part.cancelled()
        )

    async def event(self, stream_filter: StreamFilter, confirmed: StateView, now: float) -> tuple[bytes, ...]:
        """Return the event for a filter, in chunks that streams share.

        ``confirmed`` is the latest state that says the same, which may be as old as a quiet cluster.
        """
        head = {
            "cluster": self._cluster,
            "version": __version__,
            "timestamp": timestamps.render(confirmed.current_at),
            "age_seconds": round(confirmed.age(now), 3),
            "stale_after_seconds": self._stale_after,
            "idle_percent": self._idle_percent,
        }
        chunks = [f"event: snapshot\nid: {self._id}\ndata: ".encode(), _encode(head)[:-1]]
        if "status" in stream_filter.sections:
            if self._figures is None:
                self._figures = b',"status":' + _encode(figures(self.current, self._cluster, self._now))
            chunks.append(self._figures)
        sections: tuple[tuple[Section, bytes, MakePart], ...] = (
            ("nodes", b"nodes", self._nodes),
            ("tasks", b"tasks", self._tasks),
            ("alerts", b"alerts", self._alerts),
            ("events", b"recent_events", self._events),
        )
        for section, name, make in sections:
            if section in stream_filter.sections:
                part = await self._part(_Part.of(section, stream_filter), make)
                chunks += (b',"%b":[' % name, part, b"]")
        return *chunks, b"}\n\n"

    async def _part(self, part: _Part, make: MakePart) -> bytes:
        if part not in self._parts:
            self._parts[part] = asyncio.create_task(make(part))
        return await asyncio.shield(self._parts[part])

    async def _nodes(self, part: _Part) -> bytes:
        shown = dict if part.view is None else capacity_row
        names = self.current.snapshot.listed()
        return await _encode_rows([shown(node_row(self.current, name))] for name in names)

    async def _tasks(self, part: _Part) -> bytes:
        namespace = part.namespace
        if namespace is None:
            names = sorted(self.current.snapshot.nodes)
            return await _encode_rows(task_rows(self.current, name).values() for name in names)
        if self._nodes_of_namespaces is None:
            self._nodes_of_namespaces = asyncio.create_task(self._find_nodes_of_namespaces())
        names = (await asyncio.shield(self._nodes_of_namespaces)).get(namespace, [])
        return await _encode_rows(task_rows(self.current, name, namespace).values() for name in names)

    async def _find_nodes_of_namespaces(self) -> dict[str, list[str]]:
        """Return the nodes that each namespace has pods on."""
        found: dict[str, list[str]] = {}

        def add(name: str) -> None:
            for namespace in {pod.namespace for pod in self.current.snapshot.nodes[name].pods}:
                found.setdefault(namespace, []).append(name)

        await slices.each(add, sorted(self.current.snapshot.nodes))
        return found

    async def _alerts(self, _part: _Part) -> bytes:
        return await _encode_rows([dict(alert_row(alert))] for alert in self.current.alerts_and_events.alerts)

    async def _events(self, _part: _Part) -> bytes:
        return await _encode_rows([dict(event_row(event))] for event in self.current.alerts_and_events.events)


class InitialSnapshots:
    """The latest initial snapshot, and older ones that are still being sent."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """Start empty."""
        self._max_bytes = max_bytes
        self._snapshots: list[InitialSnapshot] = []

    @property
    def latest(self) -> InitialSnapshot | None:
        """Return the newest one."""
        return self._snapshots[-1] if self._snapshots else None

    def add(self, snapshot: InitialSnapshot) -> None:
        """Add a new one, and abort the streams of the oldest ones beyond the bound."""
        self._snapshots = [each for each in self._snapshots if each.readers]
        size = sum(each.size for each in self._snapshots)
        for each in self._snapshots:
            if size <= self._max_bytes:
                break
            size -= each.size
            for reader in each.readers:
                reader.abort()
        self._snapshots.append(snapshot)

    def drop(self, is_current: Callable[[InitialSnapshot], bool]) -> None:
        """Drop those that are neither being sent nor current. One of a large cluster has many megabytes."""
        self._snapshots = [each for each in self._snapshots if each.readers or is_current(each)]


async def _encode_rows(groups: Iterable[Iterable[Row]]) -> bytes:
    """Return the rows of all groups, separated by commas."""
    encoded = await slices.each(lambda rows: b",".join(map(_encode, rows)), groups)
    return b",".join(filter(None, encoded))
