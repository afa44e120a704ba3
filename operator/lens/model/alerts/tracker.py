"""A condition that lasts becomes an alert. The alert clears when the condition stays absent."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from lens.model.alerts.alert import Alert, Condition, Thresholds, in_order


class Changes(msgspec.Struct, frozen=True):
    """Which alerts were raised and cleared."""

    raised: tuple[Alert, ...]
    cleared: tuple[Alert, ...]


@dataclass(slots=True)
class _Tracked:
    since: float
    seen_at: float
    condition: Condition
    alert: Alert | None = None


class AlertTracker:
    """Tracks each condition, by its id."""

    def __init__(self, limits: Thresholds) -> None:
        """Start without alerts."""
        self._limits = limits
        self._tracked: dict[str, _Tracked] = {}
        self._updated_at = float("-inf")
        self.alerts: tuple[Alert, ...] = ()

    def update(
        self, conditions: Iterable[Condition], is_unknown: Callable[[Condition], bool], now: float
    ) -> Changes:
        """Update with all conditions as of ``now``. An absent one that ``is_unknown`` stays as it was."""
        raised: list[Alert] = []
        reworded = self._set_back(now)
        for condition in conditions:
            tracked = self._tracked.get(condition.id)
            if tracked is None:
                since = now if condition.since is None else min(now, condition.since)
                tracked = self._tracked[condition.id] = _Tracked(since, now, condition)
            tracked.seen_at = now
            if tracked.alert is None:
                if now - tracked.since >= condition.kind.lasting_seconds(self._limits):
                    tracked.alert = _alert(condition, tracked.since)
                    raised.append(tracked.alert)
            elif condition != tracked.condition:
                tracked.alert = _alert(condition, tracked.since)
                reworded = True
            tracked.condition = condition
        cleared = self._clear(is_unknown, now)
        if raised or reworded or cleared:
            self.alerts = in_order(
                tracked.alert for tracked in self._tracked.values() if tracked.alert is not None
            )
        return Changes(tuple(raised), cleared)

    def since(self, type_: str) -> dict[str, float]:
        """Return the epoch second since which each condition of a type lasts, by its id, alert or not yet."""
        return {
            id_: tracked.since
            for id_, tracked in self._tracked.items()
            if tracked.condition.kind.type == type_
        }

    def _set_back(self, now: float) -> bool:
        """Move times that are after ``now`` back to it; return whether an alert has changed.

        The clock was set back. Otherwise no alert would be raised or cleared until it is as late again.
        """
        before, self._updated_at = self._updated_at, now
        if now >= before:
            return False
        changed = False
        for tracked in self._tracked.values():
            tracked.seen_at = min(tracked.seen_at, now)
            if tracked.since > now:
                tracked.since = now
                if tracked.alert is not None:
                    tracked.alert = _alert(tracked.condition, now)
                    changed = True
        return changed

    def _clear(self, is_unknown: Callable[[Condition], bool], now: float) -> tuple[Alert, ...]:
        over: list[str] = []
        for id_, tracked in self._tracked.items():
            if tracked.seen_at == now:
                continue
            if is_unknown(tracked.condition):
                tracked.seen_at = now
            # A condition that wasn't an alert yet starts anew when it returns.
            elif tracked.alert is None or now - tracked.seen_at >= self._limits.clear_seconds:
                over.append(id_)
        ended = (self._tracked.pop(id_).alert for id_ in over)
        return tuple(alert for alert in ended if alert is not None)


def _alert(condition: Condition, since: float) -> Alert:
    return Alert(
        id=condition.id,
        type=condition.kind.type,
        severity=condition.severity,
        message=condition.message,
        action=condition.kind.action,
        since=since,
        source=condition.source,
        about=condition.about,
    )
