"""The alarms: conditions that last become alerts, and alerts whose condition is gone for long enough end."""

from collections.abc import Container, Iterable
from dataclasses import dataclass

import msgspec

from lens.model.alerts.catalogue import Alert, Thresholds, in_order
from lens.model.alerts.rules import Condition


class Changes(msgspec.Struct, frozen=True):
    """Which alerts began and ended."""

    raised: tuple[Alert, ...]
    cleared: tuple[Alert, ...]


@dataclass(slots=True)
class _Alarm:
    since: float
    seen_at: float
    condition: Condition
    alert: Alert | None = None


class Alarms:
    """One alarm for each condition, by its id."""

    def __init__(self, limits: Thresholds) -> None:
        """Start with nothing wrong."""
        self._limits = limits
        self._alarms: dict[str, _Alarm] = {}
        self.alerts: tuple[Alert, ...] = ()

    def update(self, conditions: Iterable[Condition], unheard: Container[str], now: float) -> Changes:
        """Take all that is wrong at ``now``; what a node in ``unheard`` told before stays as it was."""
        raised: list[Alert] = []
        reworded = False
        for condition in conditions:
            alarm = self._alarms.get(condition.id)
            if alarm is None:
                since = now if condition.since is None else condition.since
                alarm = self._alarms[condition.id] = _Alarm(since, now, condition)
            alarm.seen_at = now
            if alarm.alert is None:
                if now - alarm.since >= condition.kind.lasting(self._limits):
                    alarm.alert = _alert(condition, alarm.since)
                    raised.append(alarm.alert)
            elif condition != alarm.condition:
                alarm.alert = _alert(condition, alarm.since)
                reworded = True
            alarm.condition = condition
        cleared = self._clear(unheard, now)
        if raised or reworded or cleared:
            self.alerts = in_order(alarm.alert for alarm in self._alarms.values() if alarm.alert is not None)
        return Changes(tuple(raised), cleared)

    def _clear(self, unheard: Container[str], now: float) -> tuple[Alert, ...]:
        over: list[str] = []
        for id_, alarm in self._alarms.items():
            if alarm.seen_at == now:
                continue
            if alarm.condition.node is not None and alarm.condition.node in unheard:
                alarm.seen_at = now
            # What was not yet worth an alert starts anew when it comes back.
            elif alarm.alert is None or now - alarm.seen_at >= self._limits.clear:
                over.append(id_)
        ended = (self._alarms.pop(id_).alert for id_ in over)
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
        namespace=condition.namespace,
    )
