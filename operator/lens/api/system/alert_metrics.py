"""The metrics of alerts: by type, and by the object that they are about."""

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from lens.model.alerts.alert import Alert
from lens.model.alerts.catalogue import ALERT_TYPES


def alerts_by_type(alerts: Iterable[Alert]) -> Metric:
    """Return the number of alerts by type and severity, zeros included."""
    family = GaugeMetricFamily(
        "lens_alerts",
        "Active alerts of Lens by type and severity; 0 for types without any.",
        labels=["type", "severity"],
    )
    counts = Counter((alert.type, alert.severity) for alert in alerts)
    for alert_type in ALERT_TYPES:
        for severity in alert_type.severities:
            family.add_metric([alert_type.type, severity], counts[alert_type.type, severity])
    return family


def alert_info(alerts: Iterable[Alert]) -> Metric:
    """Return the number of alerts by their object, which is 1 but for alerts of one type and object."""
    family = GaugeMetricFamily(
        "lens_alert_info",
        "The number of alerts of this type about this node, GPU or pod; a label is empty where it doesn't "
        "apply. The most severe alerts, up to LENS_METRICS_ALERTS.",
        labels=["type", "severity", "node", "gpu", "uuid", "namespace", "pod"],
    )
    for labels, number in Counter(map(_alert_labels, alerts)).items():
        family.add_metric(labels, number)
    return family


def _alert_labels(alert: Alert) -> tuple[str, ...]:
    about = alert.about
    gpu = "" if about.gpu_index is None else str(about.gpu_index)
    others = (about.node, gpu, about.gpu_uuid, about.namespace, about.pod)
    return (alert.type, alert.severity, *(each or "" for each in others))
