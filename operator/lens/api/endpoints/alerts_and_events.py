"""The rows of alerts and events."""

from lens.api.parameters.status import StatusParameters
from lens.api.schemas.alerts_and_events import Alert as AlertRow
from lens.api.schemas.alerts_and_events import Event as EventRow
from lens.model.alerts.alert import Alert
from lens.model.events.transitions import Event
from lens.model.k8s import timestamps


def alert_row(alert: Alert) -> AlertRow:
    """Return an alert's row."""
    about = alert.about
    return {
        "id": alert.id,
        "severity": alert.severity,
        "type": alert.type,
        "message": alert.message,
        "timestamp": timestamps.render(alert.since),
        "source": alert.source,
        "namespace": about.namespace,
        "node": about.node,
        "gpu_uuid": about.gpu_uuid,
        "gpu_index": about.gpu_index,
        "pod": about.pod,
        "action": alert.action,
    }


def event_row(event: Event) -> EventRow:
    """Return an event's row."""
    return {
        "timestamp": timestamps.render(event.at),
        "type": event.type,
        "object": event.object,
        "message": event.message,
        "namespace": event.namespace,
        "source": event.source,
        "reason": event.reason,
    }


def matches(event: Event, params: StatusParameters) -> bool:
    """Return whether an event passes the request's filters."""
    return (
        (not params.event_type or event.type in params.event_type)
        and (params.event_object is None or event.object == params.event_object)
        and (params.event_since is None or event.at >= params.event_since)
    )
