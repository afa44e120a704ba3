"""Delays changes of measured values that are small, or that follow the last one soon.

Utilization changes with each sample. A stream sends it again when it has moved by a point, at most every
PAUSE_SECONDS; after EXACT_SECONDS it sends the exact value, however small the change. All other changes are
sent at once, and a row that is sent has its exact values.
"""

from collections.abc import Mapping
from enum import IntEnum

import msgspec

from lens.api.stream.diff import Row, figures, node_row, task_rows
from lens.concurrency import slices
from lens.model.cluster_state import StateView
from lens.model.gpu.telemetry import NodeTelemetry, TelemetryTotals

PAUSE_SECONDS = 5.0
"""The least time between two changes of a row by nothing but measured values."""

EXACT_SECONDS = 60.0
"""After this time a row gets its exact values, however small the difference is."""

SMALL_POINTS = 1.0
"""A change of utilization below this is small."""

SMALL_PART = 0.01
"""So is a change of used memory below this part of it."""

_UTILIZATION = frozenset({"utilization", "utilization_rate"})
_MEASURED = _UTILIZATION | {"memory_used_bytes", "utilized_gpus"}


class _Change(IntEnum):
    """How two versions of a row differ. SMALL and LARGE are changes of measured values only."""

    NONE = 0
    SMALL = 1
    LARGE = 2
    OTHER = 3


class Damper:
    """Decides from which telemetry the rows of a stream are made. For use by one job."""

    def __init__(self, current: StateView, cluster: str, now: float) -> None:
        """Take the state that all streams have; times are in seconds of one monotonic clock."""
        self._cluster = cluster
        self._seen = current
        # Rows that were sent before may change at once.
        self._since = now - PAUSE_SECONDS
        self._sent_at: dict[str, float] = {}
        self._due_at: dict[str, float] = {}
        self._figures_sent_at = self._since
        self._figures_due_at: float | None = None

    def has_work(self, current: StateView, now: float) -> bool:
        """Return whether anything may have to be sent now."""
        due = (*self._due_at.values(), *([] if self._figures_due_at is None else [self._figures_due_at]))
        return current.differs_from(self._seen) or min(due, default=now + 1) <= now

    async def advance(self, sent: StateView, current: StateView, now: float) -> StateView:
        """Return the present state, but of the telemetry the delayed parts as in ``sent``."""
        telemetry = current.telemetry
        touched = set(current.snapshot.nodes.differing(sent.snapshot.nodes))
        names = set(telemetry.nodes.differing(self._seen.telemetry.nodes))
        names |= {name for name, at in self._due_at.items() if at <= now or name in touched}
        self._seen = current
        updates: dict[str, NodeTelemetry | None] = {}

        def decide(name: str) -> None:
            change = _Change.OTHER if name in touched else _node_change(sent, current, name)
            due_at = _due_at(change, self._sent_at.get(name, self._since), now)
            if due_at > now:
                self._due_at[name] = due_at
                return
            self._due_at.pop(name, None)
            updates[name] = telemetry.nodes.get(name)
            if updates[name] is None:
                self._sent_at.pop(name, None)
            elif change is not _Change.NONE:
                self._sent_at[name] = now

        await slices.each(decide, sorted(names))
        sums = self._sums(sent, current, now)
        before = sent.telemetry
        if updates or (sums, telemetry.complete) != (before.sums, before.complete):
            nodes = before.nodes.updated(updates)
            telemetry = msgspec.structs.replace(telemetry, sums=sums, nodes=nodes)
        else:
            telemetry = before
        return msgspec.structs.replace(current, telemetry=telemetry)

    def _sums(self, sent: StateView, current: StateView, now: float) -> TelemetryTotals:
        """Return the sums over all nodes, or those that were sent last."""
        change = _change(figures(sent, self._cluster, 0.0), figures(current, self._cluster, 0.0))
        due_at = _due_at(change, self._figures_sent_at, now)
        if due_at > now:
            self._figures_due_at = due_at
            return sent.telemetry.sums
        self._figures_due_at = None
        if change is not _Change.NONE:
            self._figures_sent_at = now
        return current.telemetry.sums


def _due_at(change: _Change, sent_at: float, now: float) -> float:
    match change:
        case _Change.SMALL:
            return sent_at + EXACT_SECONDS
        case _Change.LARGE:
            return sent_at + PAUSE_SECONDS
        case _:
            return now


def _node_change(sent: StateView, current: StateView, name: str) -> _Change:
    """Return how the rows of a node and its tasks differ by their telemetry alone."""
    if not current.snapshot.lists(name):
        return _Change.OTHER
    before, after = task_rows(sent, name), task_rows(current, name)
    if before.keys() != after.keys():
        return _Change.OTHER
    own = _change(node_row(sent, name), node_row(current, name))
    return max(own, *(_change(before[key], after[key]) for key in before), _Change.NONE)


def _change(before: Row, after: Row) -> _Change:
    found = _Change.NONE
    if before == after:
        return found
    if before.keys() != after.keys():
        return _Change.OTHER
    for name, value in after.items():
        old = before[name]
        if old == value:
            continue
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            found = max(found, _change(dict(old), dict(value)))
        elif name in _MEASURED and isinstance(old, int | float) and isinstance(value, int | float):
            found = max(found, _Change.SMALL if _is_small(name, old, value) else _Change.LARGE)
        else:
            return _Change.OTHER
    return found


def _is_small(name: str, old: float, value: float) -> bool:
    if name in _UTILIZATION:
        return abs(value - old) < SMALL_POINTS
    return name == "memory_used_bytes" and abs(value - old) < SMALL_PART * max(value, old)
