"""The evaluation of the rules: every rule of an object's kind is applied to it.

It says what is wrong now. The tracker says whether it has lasted.
"""

from collections.abc import Iterator
from typing import TypeVar

from lens.model.alerts.alert import (
    SEVERITIES,
    AlertType,
    AlertTypes,
    Condition,
    Finding,
    Thresholds,
    shortened,
)
from lens.model.alerts.cluster_rules import CLUSTER_ALERTS, Cluster, missing_nodes
from lens.model.alerts.gpu_rules import (
    GPU_ALERTS,
    MAX_GPU_ALERTS,
    OMITTED_ALERTS,
    NodeGpu,
    OmittedAlerts,
)
from lens.model.alerts.node_rules import NODE_ALERTS, GpuNode, overcommitted
from lens.model.alerts.pod_rules import PENDING_ALERTS, USAGE_ALERTS
from lens.model.gpu.telemetry import NodeTelemetry
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy

T = TypeVar("T")


def node_conditions(
    name: str, occupancy: NodeOccupancy | None, telemetry: NodeTelemetry | None, limits: Thresholds
) -> Iterator[Condition]:
    """Yield the findings about a node, its GPUs, and the pods on them."""
    node = GpuNode(name, occupancy, telemetry, limits)
    yield from _conditions(NODE_ALERTS, node)
    yield from _conditions(USAGE_ALERTS, node)
    if telemetry is not None and telemetry.state != "unknown":
        yield from _gpu_conditions(name, telemetry)


def _gpu_conditions(node: str, telemetry: NodeTelemetry) -> Iterator[Condition]:
    """Yield the findings about a node's GPUs: of too many the most severe, and the number of the others."""
    found = [each for gpu in telemetry.gpus for each in _conditions(GPU_ALERTS, NodeGpu(node, gpu))]
    omitted = len(found) - MAX_GPU_ALERTS
    if omitted > 0:
        found.sort(key=lambda condition: SEVERITIES.index(condition.severity))
        yield from _conditions(OMITTED_ALERTS, OmittedAlerts(node, omitted))
    yield from found[:MAX_GPU_ALERTS]


def pending_conditions(pod: Pod) -> Iterator[Condition]:
    """Yield the findings about a pod that is not bound to a node."""
    return _conditions(PENDING_ALERTS, pod)


def cluster_conditions(cluster: Cluster) -> Iterator[Condition]:
    """Yield the findings about the cluster as a whole."""
    for finding in missing_nodes(cluster):
        yield _condition(overcommitted, finding)
    yield from _conditions(CLUSTER_ALERTS, cluster)


def _conditions(alerts: AlertTypes[T], subject: T) -> Iterator[Condition]:
    """Apply every rule to an object, up to an alert that hides the others."""
    for kind in alerts.types:
        found = False
        for finding in kind.rule(subject):
            found = True
            yield _condition(kind, finding)
        if found and kind.alone:
            return


def _condition(kind: AlertType[T], finding: Finding) -> Condition:
    return Condition(
        kind,
        f"{kind.type}:{finding.key or finding.source}",
        finding.source,
        shortened(finding.message),
        finding.severity or kind.severities[0],
        finding.about,
        finding.since,
        finding.telemetry_node,
    )
