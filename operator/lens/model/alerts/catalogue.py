"""All alert types, as the modules of rules declare them."""

from itertools import chain
from typing import Any

from lens.model.alerts.alert import AlertType
from lens.model.alerts.cluster_rules import CLUSTER_ALERTS
from lens.model.alerts.gpu_rules import GPU_ALERTS, OMITTED_ALERTS
from lens.model.alerts.node_rules import NODE_ALERTS
from lens.model.alerts.pod_rules import PENDING_ALERTS, USAGE_ALERTS

ALERT_TYPES: tuple[AlertType[Any], ...] = tuple(
    chain(
        GPU_ALERTS.types,
        OMITTED_ALERTS.types,
        NODE_ALERTS.types,
        USAGE_ALERTS.types,
        PENDING_ALERTS.types,
        CLUSTER_ALERTS.types,
    )
)
