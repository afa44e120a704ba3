"""What is wrong and what has happened, as status tells it."""

from lens.api import schemas
from lens.api.parameters import StatusParameters
from lens.model.alerts.alert import Alert
from lens.model.events.transitions import Event
from lens.model.k8s import timestamps


def alert(each: Alert) -> schemas.Alert:
    """Return one alert."""
    return {
        "id": each.id,
        "severity": each.severity,
        "type": each.type,
        "message": each.message,
        "timestamp": timestamps.render(each.since),
        "source": each.source,
        "namespace": each.namespace,
        "action": each.action,
    }


def event(each: Event) -> schemas.Event:
    """Return one event."""
    return {
        "timestamp": timestamps.render(each.at),
        "type": each.type,
        "object": each.object,
        "message": each.message,
        "namespace": each.namespace,
        "source": each.source,
        "reason": each.reason,
    }


def is_asked_for(each: Event, asked: StatusParameters) -> bool:
    """Tell whether an event passes the filters."""
    return (
        (not asked.event_type or each.type in asked.event_type)
        and (asked.event_object is None or each.object == asked.event_object)
        and (asked.event_since is None or each.at >= asked.event_since)
    )
